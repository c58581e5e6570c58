"""One training step as one module: uint8 images in, the loss and what is logged out."""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from vaelab.data.feed import class_context
from vaelab.data.pixels import Pixels
from vaelab.models import LatentVariableModel
from vaelab.objectives import BaseObjective


class TrainingStep(nn.Module):
    """Pixels, model and objective in one forward pass.

    It returns tensors and takes everything that changes while training as tensors, so that it can
    be wrapped, compiled or captured as a whole.

    Args:
        model: what is trained.
        objective: what is minimised.
        pixels: what a pixel means to the model.
        images: how many there are to train on.
    """

    def __init__(
        self, model: LatentVariableModel, objective: BaseObjective, pixels: Pixels, images: int
    ) -> None:
        super().__init__()
        self.register_buffer("images", torch.tensor(float(images)), persistent=False)
        self.model = model
        self.objective = objective
        self.pixels = pixels

    def forward(
        self,
        images: UInt8[Tensor, "b c h w"],
        labels: Int64[Tensor, " b"],
        noise: Float[Tensor, "k b ..."],
        uniform: Float[Tensor, "b c h w"] | None,
        controls: Mapping[str, Float[Tensor, ""]],
    ) -> dict[str, Tensor]:
        """The loss and the batch's mean distortion and rate, nats per image.

        Args:
            images: a batch.
            labels: their classes.
            noise: of the posterior samples.
            uniform: of pixels drawn afresh.
            controls: settings of the objective at this step.
        """
        x = self.pixels(images, uniform)
        context = class_context(labels, self.model.classes)
        terms = self.model.terms(x, context, noise=noise)
        return {
            "loss": self.objective(terms, {**controls, "images": self.get_buffer("images")}),
            "distortion": terms.distortion.detach().mean(),
            "rate": terms.rate.detach().mean(),
        }
