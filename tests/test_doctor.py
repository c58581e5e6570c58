"""Each diagnosis finds its illness in a run made to have it, and not in one that is well."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Distribution, Normal, kl_divergence

from tests.training.conftest import tiny
from vaelab.config import override, validate
from vaelab.console import Console
from vaelab.data import Domain
from vaelab.data.feed import Feed
from vaelab.doctor import (
    DIAGNOSES,
    Chart,
    Examination,
    Severity,
    diagnose,
    examine,
    glance,
    measure,
    report,
    worst,
)
from vaelab.doctor.coverage import moment_numbers
from vaelab.doctor.examine import active_numbers
from vaelab.doctor.limits import rounding_numbers
from vaelab.errors import BadValueError, MissingFileError
from vaelab.experiment import Experiment
from vaelab.metrics import ActiveUnitsMetric, Number, RatePartsMetric
from vaelab.models import LatentVariableModel, Terms
from vaelab.objectives import CapacityConfig, ELBOConfig, InfoConfig, IWAEConfig, TCVAEConfig
from vaelab.run import Run
from vaelab.schedules import LinearSchedule
from vaelab.training import train

ILL = {
    "posterior collapse": ("objective.beta=30", "model.latent=4"),
    "an autoencoder in disguise": (
        "model.likelihood.scale=0.02", "training.optimizer.learning_rate=0.005",
        "training.epochs=8",
    ),
    "a saturated likelihood": (
        "model.likelihood.floor=0.25", "training.optimizer.learning_rate=0.02",
        "training.epochs=10",
    ),
    "overfitting": (
        "data.validation=1300", "model.encoder.widths=[128]", "model.latent=8",
        "training.epochs=50", "training.batch_size=32", "training.optimizer.learning_rate=0.01",
    ),
    "holes in the aggregate posterior": (
        "model.likelihood.scale=0.03", "model.latent=16", "training.epochs=10",
    ),
    "latent dimension too large": (
        "model.latent=12", "training.optimizer.learning_rate=0.005", "training.epochs=20",
    ),
}  # fmt: skip
WELL = ("training.epochs=25", "training.optimizer.learning_rate=0.004")
COINS = ("data.pixels={kind: binary, mode: static}", "model.likelihood=bernoulli")


@dataclass(frozen=True)
class Clinic:
    """Runs, each trained once."""

    folder: Path

    def run(self, name: str, *assignments: str) -> Run:
        name = name.replace(" ", "_")
        if Run.exists(self.folder / name):
            return Run(self.folder / name)
        return train(tiny(f"task_name={name}", *assignments), self.folder).run

    def ill(self, name: str) -> Run:
        return self.run(name, *ILL[name])

    def well(self) -> Run:
        return self.run("well", *WELL)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    return Clinic(tmp_path_factory.mktemp("clinic"))


def found(examination: Examination) -> dict[str, Any]:
    return {diagnosis.name: finding for diagnosis, finding in examination.findings}


def text_of(examination: Examination) -> str:
    console = Console(width=160)
    with console.capture() as capture:
        console.print(report(examination))
    return capture.get()


def test_every_diagnosis_has_a_run_made_to_have_it() -> None:
    assert {diagnosis.name for diagnosis in DIAGNOSES} == set(ILL)


@pytest.mark.slow
@pytest.mark.parametrize("name", ILL)
def test_it_finds_the_illness_of_a_run_made_to_have_it(name: str, clinic: Clinic) -> None:
    run = clinic.ill(name)
    examination = examine(run)
    finding = found(examination)[name]
    assert finding.evidence
    assert all(any(c.isdigit() for c in line) for line in finding.evidence)
    text = text_of(examination)
    assert finding.summary in text
    assert finding.tries
    for remedy in finding.tries:
        config = override(Experiment, run.experiment.model_dump(mode="json"), remedy.overrides)
        assert validate(Experiment, config, name) != run.experiment
        assert remedy.effect in text


@pytest.mark.slow
def test_it_finds_nothing_in_a_run_that_is_well(clinic: Clinic) -> None:
    examination = examine(clinic.well())
    assert examination.findings == ()
    assert {diagnosis.name for diagnosis in examination.sound} == set(ILL)
    assert "nothing found, on 100 validation images" in text_of(examination)
    assert glance(clinic.well()) == "doctor: nothing found, on 100 validation images"


def test_logits_run_away_are_found(clinic: Clinic) -> None:
    """As if it had been trained until it was sure of every pixel."""
    run = clinic.run("coins", *COINS)
    assert "a saturated likelihood" not in found(examine(run))
    model, about = run.load_model()
    with torch.no_grad():
        for parameter in list(model.decoder.parameters())[-2:]:
            parameter.mul_(20)
    run.save_weights(model, about["classes"], {"epoch": 2, "step": 1})
    finding = found(examine(run))["a saturated likelihood"]
    assert "pixels held impossible" in finding.summary
    assert ("data.pixels.mode=dynamic",) in {remedy.overrides for remedy in finding.tries}


def test_scales_of_single_pixels_on_the_floor_are_found(clinic: Clinic) -> None:
    wide = clinic.run("per_pixel", "model.likelihood.scale=per_pixel")
    assert "a saturated likelihood" not in found(examine(wide))
    narrow = clinic.run(
        "per_pixel_floor", "model.likelihood={scale: per_pixel, floor: 0.2}",
        "training.optimizer.learning_rate=0.01",
    )  # fmt: skip
    finding = found(examine(narrow))["a saturated likelihood"]
    assert "% of the pixels have their scale on the floor" in finding.evidence[0]


def test_a_density_that_is_that_of_its_limit_is_found(clinic: Clinic) -> None:
    kind = "model.likelihood={kind: continuous_bernoulli, limit: LIMIT}"
    words = ("training.epochs=6", "training.optimizer.learning_rate=0.01")
    sharp = clinic.run("cut_off", kind.replace("LIMIT", "0.05"), *words)
    examination = examine(sharp)
    finding = found(examination)["a saturated likelihood"]
    share = examination.chart.value("limit_share")
    assert finding.evidence == (f"{share:.0%} of the pixels have their parameter at the limit",)
    model, _ = sharp.load_model()
    x = torch.from_numpy(sharp.experiment.data.load().valid.images) / 255
    with torch.no_grad():
        logits = model.reconstruct(x).base_dist.logits
    at = (logits.sigmoid() - 0.5).abs() >= 0.45  # of the mean codes, where the doctor draws
    assert share == pytest.approx(at.double().mean().item(), abs=0.03)
    overrides = [remedy.overrides for remedy in finding.tries]
    assert overrides[0] == ("data.pixels={kind: unit, dequantised: true}",
                            "model.likelihood.limit=0")  # fmt: skip
    free = examine(clinic.run("free", kind.replace("LIMIT", "0"), *words, *overrides[0][:1]))
    assert "a saturated likelihood" in {diagnosis.name for diagnosis in free.sound}


def chart(rows: list[dict[str, Any]] | None = None, **values: float) -> Chart:
    return Chart(rows or [], {name: Number(value, "", "") for name, value in values.items()})


def verdict(chart: Chart) -> dict[str, Any]:
    return found(diagnose("runs/x", "9 validation images", chart, lambda remedy: True))


def test_a_scale_that_the_errors_do_not_have_is_a_beta() -> None:
    """SSE / (2 s^2) + KL has the gradient of SSE / (2 r^2) + (s / r)^2 KL, times (r / s)^2."""
    weight = chart(gaussian_scale=0.5, implied_gaussian_scale=0.25).rate_weight
    assert weight == pytest.approx(4)
    error, kl = torch.tensor(3.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    one = error**2 / (2 * 0.5**2) + kl
    other = error**2 / (2 * 0.25**2) + weight * kl
    first, second = (torch.autograd.grad(loss, (error, kl)) for loss in (one, other))
    assert second[0] / first[0] == pytest.approx(4)
    assert second[1] / first[1] == pytest.approx(4)
    rows = [{"split": "train", "beta": beta} for beta in (1, 3)]
    numbers = chart(gaussian_scale=0.5, implied_gaussian_scale=0.25).numbers
    assert Chart(rows, numbers).rate_weight == pytest.approx(12)


def test_what_has_no_one_price_is_not_read_as_the_rates() -> None:
    """beta 0 of `info` and 6 of `tcvae` are no price of the rate; a capacity holds it itself."""
    told = {"gaussian_scale": 0.2, "implied_gaussian_scale": 0.2, "moments_kl_nats": 0.02}
    told |= {"active_units": 1.0, "latent_dimensions": 2.0, "rate_nats": 4.0}
    told |= {"rate_z1_nats": 4.0, "rate_z2_nats": 0.0}
    for objective, beta in ((InfoConfig(), 0.0), (TCVAEConfig(), 6.0), (CapacityConfig(), None)):
        rows = [{"split": "train", "epoch": 1.0} | ({} if beta is None else {"beta": beta})]
        one = replace(chart(rows, **told), objective=objective)
        assert one.price is None
        assert one.rate_weight is None
        names = verdict(one)
        assert "an autoencoder in disguise" not in names
        assert "posterior collapse" not in names
        silent = replace(chart(rows, **told | {"active_units": 0.0}), objective=objective)
        collapse = verdict(silent)["posterior collapse"]
        assert collapse.severity is Severity.SERIOUS
        assert ("objective.beta=1",) not in {remedy.overrides for remedy in collapse.tries}
    # what a capacity leaves no room for is not spare
    held = replace(chart(**told), objective=CapacityConfig())
    assert "latent dimension too large" not in verdict(held)
    elbo = chart([{"split": "train", "epoch": 1.0, "beta": 0.1}], **told)
    assert "cost 0.1 nats" in verdict(elbo)["an autoencoder in disguise"].summary


def test_prices_are_those_at_the_end_of_the_training() -> None:
    schedule = LinearSchedule(start=0, end=4, epochs=10)
    rows: list[dict[str, Any]] = [{"split": "train", "epoch": 5.0, "elbo_nats": 0.0}]
    assert Chart(rows, {}, ELBOConfig(beta=schedule)).price == 2
    rows.append({"split": "train", "epoch": 6.0, "beta": 9.0})  # changed by hand
    assert Chart(rows, {}, ELBOConfig(beta=schedule)).price == 9
    assert Chart([], {}, IWAEConfig()).price == 1


def test_codes_are_at_least_as_far_from_the_prior_as_their_moments(clinic: Clinic) -> None:
    run = clinic.run("moments", "training.epochs=3")
    model, _ = run.load_model()
    data = run.experiment.data
    feed = Feed(data.load().train, data.pixels, 0)
    least = moment_numbers(model, feed)["moments_kl_nats"].value
    whole = RatePartsMetric()(model, feed)["dimensionwise_kl_nats"]
    assert 0 < least < whole.value + 3 * whole.standard_error
    (batch,) = feed.batches(len(feed))
    with torch.no_grad():
        q = model.encode(batch.x)
        z = q.mean + q.stddev * torch.randn(200, *q.mean.shape)
    moments = Normal(z.mean((0, 1)), z.std((0, 1)))
    expected = kl_divergence(moments, Normal(0.0, 1.0)).sum().item()
    assert least == pytest.approx(expected, abs=0.01)


def test_a_threshold_of_a_learned_prior_is_relative(clinic: Clinic) -> None:
    """Codes and prior a hundredth as large are the same model."""
    run = clinic.run("mixture", "model.prior={kind: mixture, components: 3}",
                     "training.epochs=5", "training.optimizer.learning_rate=0.01")  # fmt: skip
    model, _ = run.load_model()
    data = run.experiment.data
    feed = Feed(data.load().valid, data.pixels, 0)
    before = active_numbers(model, feed)["active_units"]
    assert before.value == 2
    head = model.encoder.heads[0].stack[0]
    with torch.no_grad():  # loc / 100, log variance - log 100^2
        head.weight[:2].div_(100)
        head.bias[:2].div_(100)
        head.bias[2:].sub_(2 * math.log(100))
    assert ActiveUnitsMetric()(model, feed)["active_units"].value == 0
    after = active_numbers(model, feed)["active_units"]
    assert after.value == 2
    assert "of the posterior's own" in after.estimator


def test_two_levels_are_no_rounded_greys() -> None:
    split = tiny().data.load().train
    assert rounding_numbers(split, Domain.UNIT)["rounding_noise"].value > 0
    coins = replace(split, images=np.where(split.images > 127, 255, 0).astype(np.uint8))
    assert rounding_numbers(coins, Domain.UNIT) == {}


def test_silent_dimensions_are_collapsed_or_spare_but_not_both() -> None:
    silent = {f"rate_z{k}_nats": 4.0 if k < 3 else 0.0 for k in range(1, 9)}
    silent |= {"active_units": 2.0, "latent_dimensions": 8.0, "rate_nats": 8.0}
    assert set(verdict(chart(**silent))) == {"latent dimension too large"}
    (finding,) = verdict(chart(**silent)).values()
    assert finding.severity is Severity.NOTE
    assert finding.tries[0].overrides == ("model.latent=2",)
    pressed = verdict(chart([{"split": "train", "beta": 4.0}], **silent))
    assert set(pressed) == {"posterior collapse"}
    assert pressed["posterior collapse"].summary == "6 of 8 dimensions are inactive"
    none = verdict(chart(**silent | {"active_units": 0.0}))
    assert none["posterior collapse"].severity is Severity.SERIOUS


def test_overfitting_needs_a_training_that_rises_while_validation_falls() -> None:
    def rows(train: list[float], valid: list[float]) -> list[dict[str, Any]]:
        both = (("train", train), ("valid", valid))
        return [
            {"split": split, "epoch": epoch, "elbo_nats": elbo}
            for split, elbos in both
            for epoch, elbo in enumerate(elbos, 1)
        ]

    def finds(train: list[float], valid: list[float], **errors: float) -> bool:
        return "overfitting" in verdict(chart(rows(train, valid), rate_nats=20.0, **errors))

    assert finds([-90, -80, -70], [-91, -85, -88])
    assert not finds([-90, -80, -81], [-91, -85, -88])  # both fell
    assert not finds([-90, -80, -70], [-91, -82, -82.5])  # by less than a nat
    assert finds([-90, -80, -70], [-91, -87, -87.5])  # 7 nats apart, of a rate of 20
    # validation images that happen to be harder, by less than three standard errors
    assert not finds([-90, -80, -70], [-91, -85, -88], valid_error_nats=1.1, gap_error_nats=6.0)
    assert finds([-90, -80, -70], [-91, -85, -88], valid_error_nats=0.9)
    assert not finds([-90, -80, -70], [-91, -87, -87.5], gap_error_nats=2.5)
    assert finds([-90, -80, -70], [-91, -87, -87.5], gap_error_nats=2.0)


def test_a_share_in_holes_counts_by_its_error() -> None:
    def finds(share: float, error: float) -> bool:
        one = Number(share, "share", "", error)
        return "holes in the aggregate posterior" in verdict(
            Chart([], {"prior_draws_in_holes": one})
        )

    assert finds(0.4, 0.05)
    assert not finds(0.4, 0.08)
    assert not finds(0.2, 0.0)


def test_an_epoch_is_the_mean_of_what_was_logged_in_it() -> None:
    logged = [(0.5, -9.0), (1.0, -7.0), (1.5, -5.0)]
    rows = [{"split": "train", "epoch": at, "elbo_nats": elbo} for at, elbo in logged]
    assert Chart(rows, {}).elbos("train") == {1: -8.0, 2: -5.0}


def test_what_was_still_getting_better_is_to_go_on() -> None:
    def tries(elbos: list[float]) -> set[tuple[str, ...]]:
        rows = [{"split": "valid", "epoch": n, "elbo_nats": e} for n, e in enumerate(elbos, 1)]
        finding = verdict(chart(rows, prior_draws_in_holes=0.9))["holes in the aggregate posterior"]
        return {remedy.overrides for remedy in finding.tries}

    assert ("training.epochs=6",) in tries([-9, -8, -7])
    assert ("training.epochs=6",) not in tries([-9, -7, -8])


def test_the_worst_comes_first_and_into_the_line(clinic: Clinic) -> None:
    run = clinic.ill("an autoencoder in disguise")
    examination = examine(run)
    severities = [finding.severity for _, finding in examination.findings]
    assert severities == sorted(severities, reverse=True)
    line = glance(run)
    assert line.startswith("doctor: a nat of rate cost 0.0")
    assert f", on 100 validation images; vaelab doctor {run.path} looks closer and says" in line
    assert "\n" not in line
    assert f"(and {len(severities) - 1} more)" in worst(examination)


@pytest.mark.slow
def test_test_images_are_never_looked_at(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    run = clinic.well()
    before = examine(run).chart.numbers
    store = run.experiment.data.load()
    blind = replace(store, test=store.test.select(torch.arange(0).numpy()))
    monkeypatch.setattr(type(run.experiment.data), "load", lambda self: blind)
    assert examine(run).chart.numbers == before


def test_without_validation_images_it_says_so(clinic: Clinic) -> None:
    run = clinic.run("no_validation", "data.validation=0")
    examination = examine(run)
    assert "training images, for there are no validation images" in text_of(examination)
    assert {d.name: why for d, why in examination.skipped}["overfitting"].startswith("fewer than")


def test_a_remedy_that_the_config_refuses_is_not_offered(clinic: Clinic) -> None:
    conditional = clinic.run(
        "conditional", *ILL["an autoencoder in disguise"],
        "model.condition={encoder: planes, decoder: one_hot}",
    )  # fmt: skip
    tries = [remedy for finding in found(examine(conditional)).values() for remedy in finding.tries]
    assert tries
    assert ("model.prior=vamp",) not in {remedy.overrides for remedy in tries}


class WithoutCode(LatentVariableModel):
    """A model whose latent variables are not one vector."""

    image_shape, classes, latent_shape = (1, 8, 8), 0, (3,)

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def terms(self, x: Any, context: Any = None, *, noise: Any) -> Terms:
        return self.model.terms(x, context, noise=noise[..., : self.model.latent])

    def reconstruct(self, x: Any, context: Any = None) -> Distribution:
        return self.model.reconstruct(x, context)

    def sample(self, num: int, context: Any = None) -> Distribution:
        return self.model.sample(num, context)


def test_what_needs_a_flat_code_is_left_out_for_other_models(clinic: Clinic) -> None:
    run = clinic.well()
    store = run.experiment.data.load()
    feeds = [Feed(split, run.experiment.data.pixels, 0) for split in (store.train, store.valid)]
    numbers = measure(WithoutCode(run.load_model()[0]), *feeds)
    seen = diagnose("x", "images", Chart(run.metrics(), numbers), lambda remedy: True)
    reasons = {diagnosis.name: reason for diagnosis, reason in seen.skipped}
    assert reasons["posterior collapse"] == (
        "the model or its data has no active_units, latent_dimensions"
    )
    assert "holes in the aggregate posterior" in reasons
    assert "not looked for: posterior collapse" in text_of(seen)


def test_at_the_command_line(clinic: Clinic, vaelab: Callable[..., Any], tmp_path: Path) -> None:
    run = clinic.ill("posterior collapse")
    answer = vaelab("doctor", "posterior_collapse", "--runs", run.path.parent)
    assert answer.code == 0
    assert "4 of 4 dimensions are inactive" in answer.out
    assert "objective.beta=1" in answer.out
    answer = vaelab("doctor", tmp_path / "nowhere")
    assert answer.code == 2
    assert "there is no run" in answer.err


def test_a_run_without_weights_is_told(clinic: Clinic, tmp_path: Path) -> None:
    run = Run.create(tmp_path / "begun", tiny())
    with pytest.raises(MissingFileError, match="no weights yet"):
        examine(run)


def test_too_few_images_are_told(clinic: Clinic) -> None:
    run = clinic.run("few", "data.validation=3")
    with pytest.raises(BadValueError, match="3 validation images are too few to tell"):
        examine(run)
    assert glance(run).startswith("doctor: nothing can be said, for ")


def test_training_ends_with_its_line(vaelab: Callable[..., Any], tmp_path: Path) -> None:
    config = tmp_path / "tiny.yaml"
    settings = tiny("objective.beta=30").model_dump(mode="json")
    config.write_text(json.dumps(settings))
    answer = vaelab("train", config, "--runs", tmp_path)
    assert answer.code == 0
    assert "doctor: 2 of 2 dimensions are inactive" in answer.out
