"""One training step as one module: uint8 images in, the loss and what is logged out."""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from vaelab.data.feed import class_context
from vaelab.data.pixels import Pixels
from vaelab.distributed.world import World
from vaelab.models import LatentVariableModel, Terms
from vaelab.objectives import BaseObjective
from vaelab.objectives.base import Controls


class TrainingStep(nn.Module):
    """Pixels, model and objective in one forward pass.

    It returns tensors and takes everything that changes while training as tensors, so that it can
    be wrapped, compiled or captured as a whole.

    Args:
        model: what is trained.
        objective: what is minimised.
        pixels: what a pixel means to the model.
        images: how many there are to train on.
        world: the processes that share a batch; None: this one alone.
    """

    def __init__(
        self,
        model: LatentVariableModel,
        objective: BaseObjective,
        pixels: Pixels,
        images: int,
        world: World | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("images", torch.tensor(float(images)), persistent=False)
        self.model = model
        self.objective = objective
        self.pixels = pixels
        self.world = world or World()

    def forward(
        self,
        images: UInt8[Tensor, "b c h w"],
        labels: Int64[Tensor, " b"],
        noise: Float[Tensor, "k b ..."],
        uniform: Float[Tensor, "b c h w"] | None,
        controls: Mapping[str, Float[Tensor, ""]],
    ) -> dict[str, Tensor]:
        """The loss and the batch's mean distortion and rate, nats per image.

        Where processes share a batch, summands: their sums over processes are those of the batch.

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
        return self._shared(terms, {**controls, "images": self.get_buffer("images")})

    def _shared(self, terms: Terms, controls: Controls) -> dict[str, Tensor]:
        """Loss, distortion and rate as summands."""
        couples = self.objective.couples and self.world.size > 1
        loss = self.objective(terms.whole(self.world) if couples else terms, controls)
        outputs = {
            "loss": loss,
            "distortion": terms.distortion.detach().mean(),
            "rate": terms.rate.detach().mean(),
        }
        if self.world.size == 1:
            return outputs
        weights = {"loss": 1 / self.world.size} if couples else {}
        return {name: weights.get(name, self.world.part) * one for name, one in outputs.items()}
