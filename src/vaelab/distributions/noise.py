"""Functions of distributions: samples of given noise, other parameters, divergences."""

from collections.abc import Callable
from functools import singledispatch

from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, kl_divergence

Change = Callable[[Tensor], Tensor]


@singledispatch
def rsample(distribution: Distribution, noise: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """A sample that is a differentiable function of the parameters and of the noise.

    `Distribution.rsample` draws its own noise from the global generator; here it is an argument,
    "Auto-encoding variational Bayes" (Kingma and Welling, 2014, section 2.4, arXiv 1312.6114).

    Args:
        distribution: batch shape `(b,)`, event shape `(d,)`.
        noise: standard normal, `(k, b, d)`.

    Returns:
        k samples for each member of the batch, `(k, b, d)`.

    Raises:
        TypeError: the family has no such function.
    """
    raise TypeError(f"{type(distribution).__name__} has no sample as a function of noise")


@rsample.register(Independent)
def _(distribution: Independent[Distribution], noise: Tensor) -> Tensor:
    return rsample(distribution.base_dist, noise)


@rsample.register
def _(distribution: Normal, noise: Tensor) -> Tensor:
    # z = loc + scale * noise,  noise ~ N(0, I)
    return distribution.loc + distribution.scale * noise


@singledispatch
def rsample_and_log_prob(
    distribution: Distribution, noise: Float[Tensor, "..."]
) -> tuple[Tensor, Float[Tensor, "..."] | None]:
    """`rsample`, and the log density there, nats, of a family whose draws bring it along.

    Returns:
        The samples `(k, b, d)`, and `(k, b)`, or None: ask `log_prob`, which costs no more.
    """
    return rsample(distribution, noise), None


@singledispatch
def changed(distribution: Distribution, change: Change) -> Distribution:
    """A distribution of the same family, each of its parameters put through `change`."""
    raise TypeError(f"the parameters of {type(distribution).__name__} cannot be changed")


@changed.register(Independent)
def _(distribution: Independent[Distribution], change: Change) -> Distribution:
    dimensions = distribution.reinterpreted_batch_ndims
    return Independent(changed(distribution.base_dist, change), dimensions, validate_args=False)


@changed.register
def _(distribution: Normal, change: Change) -> Distribution:
    return Normal(change(distribution.loc), change(distribution.scale), validate_args=False)


@changed.register
def _(distribution: MultivariateNormal, change: Change) -> Distribution:
    factor = change(distribution.scale_tril)
    return MultivariateNormal(change(distribution.loc), scale_tril=factor, validate_args=False)


def closed_form_kl(q: Distribution, p: Distribution) -> Float[Tensor, "*b"] | None:
    """KL(q || p) in nats per image, or None where no closed form is known."""
    per_dim = closed_form_kl_per_dim(q, p)
    return _known(q, p) if per_dim is None else per_dim.sum(-1)


def closed_form_kl_per_dim(q: Distribution, p: Distribution) -> Float[Tensor, "*b d"] | None:
    """KL of each dimension in nats, where both are independent over dimensions; else None."""
    if not (isinstance(q, Independent) and isinstance(p, Independent)):
        return None
    return _known(q.base_dist, p.base_dist)


def _known(q: Distribution, p: Distribution) -> Tensor | None:
    try:
        return kl_divergence(q, p)
    except NotImplementedError:
        return None
