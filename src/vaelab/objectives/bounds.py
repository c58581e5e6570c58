"""Lower bounds on log p(x): the ELBO, the importance weighted one, gradients of less variance."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vaelab.models import Terms
from vaelab.objectives.base import BaseObjective, Controls
from vaelab.optim import ConstantSchedule, ScheduleConfig


class ELBOConfig(BaseObjective):
    """Distortion plus beta times rate: the negative evidence lower bound where beta is 1."""

    formula = "loss = E_q[-log p(x|z)] + beta KL(q(z|x) || p(z))"
    advice = """Use it first, with beta 1 where numbers are about log p(x); above 1 it pays for a
        smaller, more regular code with distortion, below 1 the other way round."""
    references = """
        "Auto-encoding variational Bayes" (Kingma and Welling, 2014, eq. 3, arXiv 1312.6114); beta:
        "beta-VAE" (Higgins et al., 2017, eq. 4)"""

    linear: ClassVar[bool] = True

    kind: Literal["elbo"] = "elbo"
    beta: ScheduleConfig = ConstantSchedule(value=1.0)
    """Weight of the rate: a number, or a schedule over epochs."""
    samples: int = Field(default=1, ge=1, le=10_000)
    """Posterior samples per image and step."""

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        # loss = E_q[-log p(x|z)] + beta KL(q(z|x) || p(z))
        loss = terms.distortion + controls["beta"] * terms.rate
        return (loss if terms.auxiliary is None else loss + terms.auxiliary).mean()


class STLConfig(BaseObjective):
    """Sticking the landing: the ELBO whose gradient vanishes where q(z|x) is exact.

    They get their gradient through the samples only; what is left out has mean zero.
    """

    formula = "loss = E_q[log q(z|x) - log p(x, z)],  the parameters of q held fixed in log q(z|x)"
    advice = """Use it where the posterior can come near the true one: the noise of its gradient
        fades as it does. Where it cannot, `elbo` may have less noise."""
    references = '"Sticking the landing" (Roeder et al., 2017, eq. 8, arXiv 1703.09194)'

    needs_flat: ClassVar[bool] = True
    needs: ClassVar[Mapping[str, str]] = {"posterior": "explicit"}

    linear: ClassVar[bool] = True

    kind: Literal["stl"] = "stl"
    samples: int = Field(default=1, ge=1, le=10_000)
    """Posterior samples per image and step."""

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        return -terms.log_weights_by_path.mean()


class IWAEConfig(BaseObjective):
    """The importance weighted bound: tighter than the ELBO the more samples it takes."""

    formula = "loss = -log 1/K sum over k of p(x, z_k) / q(z_k|x),  z_k ~ q(z|x)"
    advice = """Use it for a better log p(x) at K times the cost of decoding. Codes may get worse:
        one good sample among K is enough, so that the encoder is held to less."""
    references = '"Importance weighted autoencoders" (Burda et al., 2016, eq. 8, arXiv 1509.00519)'

    kind: Literal["iwae"] = "iwae"
    samples: int = Field(default=5, ge=1, le=10_000)
    """K, posterior samples per image and step."""

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        return -terms.iwae.mean()


class DReGConfig(BaseObjective):
    """The importance weighted bound with the doubly reparameterised gradient.

    The encoder's gradient of the plain bound drowns in noise as samples are added; this one does
    not.
    """

    formula = """
        loss = -log 1/K sum over k of w_k,  w_k = p(x, z_k) / q(z_k|x)
        its gradient in the encoder = -sum over k of (w_k / sum of w)^2 d(log w_k)/dz_k dz_k/dphi
    """
    advice = "Use it in place of `iwae` with more than a few samples."
    references = """
        "Doubly reparameterized gradient estimators for Monte Carlo objectives" (Tucker et al.,
        2019, eq. 8, arXiv 1810.04152); the noise: "Tighter variational bounds are not necessarily
        better" (Rainforth et al., 2018, arXiv 1802.04537)"""

    needs_flat: ClassVar[bool] = True
    needs: ClassVar[Mapping[str, str]] = {"posterior": "explicit"}
    alone: ClassVar[bool] = True

    kind: Literal["dreg"] = "dreg"
    samples: int = Field(default=5, ge=1, le=10_000)
    """K, posterior samples per image and step."""

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
