"""The evidence lower bound with a gradient of less variance."""

from typing import ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vaelab.models import Terms
from vaelab.objectives.base import EXPLICIT, BaseObjective, Controls


class STLConfig(BaseObjective):
    """Sticking the landing: the ELBO whose gradient vanishes where q(z|x) is exact.

        loss = E_q[log q(z|x) - log p(x, z)],  the parameters of q held fixed in log q(z|x)

    They get their gradient through the samples only; what is left out has mean zero. Use it where
    the posterior can come near the true one: the noise of its gradient fades as it does. Where it
    cannot, `elbo` may have less noise.

    "Sticking the landing" (Roeder et al., 2017, eq. 8, arXiv 1703.09194).
    """

    models: ClassVar[frozenset[str] | None] = frozenset({"vae"})
    posteriors: ClassVar[frozenset[str] | None] = EXPLICIT

    linear: ClassVar[bool] = True

    kind: Literal["stl"] = "stl"
    samples: int = Field(default=1, ge=1, le=10_000)
    """Posterior samples per image and step."""

    @property
    def num_samples(self) -> int:
        """`samples`."""
        return self.samples

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        """Mean over images and samples of log q - log p(x, z), q's parameters taken as given."""
        return -terms.log_weights_by_path.mean()
