"""A probability for each grey level."""

from math import log
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent

from vaelab.data.pixels import Domain
from vaelab.likelihoods.base import BaseLikelihood, Likelihood, Measure

LEVELS = 256


class BinnedLevels(Independent[Categorical]):
    """A categorical distribution over bins of grey levels, those of a bin equally likely.

    Args:
        logits: `(..., c, h, w, bins)`.
    """

    def __init__(self, logits: Float[Tensor, "... c h w bins"]) -> None:
        super().__init__(Categorical(logits=logits, validate_args=False), 3, validate_args=False)
        self._width = LEVELS // logits.shape[-1]

    def log_prob(self, value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Log P of images whose pixels are 0 to 255, nats."""
        # P(v) = P(bin of v) / levels in a bin
        chosen = torch.div(value, self._width, rounding_mode="floor")
        within: Tensor = super().log_prob(chosen)  # type: ignore[no-untyped-call]
        return within - self.event_shape.numel() * log(self._width)

    @property
    def mean(self) -> Tensor:
        """E[v]."""
        bins = self.base_dist.probs.shape[-1]
        middles = self._width * torch.arange(bins) + (self._width - 1) / 2
        return (self.base_dist.probs * middles.to(self.base_dist.probs)).sum(-1)

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draws from torch's global generator."""
        bins: Tensor = super().sample(torch.Size(sample_shape))
        return self._width * bins.float() + torch.randint(0, self._width, bins.shape).to(bins)


class CategoricalLevels(Likelihood):
    """The decoder gives a logit for each bin of grey levels of each pixel and channel.

    Args:
        bins: number of bins.
    """

    parameter_names = ("logits",)

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.bins = bins

    def sizes(self, features: int) -> list[int]:
        """[channels * bins]."""
        return [features * self.bins]

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        """The distribution with these logits."""
        return BinnedLevels(torch.unflatten(params, -3, (-1, self.bins)).movedim(-3, -1))


class CategoricalConfig(BaseLikelihood):
    """A probability for each grey level, or for each bin of them, without any assumed shape.

        P(v|z) = softmax(logits(z))[bin of v] / levels in a bin

    Fewer bins than 256 are still a distribution of the levels, uniform within a bin. Use it where a
    pixel may well be one of several levels but none between; the decoder's output is `bins` times
    as large as the image.

    "Pixel recurrent neural networks" (van den Oord et al., 2016, section 3, arXiv 1601.06759).
    """

    domains: ClassVar[frozenset[Domain]] = frozenset({Domain.LEVELS})
    measure: ClassVar[Measure] = "counting"
    remedy: ClassVar[str] = "use `pixels: levels`"
    raw: ClassVar[bool] = True

    kind: Literal["categorical"] = "categorical"
    bins: Literal[2, 4, 8, 16, 32, 64, 128, 256] = 32
    """How many; 256: one for each level."""

    def build(self, domain: Domain) -> CategoricalLevels:
        """The module."""
        return CategoricalLevels(self.bins)
