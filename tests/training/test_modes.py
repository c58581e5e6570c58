"""What is trained is what is evaluated: both modes of a model say the same of the same images."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.training.conftest import tiny
from vaelab.data import DigitsData, Domain, UnitPixels
from vaelab.data.loading.evaluation import Batch, EvalLoader
from vaelab.evaluation.evaluate import evaluate
from vaelab.likelihoods import BaseLikelihood
from vaelab.metrics import BoundMetric
from vaelab.models import VAE, VAEConfig
from vaelab.models.terms import Terms
from vaelab.networks import ConvEncoder
from vaelab.priors import (
    BasePrior,
    ClassConditionalConfig,
    FlowConfig,
    MixtureConfig,
    StandardNormalConfig,
    VampConfig,
)
from vaelab.training import train

PRIORS = (
    StandardNormalConfig(), MixtureConfig(), VampConfig(), FlowConfig(), ClassConditionalConfig(),
)  # fmt: skip
LIKELIHOODS: dict[str, Any] = dict(BaseLikelihood.axis.kinds)
SURE = ("training.optimizer.learning_rate=0.02", "training.epochs=6")
"""Until a logit of what is always black is beyond what float32 tells from certainty."""
LATENT, IMAGES, STEPS = 4, 640, 100


def terms(model: VAE, batch: Batch, seed: int) -> Terms:
    draws = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, len(batch.x), LATENT, generator=draws)
    return model.terms(batch.x, batch.context, noise=noise)


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior.kind)
def test_evaluation_measures_the_model_that_was_trained(prior: BasePrior, norm: str) -> None:
    torch.manual_seed(0)
    encoder = ConvEncoder(channels=(8, 16), kernels=(2, 2), strides=(2, 2), norm=norm)
    config = VAEConfig(latent=LATENT, encoder=encoder, prior=prior)
    model = config.build((1, 8, 8), Domain.UNIT, 10)
    loader = EvalLoader(DigitsData().load().train, UnitPixels(), model.classes)
    batches = list(loader.batches(64))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for step in range(STEPS):
        loss = -terms(model, batches[step % len(batches)], step).elbo.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    (batch, *_) = loader.batches(IMAGES)
    with torch.no_grad():
        evaluated = terms(model.eval(), batch, 0).elbo.mean().item()
        trained = terms(model.train(), batch, 0).elbo.mean().item()
    assert evaluated == pytest.approx(trained, rel=0.1, abs=1)


def test_pseudo_inputs_leave_the_running_moments_to_the_images() -> None:
    torch.manual_seed(0)
    config = VAEConfig(encoder=ConvEncoder(), prior=VampConfig())
    model, alone = (config.build((1, 8, 8), Domain.UNIT, 1) for _ in range(2))
    alone.load_state_dict(model.state_dict())
    x = torch.rand(16, 1, 8, 8)
    alone.encode(x)
    found = model.terms(x, noise=torch.randn(1, 16, 2))
    for name, buffer in model.encoder.named_buffers():
        assert torch.equal(buffer, alone.encoder.get_buffer(name)), name
    assert all(n.training for n in model.modules() if isinstance(n, nn.BatchNorm2d))
    density = found.levels[0].prior.log_prob(z := torch.randn(50, 2))
    torch.testing.assert_close(density, model.eval().prior().log_prob(z))


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_the_numbers_logged_are_those_evaluated(kind: str, precision: str, tmp_path: Path) -> None:
    pixels = min(LIKELIHOODS[kind].domains, key=lambda domain: (domain is not Domain.UNIT, domain))
    words = [f"model.likelihood={kind}", f"data.pixels={pixels}", "training.epochs=1"]
    words += SURE if kind == "continuous_bernoulli" else ()
    run = train(tiny(*words, f"training.precision={precision}"), tmp_path).run
    found = evaluate(run, "valid", metrics=[BoundMetric()]).numbers["elbo_nats"]
    rows = [row for row in run.metrics() if row["split"] == "valid"]
    kept = run.load_model()[1]["epoch"]
    (logged,) = [row["elbo_nats"] for row in rows if row["epoch"] == kept]
    # noise of float64 is of other draws: the two are of the same images, each within its error
    within = 3 * (found.standard_error or 0.0) if precision == "float64" else 1e-4 * abs(logged)
    assert found.value == pytest.approx(logged, abs=within)
