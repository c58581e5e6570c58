"""The aggregate posterior q(z): the mixture of many images' posteriors."""

from math import log

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

AT_ONCE = 20_000_000
"""Densities of single dimensions computed at a time."""


def log_aggregate(
    posterior: Distribution, z: Float[Tensor, "m d"]
) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
    """Log q(z) and sum over k of log q(z_k), nats, for the mixture of a batch of n posteriors.

    Args:
        posterior: normal, batch shape `(n,)`, event shape `(d,)`.
        z: where.
    """
    count, d = posterior.batch_shape[0], posterior.event_shape[0]
    marginals = Normal(posterior.mean, posterior.stddev, validate_args=False)
    joints, products = [], []
    for part in torch.split(z, max(1, AT_ONCE // (count * d))):
        each: Tensor = marginals.log_prob(part.unsqueeze(1))  # type: ignore[no-untyped-call]  # (m, n, d)
        independent = isinstance(posterior, Independent)
        whole = each.sum(-1) if independent else posterior.log_prob(part.unsqueeze(1))
        joints.append(torch.logsumexp(whole, 1) - log(count))
        products.append((torch.logsumexp(each, 1) - log(count)).sum(-1))
    return torch.cat(joints), torch.cat(products)
