"""A coin for each pixel."""

from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent

from vaelab.data.pixels import Domain
from vaelab.likelihoods.base import BaseLikelihood, Likelihood, Measure


class BernoulliPixels(Likelihood):
    """P(x|z) = prod over pixels of the probability of black or white, logits from the decoder."""

    parameter_names = ("logits",)

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        """The distribution whose logits are `params`."""
        return Independent(Bernoulli(logits=params, validate_args=False), 3, validate_args=False)


class BernoulliConfig(BaseLikelihood):
    """A coin for each pixel; a likelihood for black-and-white pixels only.

        P(x|z) = prod over pixels of p^x (1 - p)^(1 - x),  p = sigmoid(logit(z))

    Use it for `binary` pixels. On grey ones the formula is no density, and it is refused.

    "Auto-encoding variational Bayes" (Kingma and Welling, 2014, appendix C.1, arXiv 1312.6114).
    """

    domains: ClassVar[frozenset[Domain]] = frozenset({Domain.BINARY})
    measure: ClassVar[Measure] = "counting"
    remedy: ClassVar[str] = (
        "use `pixels: binary` or `likelihood: {kind: continuous_bernoulli}` with `pixels: unit`"
    )

    raw: ClassVar[bool] = True

    kind: Literal["bernoulli"] = "bernoulli"

    def build(self, domain: Domain) -> BernoulliPixels:
        """The module."""
        return BernoulliPixels()
