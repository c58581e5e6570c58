"""The importance weighted bound with a gradient that stays useful for many samples."""

from typing import ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vaelab.models import Terms
from vaelab.objectives.base import EXPLICIT, BaseObjective, Controls


class DReGConfig(BaseObjective):
    """The importance weighted bound with the doubly reparameterised gradient.

        loss = -log 1/K sum over k of w_k,  w_k = p(x, z_k) / q(z_k|x)
        its gradient in the encoder = -sum over k of (w_k / sum of w)^2 d(log w_k)/dz_k dz_k/dphi

    The encoder's gradient of the plain bound drowns in noise as samples are added; this one does
    not. Use it in place of `iwae` with more than a few samples; replicas are trained one by one.

    "Doubly reparameterized gradient estimators for Monte Carlo objectives" (Tucker et al., 2019,
    eq. 8, arXiv 1810.04152); the noise: "Tighter variational bounds are not necessarily better"
    (Rainforth et al., 2018, arXiv 1802.04537).
    """

    models: ClassVar[frozenset[str] | None] = frozenset({"vae"})
    posteriors: ClassVar[frozenset[str] | None] = EXPLICIT
    alone: ClassVar[bool] = True

    kind: Literal["dreg"] = "dreg"
    samples: int = Field(default=5, ge=1, le=10_000)
    """K, posterior samples per image and step."""

    @property
    def num_samples(self) -> int:
        """`samples`."""
        return self.samples

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        """Mean over images of -log 1/K sum w; its gradient is the estimator's."""
        weights = terms.log_weights.softmax(0).detach()

        # model: sum_k w_k grad log p(x, z_k);  encoder: sum_k w_k^2 d(log w_k)/dz_k dz_k
        def scale(gradient: Tensor) -> Tensor:
            return weights.unsqueeze(-1) * gradient

        for level in terms.levels:
            if level.z.requires_grad:
                level.z.register_hook(scale)  # type: ignore[no-untyped-call]
        surrogate = (weights * terms.log_weights_by_path).sum(0).mean()
        return (surrogate.detach() - terms.iwae.detach().mean()) - surrogate
