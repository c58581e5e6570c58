"""Posteriors that a flow moves away from a normal distribution."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, ClassVar, Literal, cast

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal, Transform
from torch.distributions.constraints import Constraint
from zuko.flows.autoregressive import MaskedAutoregressiveTransform

from vaelab.distributions.family import BasePosterior, Family
from vaelab.distributions.noise import rsample
from vaelab.distributions.normal import LOG_VARIANCE_BOUND, soft_bound
from vaelab.errors import BadCombinationError

MOMENT_SAMPLES = 64
START = 0.01


class IAFConfig(BasePosterior):
    """An inverse autoregressive flow from a normal distribution: any shape, quickly sampled.

        z_t = mu_t(z_(t-1)) + sigma_t(z_(t-1)) z_(t-1)
        log q(z_t|x) = log q(z_(t-1)|x) - sum over dimensions of log sigma_t

    In each dimension mu and sigma are functions of the dimensions before it. The density is taken
    at the flow's own samples, where it costs nothing; elsewhere the flow has to be inverted, one
    pass for each dimension. Use it where a normal distribution is too far from the true posterior
    and a tighter bound is worth more time; the rate is then estimated from samples.

    "Improved variational inference with inverse autoregressive flow" (Kingma et al., 2016,
    algorithm 1, arXiv 1606.04934).
    """

    kind: Literal["iaf"] = "iaf"
    transforms: int = Field(default=2, ge=1, le=32)
    """How many are applied one after the other, in turn from the first and the last dimension."""
    widths: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(max_length=16)] = (
        128,
    )
    """Widths of the hidden layers of the masked network behind each."""
    context: int = Field(default=32, ge=1, le=4096)
    """How many numbers the encoder hands to those networks, besides the normal distribution."""

    def build(self, latent: int) -> "InverseAutoregressive":
        """The family."""
        if latent < 2:
            raise BadCombinationError(
                "posterior `iaf` makes each dimension a function of those before it, but "
                "model.latent is 1; use `posterior: diagonal_normal`, or two dimensions"
            )
        return InverseAutoregressive(latent, self.transforms, self.widths, self.context)


class InverseAutoregressive(Family):
    """The flow's distribution from loc, log variance and context.

    Args:
        latent: dimension d of the code.
        transforms: number of transforms.
        widths: of the hidden layers behind each.
        context: size of what the encoder hands over.
    """

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
        """The distribution with event shape `(d,)`."""
        loc, spread, context = torch.split(params, self.sizes(self.latent), dim=-1)
        scale = torch.exp(0.5 * soft_bound(spread, LOG_VARIANCE_BOUND))
        start = Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)
        return Moved(start, [transform(context) for transform in self.transforms])


class Moved(Distribution):
    """What transforms make of a distribution; the density of what it draws comes with the draw.

    Args:
        start: before the transforms.
        transforms: from the first to the last.
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    has_rsample = True

    def __init__(self, start: Independent[Normal], transforms: Sequence[Transform]) -> None:
        super().__init__(start.batch_shape, start.event_shape, validate_args=False)
        self.start, self.transforms = start, transforms
        self._drawn: tuple[Tensor, Tensor] | None = None

    def move(self, z: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """Samples of `start` to samples of this, whose log density is remembered."""
        log_q: Tensor = self.start.log_prob(z)  # type: ignore[no-untyped-call]
        for transform in self.transforms:
            # z_t = mu_t(z_<) + sigma_t(z_<) z_(t-1);  log q_t = log q_(t-1) - sum log sigma_t
            z, log_determinant = transform.call_and_ladj(z)  # type: ignore[attr-defined]
            log_q = log_q - log_determinant
        self._drawn = z, log_q
        return z

    def log_prob(self, value: Float[Tensor, "... d"]) -> Float[Tensor, "..."]:
        """The log density, nats: remembered for what was drawn last, else by inverting."""
        if self._drawn is not None and value is self._drawn[0]:
            return self._drawn[1]
        moved = torch.zeros((), dtype=value.dtype, device=value.device)
        for transform in reversed(self.transforms):
            before = cast(Tensor, transform.inv(value))
            moved = moved + transform.log_abs_det_jacobian(before, value)  # type: ignore[no-untyped-call]
            value = before
        density: Tensor = self.start.log_prob(value)  # type: ignore[no-untyped-call]
        return density - moved

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """A differentiable draw from torch's global generator."""
        return self.move(self.start.rsample(torch.Size(sample_shape)))

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
        loc = self.start.base_dist.loc
        draws = torch.Generator().manual_seed(0)
        half = torch.randn(MOMENT_SAMPLES // 2, self.event_shape[0], generator=draws).to(loc)
        noise = torch.cat([half, -half])  # antithetic: a normal's mean comes out exactly
        noise = noise.reshape(-1, *[1] * len(self.batch_shape), *self.event_shape)
        z = rsample(self.start, noise)
        for transform in self.transforms:
            z = cast(Tensor, transform(z))
        return z


@rsample.register
def _(distribution: Moved, noise: Tensor) -> Tensor:
    return distribution.move(rsample(distribution.start, noise))
