"""The VampPrior."""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from vaelab.errors import BadCombinationError, BadValueError
from vaelab.priors.base import BasePrior, Encode, Prior


class VampPrior(Prior):
    """p(z) = 1/M sum over m of q(z | u_m), with M learned pseudo-inputs u.

    The model binds it to its encoder, and only then it has pseudo-inputs.
    """

    pseudo_inputs: nn.Parameter | None

    def __init__(self, components: int = 100) -> None:
        super().__init__()
        self.register_parameter("pseudo_inputs", None)
        self.register_buffer("logits", torch.zeros(components), persistent=False)

    def bind(self, encode: Encode | None, image_shape: tuple[int, int, int]) -> None:
        """Take the encoder, a bound method, so that its parameters are not registered twice."""
        if encode is None:
            raise BadCombinationError(
                "prior `vamp` encodes pseudo-inputs, which have no class, but the encoder reads "
                "one; use `condition: {encoder: none, decoder: one_hot}`"
            )
        self._encode = encode
        if self.pseudo_inputs is None:
            components = len(self.get_buffer("logits"))
            self.pseudo_inputs = nn.Parameter(0.05 + 0.01 * torch.randn(components, *image_shape))

    def forward(self, context: Float[Tensor, "b c"] | None = None) -> Distribution:
        weights = Categorical(logits=self.get_buffer("logits"), validate_args=False)
        if self.pseudo_inputs is None:
            raise BadValueError(
                "this prior has no pseudo-inputs yet; the model binds it: `prepare`"
            )
        components = self._encode(self.pseudo_inputs)
        return MixtureSameFamily(weights, components, validate_args=False)


class VampConfig(BasePrior):
    """A mixture of the posteriors of learned pseudo-inputs.

    Pseudo-inputs pass a batch norm by its running moments, in training as in evaluation.
    """

    formula = "p(z) = 1/M sum over m of q(z|u_m)"
    advice = """Use it where the prior should follow the codes wherever the encoder puts them,
        for a tighter bound and better samples; every step encodes the M pseudo-inputs besides
        the batch."""
    references = '"VAE with a VampPrior" (Tomczak and Welling, 2018, eq. 9, arXiv 1705.07120)'

    reads_images: ClassVar[bool] = True

    kind: Literal["vamp"] = "vamp"
    components: int = Field(default=100, ge=1, le=10_000)
    """Number of pseudo-inputs."""

    def build(self, latent: int, classes: int) -> VampPrior:
        return VampPrior(self.components)
