"""Posteriors that a flow moves away from a normal distribution."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal
from zuko.distributions import NormalizingFlow
from zuko.flows.autoregressive import MaskedAutoregressiveTransform
from zuko.transforms import ComposedTransform

from vaelab.distributions.family import BasePosterior, Family
from vaelab.distributions.noise import Change, changed, rsample, rsample_and_log_prob
from vaelab.distributions.normal import LOG_VARIANCE_BOUND, soft_bound
from vaelab.errors import BadCombinationError

MOMENT_SAMPLES = 64
START = 0.01


class IAFConfig(BasePosterior):
    """An inverse autoregressive flow from a normal distribution: any shape, quickly sampled.

    In each dimension mu and sigma are functions of the dimensions before it. The density is taken
    at the flow's own samples, where it costs nothing; elsewhere the flow has to be inverted, one
    pass for each dimension.
    """

    formula = """
        z_t = mu_t(z_(t-1)) + sigma_t(z_(t-1)) z_(t-1)
        log q(z_t|x) = log q(z_(t-1)|x) - sum over dimensions of log sigma_t
    """
    advice = """Use it where a normal distribution is too far from the true posterior and a tighter
        bound is worth more time; the rate is then estimated from samples."""
    references = """
        "Improved variational inference with inverse autoregressive flow" (Kingma et al., 2016,
        algorithm 1, arXiv 1606.04934)"""

    kind: Literal["iaf"] = "iaf"
    transforms: int = Field(default=2, ge=1, le=32)
    """Number of transforms, in turn from the first and the last dimension."""
    widths: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(max_length=16)] = (
        128,
    )
    """Widths of the hidden layers of the masked network behind each."""
    context: int = Field(default=32, ge=1, le=4096)
    """Numbers that the encoder hands to those networks, besides the normal distribution."""

    def build(self, latent: int) -> "InverseAutoregressive":
        if latent < 2:
            raise BadCombinationError(
                "posterior `iaf` makes each dimension a function of those before it, but "
                "model.latent is 1; use `posterior: diagonal_normal`, or two dimensions"
            )
        return InverseAutoregressive(latent, self.transforms, self.widths, self.context)


class InverseAutoregressive(Family):
    """The flow's distribution from loc, log variance and context."""

    parameter_names = ("loc", "log_variance", "context")

    def __init__(self, latent: int, transforms: int, widths: tuple[int, ...], context: int) -> None:
        super().__init__()
        self.latent, self.context = latent, context
        forwards = torch.arange(latent)
        flow = [
            MaskedAutoregressiveTransform(
                latent, context, hidden_features=widths,
                order=forwards.flip(0) if number % 2 else forwards,
            )
            for number in range(transforms)
        ]  # fmt: skip
        with torch.no_grad():  # nearly the identity, so that it begins as a normal distribution
            for transform in flow:
                for parameter in transform.hyper[-1].parameters():
                    parameter.mul_(START)
        self.transforms = nn.ModuleList(flow)

    def sizes(self, features: int) -> list[int]:
        """(d, d, context)."""
        return [features, features, self.context]

    def forward(self, params: Float[Tensor, "..."]) -> Distribution:
        loc, spread, context = torch.split(params, self.sizes(self.latent), dim=-1)
        scale = torch.exp(0.5 * soft_bound(spread, LOG_VARIANCE_BOUND))
        start = Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)
        return Moved(start, list(self.transforms), context)


class Moved(NormalizingFlow):  # type: ignore[misc]
    """What transforms make of a distribution.

    z_t = mu_t(z_<) + sigma_t(z_<) z_(t-1);  log q_t = log q_(t-1) - sum log sigma_t. Its `log_prob`
    inverts; `rsample_and_log_prob` has that of a draw. Modules make the transforms from a context.
    """

    def __init__(
        self, base: Distribution, flow: Sequence[nn.Module], context: Float[Tensor, "... c"]
    ) -> None:
        super().__init__(ComposedTransform(*(make(context) for make in flow)).inv, base)
        self.flow, self.context = flow, context

    @property
    def mean(self) -> Tensor:
        """The mean of 64 fixed samples: no closed form is known."""
        return self._samples.mean(0)

    @property
    def variance(self) -> Tensor:
        """The variance of 64 fixed samples."""
        return self._samples.var(0)

    @cached_property
    def _samples(self) -> Tensor:
        draws = torch.Generator().manual_seed(0)
        half = torch.randn(MOMENT_SAMPLES // 2, self.event_shape[0], generator=draws)
        noise = torch.cat([half, -half]).to(self.context)  # antithetic: a normal's mean is exact
        noise = noise.reshape(-1, *[1] * len(self.batch_shape), *self.event_shape)
        return rsample(self, noise)


@rsample.register
def _(distribution: Moved, noise: Tensor) -> Tensor:
    z: Tensor = distribution.transform.inv(rsample(distribution.base, noise))
    return z


@rsample_and_log_prob.register
def _(distribution: Moved, noise: Tensor) -> tuple[Tensor, Tensor | None]:
    before = rsample(distribution.base, noise)
    z, log_determinant = distribution.transform.inv.call_and_ladj(before)
    return z, distribution.base.log_prob(before) - log_determinant


@changed.register
def _(distribution: Moved, change: Change) -> Distribution:
    """The numbers that come from the encoder; the flow's own parameters stay."""
    base = changed(distribution.base, change)
    return Moved(base, distribution.flow, change(distribution.context))
