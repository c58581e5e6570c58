"""Likelihoods from a logit per pixel: Bernoulli and continuous Bernoulli."""

from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor
from torch.distributions import Bernoulli, ContinuousBernoulli, Distribution, Independent

from vaelab.data.pixels import Domain
from vaelab.likelihoods.base import BaseLikelihood, Likelihood, Measure


class FromLogits(Likelihood):
    """p(x|z) = prod over pixels of f(x; logit), logits from the decoder."""

    parameter_names = ("logits",)

    def __init__(self, family: type[Bernoulli] | type[ContinuousBernoulli]) -> None:
        super().__init__()
        self.family = family

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        """The distribution whose logits are `params`."""
        return Independent(self.family(logits=params, validate_args=False), 3, validate_args=False)


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

    def build(self, domain: Domain) -> FromLogits:
        """The module."""
        return FromLogits(Bernoulli)


class ContinuousBernoulliConfig(BaseLikelihood):
    """The Bernoulli formula made a density on [0, 1] by its missing normalising constant.

        p(x|z) = prod over pixels of C(p) p^x (1 - p)^(1 - x),  p = sigmoid(logit(z))
        C(p) = 2 artanh(1 - 2 p) / (1 - 2 p),  C(1/2) = 2

    Use it for grey pixels of which most are nearly black or nearly white, where others take
    Bernoulli's formula as it is.

    "The continuous Bernoulli" (Loaiza-Ganem and Cunningham, 2019, eq. 5, arXiv 1907.06845).
    """

    domains: ClassVar[frozenset[Domain]] = frozenset({Domain.UNIT})
    measure: ClassVar[Measure] = "lebesgue"
    remedy: ClassVar[str] = "use `pixels: unit`, or `bernoulli` where they are binary"

    raw: ClassVar[bool] = True

    kind: Literal["continuous_bernoulli"] = "continuous_bernoulli"

    @property
    def limit_words(self) -> str:
        """Of float32, in which PyTorch keeps p away from 0 and 1."""
        return "p at least 1.2e-07 from 0 and 1"

    def build(self, domain: Domain) -> FromLogits:
        """The module."""
        return FromLogits(ContinuousBernoulli)
