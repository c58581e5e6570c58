"""Every trap runs, what measures wrongly is wrong by what is claimed, and nothing is done twice."""

from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.distributions import Bernoulli, ContinuousBernoulli, Independent, Normal
from torch.nn.functional import mse_loss

from tests.models.conftest import LATENT, SCALE, SHAPE, decoder_map, linear
from vaelab.console import Console, digits
from vaelab.data import Domain
from vaelab.data.loading.evaluation import Batch
from vaelab.engine import TrainingStep
from vaelab.errors import BadCombinationError, MissingFileError, StoppedError
from vaelab.lessons.traps.measures import (
    bound,
    cross_entropy,
    elbo_at_the_mean,
    log_mass,
    minibatch_total_correlation,
    surrogate,
    total_correlation,
)
from vaelab.lessons.traps.running import Trap, run_trap, trap_named, traps
from vaelab.likelihoods import BernoulliConfig
from vaelab.models import VAE, Level
from vaelab.runs.names import shipped_configs, shipped_traps
from vaelab.runs.run import Run

__all__ = ["linear"]

NAMES = list(shipped_traps())
CLASSIC = {
    "mean_against_sum", "bernoulli_on_grey", "thresholded", "decoding_the_mean",
    "batch_norm_tanh", "iwae_surrogate", "minibatch_tc",
}  # fmt: skip


def quick(name: str, *more: str) -> Trap:
    trap = trap_named(name)
    return trap.model_copy(update={"set": (*trap.set, "training.epochs=2", *more)})


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaelab.lessons.traps.running.trap_named", quick)


def test_the_classic_mistakes_are_there_and_are_no_ordinary_configs() -> None:
    assert set(NAMES) == CLASSIC
    assert not CLASSIC & set(shipped_configs())


@pytest.mark.parametrize("name", NAMES)
def test_both_sides_build_and_take_steps(name: str) -> None:
    for experiment in dict.fromkeys(trap_named(name).experiments(name)):
        torch.manual_seed(0)
        model = experiment.model.build((1, 8, 8), experiment.data.pixels.domain, 10)
        step = TrainingStep(model, experiment.objective, experiment.data.pixels, 1000)
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        images = torch.randint(256, (16, 1, 8, 8), dtype=torch.uint8)
        noise = torch.randn(experiment.objective.num_samples, 16, *model.latent_shape)
        uniform = torch.rand(images.shape) if experiment.data.pixels.dynamic else None
        controls = {key: torch.tensor(s(0.5)) for key, s in experiment.objective.controls.items()}
        losses = []
        for _ in range(8):
            optimizer.zero_grad()
            loss = step(images, torch.arange(16) % 10, noise, uniform, controls)["loss"]
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_and_why(name: str) -> None:
    text = shipped_traps()[name].read_text(encoding="utf-8")
    lines = text.splitlines()
    assert all(line.startswith("# ") for line in lines[:2])
    assert "Look at: " in " ".join(line for line in lines if line.startswith("# "))
    assert max(map(len, lines)) <= 100
    trap = trap_named(name)
    assert 3 <= trap.why.count(". ") + 1 <= 6
    assert any(year in trap.reference for year in map(str, range(2008, 2025)))
    wrong, right = trap.experiments(name)
    assert wrong.data.kind == "digits"  # nothing to download in front of a class
    assert (wrong == right) is (trap.wrong.set == trap.right.set == ())


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_draws_both_sides(name: str, quickly: None, tmp_path: Path) -> None:
    sprung = run_trap(name, tmp_path, Console(quiet=True))
    for shown in (sprung.wrong, sprung.right):
        assert np.isfinite(shown.number.value)
        assert shown.number.estimator
        assert (shown.number.unit == "nats") is shown.name.endswith("_nats")
    assert sprung.wrong.number.value != sprung.right.number.value
    with Image.open(sprung.picture) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    half = pixels.shape[1] // 2
    assert (pixels[:, :half] != pixels[:, -half:]).any()
    console = Console(width=100)
    with console.capture() as capture:
        console.print(sprung.report())
    said = " ".join(capture.get().split())
    assert " ".join(sprung.trap.why.split()) in said
    for shown in (sprung.wrong, sprung.right):
        assert f"{shown.name}: {digits(shown.number.value, 4)}" in said


@pytest.mark.slow
def test_what_is_trained_is_not_trained_again(quickly: None, tmp_path: Path) -> None:
    first = run_trap("mean_against_sum", tmp_path, Console(quiet=True))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    assert len(before) == 4
    again = run_trap("mean_against_sum", tmp_path, Console(quiet=True))
    assert again.right.number == first.right.number
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")} == before


def test_a_trap_that_was_stopped_goes_on(monkeypatch: Any, tmp_path: Path) -> None:
    stopped = quick("decoding_the_mean", "training.max_minutes=1e-9")
    monkeypatch.setattr("vaelab.lessons.traps.running.trap_named", lambda name: stopped)
    with pytest.raises(StoppedError, match="stopped; the same command goes on"):
        run_trap("decoding_the_mean", tmp_path, Console(quiet=True))
    assert not list(tmp_path.glob("*.png"))
    monkeypatch.setattr("vaelab.lessons.traps.running.trap_named", quick)
    run_trap("decoding_the_mean", tmp_path, Console(quiet=True))
    rows = Run(tmp_path / "trap_decoding_the_mean").metrics()
    assert max(row["epoch"] for row in rows) == 2


def test_at_the_command_line(quickly: None, vaelab: Callable[..., Any], tmp_path: Path) -> None:
    listed = vaelab("trap")
    assert listed.code == 0
    for name, trap in traps().items():
        assert name in listed.out
        assert trap.title.split()[0] in listed.out
    answer = vaelab("trap", "thresholded", "--runs", tmp_path)
    assert answer.code == 0
    assert "wrong" in answer.out
    assert "trap_thresholded.png" in answer.out


def test_an_unknown_trap_is_told(vaelab: Callable[..., Any]) -> None:
    with pytest.raises(MissingFileError, match="did you mean `thresholded`"):
        trap_named("threshold")
    answer = vaelab("trap", "nothing")
    assert answer.code == 2
    assert "there is no trap `nothing`; the traps are" in answer.err


def test_a_mean_over_pixels_is_a_beta_of_their_number() -> None:
    """D (mse / (2 s^2) + KL) is distortion + D KL, up to a constant."""
    trap = trap_named("mean_against_sum")
    wrong, right = trap.experiments("mean_against_sum")
    assert wrong.objective.beta.value == 64 * right.objective.beta.value == 64
    assert wrong.model == right.model
    torch.manual_seed(0)
    model = wrong.model.build((1, 8, 8), Domain.UNIT, 10).double()
    x, noise = torch.rand(5, 1, 8, 8).double(), torch.randn(1, 5, 2).double()
    terms = model.terms(x, noise=noise)
    error = mse_loss(model.decode(terms.levels[0].z[0]).mean, x) / (2 * 0.15**2)
    careless = error + terms.rate.mean()
    ours = wrong.objective(terms, {"beta": torch.tensor(64.0)})
    # and the loss that leaves the scale out as well
    bare = mse_loss(model.decode(terms.levels[0].z[0]).mean, x) + terms.rate.mean()
    price = 64 / (2 * 0.15**2)
    assert round(price) == 1422
    priced = wrong.objective(terms, {"beta": torch.tensor(price)})
    parameters = list(model.parameters())
    gradients = [
        torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        for loss in (64 * careless, ours, price * bare, priced)
    ]
    pairs = (*zip(*gradients[:2], strict=True), *zip(*gradients[2:], strict=True))
    for one, other in pairs:
        if one is None:
            assert other is None or not other.abs().any()
        else:
            torch.testing.assert_close(one, other)


def test_cross_entropy_is_a_bernoulli_for_coins_and_no_density_for_greys() -> None:
    torch.manual_seed(0)
    logits = 3 * torch.randn(4, 1, 3, 3, dtype=torch.float64)
    coins, grey = torch.randint(2, logits.shape).double(), torch.rand_like(logits)
    bernoulli = Independent(Bernoulli(logits=logits), 3)
    torch.testing.assert_close(-cross_entropy(coins, logits), bernoulli.log_prob(coins))
    density = Independent(ContinuousBernoulli(logits=logits), 3)
    torch.testing.assert_close(
        -cross_entropy(grey, logits) - log_mass(logits), density.log_prob(grey)
    )
    assert (log_mass(logits) < 0).all()


def test_the_mass_is_the_integral_over_grey() -> None:
    logits = torch.tensor([-4.0, -0.3, 0.0, 1.7], dtype=torch.float64).reshape(4, 1, 1, 1)
    at = torch.linspace(0, 1, 10_001, dtype=torch.float64)
    for logit in logits:
        x = at.reshape(-1, 1, 1, 1)
        mass = torch.trapezoid((-cross_entropy(x, logit.expand_as(x))).exp(), at)
        torch.testing.assert_close(log_mass(logit), mass.log(), atol=1e-6, rtol=1e-6)


def test_vaelab_itself_refuses_what_the_trap_computes() -> None:
    with pytest.raises(BadCombinationError, match="bernoulli"):
        BernoulliConfig().check(Domain.UNIT)


def test_the_surrogate_has_the_gradient_of_the_bound_and_another_value() -> None:
    torch.manual_seed(0)
    log_weights = (2 * torch.randn(7, 5, dtype=torch.float64)).requires_grad_()
    weights = torch.softmax(log_weights, 0).detach()
    (first,) = torch.autograd.grad((weights * log_weights).sum(), log_weights)
    (second,) = torch.autograd.grad(bound(log_weights).sum(), log_weights)
    torch.testing.assert_close(first, second)
    entropy = -(weights * weights.log()).sum(0)
    excess = surrogate(log_weights) - bound(log_weights)
    torch.testing.assert_close(excess, log(7) - entropy)
    assert (excess > 0).all()


def test_the_mean_code_is_above_the_elbo_by_what_the_noise_costs(linear: VAE) -> None:
    """For x = W z + b: by tr(W S W') / (2 scale^2), S the posterior's covariance."""
    x = torch.rand(6, *SHAPE, dtype=torch.float64)
    weight, _ = decoder_map(linear)
    noise = torch.randn(200_000, 6, LATENT, dtype=torch.float64)
    with torch.no_grad():
        variance = linear.encode(x).variance
        cost = (variance * weight.square().sum(0)).sum(1) / (2 * SCALE**2)
        elbo = linear.terms(x, noise=noise).elbo
    at_the_mean = elbo_at_the_mean(linear, Batch(x, torch.zeros(6, dtype=torch.int64), None))
    torch.testing.assert_close(at_the_mean - elbo, cost, atol=0.02, rtol=0.01)


def test_a_batch_of_all_images_is_off_by_its_weights_alone() -> None:
    torch.manual_seed(0)
    count, d = 40, 3
    posterior = Independent(Normal(torch.randn(count, d), torch.rand(count, d) + 0.1), 1)
    prior = Independent(Normal(torch.zeros(d), torch.ones(d)), 1)
    level = Level(posterior.sample()[None], posterior, prior)
    images = torch.tensor(float(count))
    whole = minibatch_total_correlation(level, images, count)
    torch.testing.assert_close(whole, total_correlation(level, count) + (d - 1) * log(count))
    means = [minibatch_total_correlation(level, images, size).mean() for size in (40, 20, 10)]
    assert means == sorted(means)


def test_from_all_images_the_total_correlation_is_an_upper_estimate_that_falls() -> None:
    """Normal means make a normal q(z): its own is -1/2 log det of its correlations."""
    torch.manual_seed(0)
    covariance = torch.tensor([[1.0, 0.5, 0], [0.5, 1, 0.3], [0, 0.3, 1]]).double()
    count, narrow = 2_000, 0.1
    loc = torch.randn(count, 3).double() @ torch.linalg.cholesky(covariance).T
    posterior = Independent(Normal(loc, torch.full_like(loc, narrow)), 1)
    prior = Independent(Normal(torch.zeros(3).double(), torch.ones(3).double()), 1)
    level = Level(posterior.sample()[None], posterior, prior)
    whole = covariance + narrow**2 * torch.eye(3)
    exact = -0.5 * (whole / whole[0, 0]).logdet().item()
    found = [total_correlation(level, images).mean().item() for images in (125, 500, 2_000)]
    assert found == sorted(found, reverse=True)
    assert exact < found[-1] < found[0] - 0.5
    assert found[0] > exact + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sign"),
    [("mean_against_sum", -1), ("thresholded", 1), ("decoding_the_mean", 1),
     ("batch_norm_tanh", -1), ("iwae_surrogate", 1), ("minibatch_tc", 1)],
)  # fmt: skip
def test_in_full_the_difference_is_as_told(name: str, sign: int, tmp_path: Path) -> None:
    sprung = run_trap(name, tmp_path, Console(quiet=True))
    difference = sprung.wrong.number.value - sprung.right.number.value
    assert sign * difference > 1
