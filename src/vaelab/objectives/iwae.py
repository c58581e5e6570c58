"""The importance weighted bound."""

from typing import Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vaelab.models import Terms
from vaelab.objectives.base import BaseObjective, Controls


class IWAEConfig(BaseObjective):
    """The importance weighted bound: tighter than the ELBO the more samples it takes.

        loss = -log 1/K sum over k of p(x, z_k) / q(z_k|x),  z_k ~ q(z|x)

    Use it for a better log p(x) at K times the cost of decoding. Codes may get worse: one good
    sample among K is enough, so that the encoder is held to less.

    "Importance weighted autoencoders" (Burda et al., 2016, eq. 8, arXiv 1509.00519).
    """

    kind: Literal["iwae"] = "iwae"
    samples: int = Field(default=5, ge=1, le=10_000)
    """K, posterior samples per image and step."""

    @property
    def num_samples(self) -> int:
        """`samples`."""
        return self.samples

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        """Mean over images of -log 1/K sum w."""
        return -terms.iwae.mean()
