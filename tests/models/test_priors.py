"""Learned priors are densities, and their samples follow them."""

import pytest
import torch

from vaelab.data import Domain
from vaelab.errors import BadCombinationError
from vaelab.models import VAE, VAEConfig
from vaelab.priors import (
    BasePrior,
    ClassConditionalConfig,
    FlowConfig,
    MixtureConfig,
    Prior,
    StandardNormalConfig,
    VampConfig,
)

LEARNED = [
    MixtureConfig(components=3),
    VampConfig(components=4),
    FlowConfig(widths=(8,)),
    FlowConfig(transform="spline", widths=(8,)),
    ClassConditionalConfig(),
]
CLASSES = 3
CONTEXT = torch.eye(CLASSES, dtype=torch.float64)


def built(config: BasePrior) -> VAE:
    """With parameters moved away from where they start, so that nothing is N(0, I) any more."""
    torch.manual_seed(3)
    model = VAEConfig(prior=config).build((1, 4, 4), Domain.UNIT, CLASSES).double().eval()
    with torch.no_grad():
        for parameter in model.prior.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def prior(config: BasePrior) -> Prior:
    return built(config).prior


def grid(points: int, reach: float = 9) -> tuple[torch.Tensor, float]:
    side = torch.linspace(-reach, reach, points, dtype=torch.float64)
    return torch.cartesian_prod(side, side), (2 * reach / (points - 1)) ** 2


@pytest.mark.parametrize("config", LEARNED, ids=str)
def test_it_integrates_to_one(config: BasePrior) -> None:
    p = prior(config)(CONTEXT if config.reads_class else None)
    z, cell = grid(361)
    with torch.no_grad():
        mass = p.log_prob(z[:, None]).exp().sum(0) * cell
    torch.testing.assert_close(mass, torch.ones_like(mass), atol=2e-3, rtol=0)


@pytest.mark.parametrize("config", LEARNED, ids=str)
def test_samples_have_the_moments_of_the_density(config: BasePrior) -> None:
    p = prior(config)(CONTEXT[:1] if config.reads_class else None)
    z, cell = grid(361)
    with torch.no_grad():
        weight = p.log_prob(z[:, None]).exp().flatten() * cell
        samples = p.sample(torch.Size([40_000])).reshape(-1, 2)
    mean = weight @ z
    torch.testing.assert_close(samples.mean(0), mean, atol=0.05, rtol=0)
    covariance = (weight * (z - mean).T) @ (z - mean)
    torch.testing.assert_close(samples.T.cov(), covariance, atol=0.15, rtol=0.05)


@pytest.mark.parametrize("transform", ["affine", "spline"])
def test_a_flows_density_is_that_of_its_jacobian(transform: str) -> None:
    p = prior(FlowConfig(transform=transform, widths=(8,)))
    flow = p()
    for z in torch.randn(5, 2, dtype=torch.float64):
        jacobian = torch.autograd.functional.jacobian(flow.transform, z)
        base = flow.base.log_prob(flow.transform(z))
        torch.testing.assert_close(flow.log_prob(z), base + jacobian.det().abs().log())


def test_learned_priors_can_be_the_standard_normal() -> None:
    z = torch.randn(6, 2)
    wanted = StandardNormalConfig().build(2, 1)().log_prob(z)
    one = MixtureConfig(components=1).build(2, 1)
    torch.nn.init.zeros_(one.loc)
    torch.testing.assert_close(one().log_prob(z), wanted)
    each = ClassConditionalConfig().build(2, CLASSES)
    torch.testing.assert_close(each(torch.eye(CLASSES).repeat(2, 1)).log_prob(z), wanted)


def test_its_samples_are_of_the_class_asked_for() -> None:
    model = built(ClassConditionalConfig())
    assert model.classes == CLASSES
    with torch.no_grad():
        model.prior.loc.copy_(100 * torch.tensor([[1.0, 0], [0, 1], [-1, 0]]))
        images = model.sample(3, CONTEXT).mean
    wanted = model.decode(model.prior.loc.detach()).mean
    torch.testing.assert_close(images, wanted, atol=1.5, rtol=0.1)


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(BadCombinationError, match=r"model.latent is 1; use `prior: mixture`"):
        VAEConfig(prior=FlowConfig(), latent=1).build((1, 4, 4), Domain.UNIT, 1)
    with pytest.raises(BadCombinationError, match="the data has 1; use"):
        VAEConfig(prior=ClassConditionalConfig()).build((1, 4, 4), Domain.UNIT, 1)
