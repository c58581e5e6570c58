"""A rate whose first nats are free."""

from typing import ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vaelab.models import Level, Terms
from vaelab.objectives.base import BaseObjective, Controls


class FreeBitsConfig(BaseObjective):
    """The negative ELBO, where each dimension's rate below a threshold is not worth saving.

        loss = E_q[-log p(x|z)] + sum over dimensions k of max(nats, KL_k)

    The threshold is compared with the batch's mean rate of a dimension; where the rate has no
    parts, all dimensions together are one group with the sum of their nats. Use it where dimensions
    fall silent early in training and never come back.

    "Improved variational inference with inverse autoregressive flow" (Kingma et al., 2016, eq. 15,
    arXiv 1606.04934).
    """

    couples: ClassVar[bool] = True

    kind: Literal["free_bits"] = "free_bits"
    nats: float = Field(default=0.25, ge=0, allow_inf_nan=False)
    """Free nats of each dimension."""
    samples: int = Field(default=1, ge=1, le=10_000)
    """Posterior samples per image and step."""

    @property
    def num_samples(self) -> int:
        """`samples`."""
        return self.samples

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        """Mean distortion + sum over dimensions of max(nats, mean rate)."""
        loss = terms.distortion.mean()
        for level in terms.levels:
            loss = loss + self._rate(level)
        return loss

    def _rate(self, level: Level) -> Float[Tensor, ""]:
        per_dim = level.kl_per_dim
        if per_dim is None:
            return level.kl.mean().clamp(min=self.nats * level.z.shape[-1])
        return per_dim.mean(0).clamp(min=self.nats).sum()
