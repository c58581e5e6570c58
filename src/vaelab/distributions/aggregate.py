"""The aggregate posterior q(z): the mixture of many images' posteriors."""

from math import log

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, MixtureSameFamily, Normal

from vaelab.distributions.normal_mixture import mixture_parameters

AT_ONCE = 20_000_000
"""Densities of single dimensions computed at a time."""


def log_aggregate(
    posterior: Distribution, z: Float[Tensor, "m d"]
) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
    """Log q(z) and sum over k of log q(z_k), nats, for the mixture of a batch of n posteriors.

    These are normal, or mixtures of normals.
    """
    if isinstance(posterior, MixtureSameFamily):
        log_weights, loc, scale = mixture_parameters(posterior)
        # a mixture of mixtures is the mixture of all their components
        posterior = Independent(Normal(loc.flatten(0, 1), scale.flatten(0, 1)), 1)
        log_weights = log_weights.flatten() - log(len(log_weights))
    else:
        log_weights = posterior.mean.new_full(posterior.batch_shape, -log(len(posterior.mean)))
    count, d = posterior.batch_shape[0], posterior.event_shape[0]
    marginals = Normal(posterior.mean, posterior.stddev, validate_args=False)
    joints, products = [], []
    for part in torch.split(z, max(1, AT_ONCE // (count * d))):
        each: Tensor = marginals.log_prob(part.unsqueeze(1))  # type: ignore[no-untyped-call]  # (m, n, d)
        independent = isinstance(posterior, Independent)
        whole = each.sum(-1) if independent else posterior.log_prob(part.unsqueeze(1))
        joints.append(torch.logsumexp(whole + log_weights, 1))
        products.append(torch.logsumexp(each + log_weights[:, None], 1).sum(-1))
    return torch.cat(joints), torch.cat(products)


def log_others(posterior: Distribution, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    """Log q(z), nats, at a sample of each of n > 1 posteriors, its own left out of the mixture."""
    count, d = len(z), posterior.event_shape[0]
    found = []
    for rows in torch.split(torch.arange(count), max(1, AT_ONCE // (count * d))):
        each: Tensor = posterior.log_prob(z[rows].unsqueeze(1))  # (m, n)
        each[torch.arange(len(rows)), rows] = -torch.inf
        found.append(torch.logsumexp(each, 1) - log(count - 1))
    return torch.cat(found)
