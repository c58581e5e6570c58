"""The Kullback-Leibler divergence in closed form where one is known."""

from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, kl_divergence


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
