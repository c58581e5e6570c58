"""Hamiltonian Monte Carlo on codes."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

LogDensity = Callable[[Tensor], Tensor]


def hmc(
    log_density: LogDensity,
    z: Float[Tensor, "k b d"],
    step: Float[Tensor, " b"],
    leapfrogs: int,
) -> tuple[Float[Tensor, "k b d"], Float[Tensor, "k b"]]:
    """A transition that leaves exp(log_density) as it is, and the probability it was accepted with.

    H(z, p) = -log_density(z) + |p|^2 / 2, p ~ N(0, I): "MCMC using Hamiltonian dynamics" (Neal,
    2011, section 3.2, arXiv 1206.1901).

    Args:
        log_density: of each code, nats, up to a constant; `(k, b, d)` to `(k, b)`.
        z: where k chains for each of b images are.
        step: of the leapfrogs, for each image.
        leapfrogs: their number.
    """
    momentum = torch.randn_like(z)
    step = step.unsqueeze(-1)
    density, slope = _with_gradient(log_density, z)
    energy = -density + momentum.square().sum(-1) / 2
    moved = z
    for _ in range(leapfrogs):
        momentum = momentum + step / 2 * slope
        moved = moved + step * momentum
        density, slope = _with_gradient(log_density, moved)
        momentum = momentum + step / 2 * slope
    change = energy + density - momentum.square().sum(-1) / 2
    acceptance = change.clamp(max=0).exp().nan_to_num(0)  # not a number where it flew apart
    accepted: Bool[Tensor, "k b"] = torch.rand_like(acceptance) < acceptance
    return torch.where(accepted.unsqueeze(-1), moved, z), acceptance


def _with_gradient(
    log_density: LogDensity, z: Float[Tensor, "k b d"]
) -> tuple[Float[Tensor, "k b"], Float[Tensor, "k b d"]]:
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        density = log_density(z)
        (slope,) = torch.autograd.grad(density.sum(), z)
    return density.detach(), slope
