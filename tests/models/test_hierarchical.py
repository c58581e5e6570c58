"""Two levels of latent variables: bounds on a model whose log p(x) is known, and its rate."""

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from vaelab.config import validate
from vaelab.data import Domain
from vaelab.errors import BadCombinationError
from vaelab.experiment import Experiment
from vaelab.models import ConditionalDistribution, HierarchicalConfig, HierarchicalVAE
from vaelab.models.hierarchical import TopConfig
from vaelab.networks import MLPEncoder
from vaelab.priors import ClassConditionalConfig, PriorConfig, VampConfig

SHAPE, LOWER, UPPER, SCALE = (1, 2, 2), 3, 2, 1.5
PIXELS = 4


@pytest.fixture(name="linear")
def _linear() -> HierarchicalVAE:
    """x = A z1 + a + noise, z1 = W z2 + w + noise, all normal; the posteriors are linear too."""
    torch.manual_seed(0)
    config = HierarchicalConfig.model_validate({
        "latent": LOWER, "encoder": MLPEncoder(widths=()),
        "top": TopConfig(latent=UPPER, widths=()),
        "likelihood": {"kind": "gaussian", "scale": SCALE},
    })  # fmt: skip
    model = config.build(SHAPE, Domain.UNIT, 1).double()
    with torch.no_grad():
        for part, size in ((model.encoder, LOWER), (model.upwards, UPPER),
                           (model.downwards, LOWER)):  # fmt: skip
            spread(part, size, torch.linspace(-0.3, 0.3, size))
    return model


def linear_layer(part: ConditionalDistribution) -> torch.nn.Linear:
    (found,) = (module for module in part.modules() if isinstance(module, torch.nn.Linear))
    return found


def spread(part: ConditionalDistribution, size: int, log_variance: Tensor) -> None:
    """Make the log variance what it is, whatever the input, and the mean depend on it less."""
    layer = linear_layer(part)
    layer.weight[:size] *= 0.4
    layer.weight[size:] = 0
    layer.bias[size:] = log_variance


def exact_log_prob(model: HierarchicalVAE, x: Tensor) -> Tensor:
    down, out = linear_layer(model.downwards), linear_layer(model.decoder)
    w, a = down.weight[:LOWER], out.weight
    given = model.downwards(torch.zeros(UPPER, dtype=torch.float64))
    covariance = w @ w.T + torch.diag(given.variance)
    total = a @ covariance @ a.T + SCALE**2 * torch.eye(PIXELS, dtype=torch.float64)
    mean = a @ given.mean + out.bias
    return MultivariateNormal(mean, total).log_prob(x.flatten(1))


@pytest.mark.slow
@torch.no_grad()
def test_elbo_below_iwae_below_exact(linear: HierarchicalVAE) -> None:
    x = torch.rand(6, *SHAPE, dtype=torch.float64)
    noise = torch.randn(100_000, 6, LOWER + UPPER, dtype=torch.float64)
    terms, exact = linear.terms(x, noise=noise), exact_log_prob(linear, x)
    middle = torch.stack([linear.terms(x, noise=part).iwae for part in noise.split(20)]).mean(0)
    sampled = terms.log_weights.mean(0)
    assert (sampled < middle).all()
    assert (middle < terms.iwae).all()
    torch.testing.assert_close(terms.elbo, sampled, atol=0.05, rtol=0)
    torch.testing.assert_close(terms.iwae, exact, atol=0.05, rtol=0)


@torch.no_grad()
def test_the_rate_is_in_closed_form_only_above(linear: HierarchicalVAE) -> None:
    x = torch.rand(3, *SHAPE, dtype=torch.float64)
    terms = linear.terms(x, noise=torch.randn(4, 3, LOWER + UPPER, dtype=torch.float64))
    lower, upper = terms.levels
    q1, q2 = linear.encoder(x), linear.upwards(lower.z)
    p1 = linear.downwards(upper.z)
    # z2 depends on z1, so that KL(q(z1|x) || p(z1|z2)) at each z2 is not what is wanted
    first = q1.log_prob(lower.z) - p1.log_prob(lower.z)
    second = kl_divergence(Normal(q2.mean, q2.stddev), Normal(0.0, 1.0))
    assert lower.closed_form_kl is None
    torch.testing.assert_close(lower.kl, first.mean(0))
    torch.testing.assert_close(upper.kl_per_dim, second.mean(0))
    torch.testing.assert_close(terms.rate, lower.kl + upper.kl)
    assert upper.posterior_is_drawn
    assert not lower.posterior_is_drawn


@torch.no_grad()
def test_its_pictures_are_drawn_from_the_top(linear: HierarchicalVAE) -> None:
    torch.manual_seed(1)
    drawn = linear.sample(200_000).sample().flatten(1)
    down, out = linear_layer(linear.downwards), linear_layer(linear.decoder)
    given = linear.downwards(torch.zeros(UPPER, dtype=torch.float64))
    torch.testing.assert_close(
        drawn.mean(0), out.weight @ given.mean + out.bias, atol=0.02, rtol=0
    )  # fmt: skip
    w = down.weight[:LOWER]
    covariance = out.weight @ (w @ w.T + torch.diag(given.variance)) @ out.weight.T
    covariance = covariance + SCALE**2 * torch.eye(PIXELS, dtype=torch.float64)
    torch.testing.assert_close(torch.cov(drawn.T), covariance, atol=0.03, rtol=0.03)


@pytest.mark.parametrize("objective", ["stl", "dreg", "tcvae", "dip", "info"])
def test_objectives_of_one_level_are_refused(objective: str) -> None:
    config = {"model": {"kind": "hierarchical"}, "objective": {"kind": objective}}
    with pytest.raises(ValueError, match=f"{objective}.*where model is `vae`.*`hierarchical`"):
        validate(Experiment, config, "test")


@pytest.mark.parametrize("prior", [VampConfig(), ClassConditionalConfig()], ids=str)
def test_priors_made_of_images_or_classes_are_refused(prior: PriorConfig) -> None:
    with pytest.raises(BadCombinationError, match="prior of its upper codes"):
        HierarchicalConfig(prior=prior).build(SHAPE, Domain.UNIT, 3)


@pytest.mark.parametrize("encoder", ["none", "one_hot"])
@pytest.mark.parametrize("decoder", ["none", "one_hot"])
def test_its_numbers_are_of_a_class_where_the_decoder_reads_it(encoder: str, decoder: str) -> None:
    config = HierarchicalConfig.model_validate(
        {"condition": {"encoder": encoder, "decoder": decoder}}
    )
    model = config.build(SHAPE, Domain.UNIT, 2)
    z = torch.randn(1, model.latents[0])
    given = [model.decoder(z, torch.tensor([one])).mean for one in ([1.0, 0.0], [0.0, 1.0])]
    assert torch.equal(*given) is not config.numbers_conditional
    assert config.conditional is (encoder != "none" or decoder != "none")
