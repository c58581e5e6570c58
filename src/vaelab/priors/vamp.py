"""The VampPrior."""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from vaelab.errors import BadCombinationError
from vaelab.priors.base import BasePrior, Encode, Prior


class VampPrior(Prior):
    """p(z) = 1/M sum over m of q(z | u_m), with M learned pseudo-inputs u.

    Args:
        encode: an encoder's input to q(z|x); a bound method, so that the encoder's
            parameters are not registered a second time.
        shape: of an image, `(c, h, w)`.
        components: M.
    """

    def __init__(self, encode: Encode, shape: tuple[int, int, int], components: int) -> None:
        super().__init__()
        self._encode = encode
        self.pseudo_inputs = nn.Parameter(0.05 + 0.01 * torch.randn(components, *shape))
        self.register_buffer("logits", torch.zeros(components), persistent=False)

    def forward(self, context: Float[Tensor, "b c"] | None = None) -> Distribution:
        """The mixture, whatever the class."""
        weights = Categorical(logits=self.get_buffer("logits"), validate_args=False)
        return MixtureSameFamily(weights, self._encode(self.pseudo_inputs), validate_args=False)


class VampConfig(BasePrior):
    """A mixture of the posteriors of learned pseudo-inputs.

        p(z) = 1/M sum over m of q(z|u_m)

    Pseudo-inputs pass a batch norm by its running moments, in training as in evaluation. Use it
    where the prior should follow the codes wherever the encoder puts them, for a tighter bound and
    better samples; every step encodes the M pseudo-inputs besides the batch.

    "VAE with a VampPrior" (Tomczak and Welling, 2018, eq. 9, arXiv 1705.07120).
    """

    kind: Literal["vamp"] = "vamp"
    components: int = Field(default=100, ge=1, le=10_000)
    """Number of pseudo-inputs."""

    def build(
        self, latent: int, image_shape: tuple[int, int, int], encode: Encode | None, classes: int
    ) -> VampPrior:
        """The module."""
        if encode is None:
            raise BadCombinationError(
                "prior `vamp` encodes pseudo-inputs, which have no class, but condition.encoder "
                "reads one; use `condition: {encoder: none, decoder: one_hot}`"
            )
        return VampPrior(encode, image_shape, self.components)
