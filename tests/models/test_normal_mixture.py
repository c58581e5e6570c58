"""A mixture's samples are its own, and their gradient is that of the expectation."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, Normal

from vaelab.distributions import NormalMixtureConfig, normal_mixture, rsample


def parameters(latent: int, components: int = 3) -> Tensor:
    size = NormalMixtureConfig(components=components).build(latent).params_size(latent)
    draws = torch.Generator().manual_seed(latent)
    return 0.8 * torch.randn(size, generator=draws, dtype=torch.float64)


def mixture(params: Tensor, latent: int, components: int = 3) -> MixtureSameFamily:
    return NormalMixtureConfig(components=components).build(latent)(params)


def noise(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(9), dtype=dtype)


def integrand(z: Tensor) -> Tensor:
    """Not a sum over dimensions, nor even in any of them."""
    return (1.3 * z + 0.2).sin().prod(-1) + 0.3 * z.square().sum(-1) + z.prod(-1)


@pytest.mark.parametrize("latent", [1, 2])
def test_gradients_are_those_of_the_integral(latent: int) -> None:
    params = parameters(latent)
    side = torch.linspace(-12, 12, 2001 if latent == 1 else 401, dtype=torch.float64)
    grid = torch.cartesian_prod(*[side] * latent).reshape(-1, latent)
    cell = (side[1] - side[0]) ** latent

    def expectation(params: Tensor) -> float:
        density = mixture(params[None], latent).log_prob(grid[:, None]).exp()[:, 0]
        return ((density * integrand(grid)).sum() * cell).item()

    exact = torch.empty_like(params)
    for index in range(len(params)):
        change = torch.zeros_like(params)
        change[index] = 1e-4
        exact[index] = (expectation(params + change) - expectation(params - change)) / 2e-4
    # each row is an estimate by itself, so that their spread is the error of their mean
    rows = params.repeat(300, 1).requires_grad_()
    z = rsample(mixture(rows, latent), noise(400, 300, latent))
    (gradient,) = torch.autograd.grad(integrand(z).mean(0).sum(), rows)
    error = gradient.std(0) / math.sqrt(300)
    assert (error < 0.02).all()
    assert ((gradient.mean(0) - exact).abs() < 4 * error).all()
    assert (exact.abs() > 4 * error).sum() > len(params) / 2, "too much noise to show anything"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("latent", [1, 3])
def test_samples_follow_the_distribution_function(latent: int, dtype: torch.dtype) -> None:
    """Along some directions, in each of which the mixture is one of normals in one dimension."""
    count = 20_000
    q = mixture(parameters(latent).to(dtype)[None], latent)
    z = rsample(q, noise(count, 1, latent, dtype=dtype))[:, 0]
    normal = q.component_distribution.base_dist
    for direction in (torch.ones(latent), *torch.eye(latent), torch.arange(latent) - 1.0):
        u = direction.to(dtype)
        along = Normal(normal.loc[0] @ u, (normal.scale[0].square() @ u.square()).sqrt())
        weights = Categorical(logits=q.mixture_distribution.logits[0])
        fractions = MixtureSameFamily(weights, along).cdf((z @ u).sort().values)
        even = (torch.arange(count) + 0.5) / count
        distance = (fractions - even).abs().max() + 0.5 / count
        assert distance < 1.63 / math.sqrt(count)  # Kolmogorov and Smirnov, at one in a hundred


def test_of_each_component_there_are_as_many_as_it_weighs() -> None:
    logits = torch.tensor([[0.02, 0.5, 0.0001, 0.4799]]).log()
    loc = 100 * torch.arange(4.0).reshape(1, 4, 1).expand(1, 4, 2)
    z = rsample(normal_mixture(logits, loc, torch.ones(1, 4, 2)), noise(200_000, 1, 2).float())
    shares = torch.bincount((z[:, 0, 1] / 100).round().int(), minlength=4) / 200_000
    error = (logits[0].exp() / 200_000).sqrt()
    assert ((shares - logits[0].exp()).abs() < 4 * error).all()
    own = z[:, 0, :] - 100 * (z / 100).round()[:, 0]
    torch.testing.assert_close(own.T.cov(), torch.eye(2), atol=0.02, rtol=0)


def test_one_component_in_several_is_that_component() -> None:
    loc, scale = noise(1, 1, 4).expand(1, 3, 4), noise(1, 1, 4).abs().expand(1, 3, 4)
    loc, scale = loc.clone().requires_grad_(), scale.clone().requires_grad_()
    logits = torch.tensor([[0.3, -1, 0.5]], dtype=torch.float64, requires_grad=True)
    z = rsample(normal_mixture(logits, loc, scale), noise(50, 1, 4))
    standard = ((z - loc[:, 0]) / scale[:, 0]).detach()
    of_logits, of_loc, of_scale = torch.autograd.grad(z.sum(), [logits, loc, scale])
    torch.testing.assert_close(of_loc.sum(1), torch.full((1, 4), 50.0, dtype=torch.float64))
    torch.testing.assert_close(of_scale.sum(1), standard.sum(0))
    torch.testing.assert_close(of_logits, torch.zeros_like(of_logits))


@pytest.mark.parametrize("reach", [1.0, 30.0])
def test_extremes_stay_finite(reach: float) -> None:
    params = reach * noise(500, NormalMixtureConfig().build(5).params_size(5), dtype=torch.float32)
    params.requires_grad_()
    q = mixture(params, 5)
    z = rsample(q, noise(20, 500, 5, dtype=torch.float32))
    (q.log_prob(z) + z.sum(-1)).mean().backward()
    assert torch.isfinite(z).all()
    assert torch.isfinite(params.grad).all()
