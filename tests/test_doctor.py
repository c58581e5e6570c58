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
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.errors import BadValueError, MissingFileError
from vaelab.evaluation.diagnosis.base import Measurements, Severity, chosen_price, rate_price
from vaelab.evaluation.diagnosis.examine import (
    DIAGNOSES,
    Examination,
    diagnose,
    examine,
    one_line_diagnosis,
    report,
    worst,
)
from vaelab.evaluation.diagnosis.measure import (
    active_numbers,
    measure,
    moment_numbers,
    rounding_numbers,
)
from vaelab.experiment import Experiment
from vaelab.metrics import ActiveUnitsMetric, Number, RatePartsMetric
from vaelab.models import LatentVariableModel, Terms
from vaelab.objectives import CapacityConfig, ELBOConfig, InfoConfig, IWAEConfig, TCVAEConfig
from vaelab.optim import LinearSchedule
from vaelab.runs.run import Run
from vaelab.training import train

ILL = {
    "posterior collapse": ("objective.beta=30", "model.latent=4"),
    "a neglected prior": (
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
COINS = ("data.pixels={kind: binary, mode: static}", "model.likelihood=bernoulli")
DEEP = ("training.epochs=20", "training.optimizer.learning_rate=0.02", "training.seed=1",
        "model.encoder.widths=[256, 256, 128]")  # fmt: skip
FEW_STEPS = ("training.epochs=8", "training.batch_size=256")
ALSO_ILL = {
    "one of two silent": ("posterior collapse", DEEP),
    "all silent, too early": ("posterior collapse", FEW_STEPS),
    "silenced by a scale": (
        "posterior collapse", ("model.likelihood.scale=1", "training.epochs=10")
    ),
    "far from the prior": ("a neglected prior", ("training.epochs=8",)),
    "a low beta": ("a neglected prior", ("objective.beta=0.1", "training.epochs=40")),
    "holes, too early": ("holes in the aggregate posterior", ("training.epochs=8",)),
    "scales of single pixels": (
        "a saturated likelihood",
        ("model.likelihood={scale: per_pixel, floor: 0.2}",
         "training.optimizer.learning_rate=0.01"),
    ),
    "pixels held impossible": (
        "a saturated likelihood",
        (*COINS, "data.validation=1390", "model.latent=16", "model.encoder.widths=[256]",
         "training.epochs=300", "training.optimizer.learning_rate=0.01", "training.keep=last",
         "training.batch_size=16"),
    ),
    "cut off": (
        "a saturated likelihood",
        ("model.likelihood={kind: continuous_bernoulli, limit: 0.05}", "training.epochs=6",
         "training.optimizer.learning_rate=0.01"),
    ),
}  # fmt: skip
"""Other ways to have an illness, each with the illness's name."""
CASES = {name: (name, settings) for name, settings in ILL.items()} | ALSO_ILL
WELL = ("training.epochs=25", "training.optimizer.learning_rate=0.004")


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
    for remedy in finding.remedies:
        assert remedy.effect in text


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_what_it_says_to_try_cures(case: str, clinic: Clinic, tmp_path: Path) -> None:
    """Each remedy alone, as it is typed: the run again with its overrides."""
    illness, settings = CASES[case]
    run = clinic.run(case, *settings)
    ill = examine(run)
    remedies = found(ill)[illness].remedies
    assert remedies
    for number, remedy in enumerate(remedies):
        typed = [*remedy.overrides, f"task_name=cured{number}"]
        again = validate(
            Experiment, override(Experiment, run.experiment.model_dump(mode="json"), typed), case
        )
        cured = examine(train(again, tmp_path).run)
        assert illness not in found(cured), remedy
        if illness == "posterior collapse":
            active = [each.measured.numbers["active_units"].value for each in (ill, cured)]
            assert active[0] < active[1], remedy


@pytest.mark.slow
def test_it_finds_nothing_in_a_run_that_is_well(clinic: Clinic) -> None:
    examination = examine(clinic.well())
    assert examination.findings == ()
    assert {diagnosis.name for diagnosis in examination.sound} == set(ILL)
    assert "nothing found, on 100 validation images" in text_of(examination)
    assert one_line_diagnosis(clinic.well()) == "doctor: nothing found, on 100 validation images"


def test_logits_run_away_are_found(clinic: Clinic) -> None:
    """As if it had been trained until it was sure of every pixel."""
    run = clinic.run("coins", *COINS)
    assert "a saturated likelihood" not in found(examine(run))
    model, about = run.load_model()
    with torch.no_grad():
        for parameter in list(model.decoder.parameters())[-2:]:
            parameter.mul_(20)
    run.save_weights(model, about["classes"], {**about, "epoch": 2})
    finding = found(examine(run))["a saturated likelihood"]
    assert "pixels held impossible" in finding.summary
    assert ("data.pixels.mode=dynamic",) in {remedy.overrides for remedy in finding.remedies}


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
    share = examination.measured.value("limit_share")
    assert finding.evidence == (f"{share:.0%} of the pixels have their parameter at the limit",)
    model, _ = sharp.load_model()
    x = torch.from_numpy(sharp.experiment.data.load().valid.images) / 255
    with torch.no_grad():
        logits = model.reconstruct(x).base_dist.logits
    at = (logits.sigmoid() - 0.5).abs() >= 0.45  # of the mean codes, where the doctor draws
    assert share == pytest.approx(at.double().mean().item(), abs=0.03)
    overrides = [remedy.overrides for remedy in finding.remedies]
    assert overrides[0] == ("data.pixels={kind: unit, dequantised: true}",
                            "model.likelihood.limit=0")  # fmt: skip
    free = examine(clinic.run("free", kind.replace("LIMIT", "0"), *words, *overrides[0][:1]))
    assert "a saturated likelihood" in {diagnosis.name for diagnosis in free.sound}


def measured(rows: list[dict[str, Any]] | None = None, **values: float) -> Measurements:
    return Measurements(rows or [], {name: Number(value, "", "") for name, value in values.items()})


def verdict(measured: Measurements) -> dict[str, Any]:
    return found(diagnose("runs/x", "9 validation images", measured, lambda remedy: True))


def test_a_scale_that_the_errors_do_not_have_is_a_beta() -> None:
    """SSE / (2 s^2) + KL has the gradient of SSE / (2 r^2) + (s / r)^2 KL, times (r / s)^2."""
    weight = rate_price(measured(gaussian_scale=0.5, implied_gaussian_scale=0.25)).weight
    assert weight == pytest.approx(4)
    error, kl = torch.tensor(3.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    one = error**2 / (2 * 0.5**2) + kl
    other = error**2 / (2 * 0.25**2) + weight * kl
    first, second = (torch.autograd.grad(loss, (error, kl)) for loss in (one, other))
    assert second[0] / first[0] == pytest.approx(4)
    assert second[1] / first[1] == pytest.approx(4)
    rows = [{"split": "train", "beta": beta} for beta in (1, 3)]
    numbers = measured(gaussian_scale=0.5, implied_gaussian_scale=0.25).numbers
    assert rate_price(Measurements(rows, numbers)).weight == pytest.approx(12)


def test_what_has_no_one_price_is_not_read_as_the_rates() -> None:
    """beta 0 of `info` and 6 of `tcvae` are no price of the rate; a capacity holds it itself."""
    told = {"gaussian_scale": 0.2, "implied_gaussian_scale": 0.2, "moments_kl_nats": 0.02}
    told |= {"active_units": 1.0, "latent_dimensions": 2.0, "rate_nats": 4.0}
    told |= {"rate_z1_nats": 4.0, "rate_z2_nats": 0.0}
    for objective, beta in ((InfoConfig(), 0.0), (TCVAEConfig(), 6.0), (CapacityConfig(), None)):
        rows = [{"split": "train", "epoch": 1.0} | ({} if beta is None else {"beta": beta})]
        one = replace(measured(rows, **told), objective=objective)
        assert one.price is None
        names = verdict(one)
        assert "a neglected prior" not in names
        assert "posterior collapse" not in names
        silent = replace(measured(rows, **told | {"active_units": 0.0}), objective=objective)
        collapse = verdict(silent)["posterior collapse"]
        assert collapse.severity is Severity.SERIOUS
        assert ("objective.beta=1",) not in {remedy.overrides for remedy in collapse.remedies}
    # what a capacity leaves no room for is not spare
    held = replace(measured(**told), objective=CapacityConfig())
    assert "latent dimension too large" not in verdict(held)
    elbo = measured([{"split": "train", "epoch": 1.0, "beta": 0.1}], **told)
    assert "cost 0.1 nats" in verdict(elbo)["a neglected prior"].summary


def test_prices_are_those_at_the_end_of_the_training() -> None:
    schedule = LinearSchedule(start=0, end=4, epochs=10)
    rows: list[dict[str, Any]] = [{"split": "train", "epoch": 5.0, "elbo_nats": 0.0}]
    assert Measurements(rows, {}, ELBOConfig(beta=schedule)).price == 2
    rows.append({"split": "train", "epoch": 6.0, "beta": 9.0})  # changed by hand
    assert Measurements(rows, {}, ELBOConfig(beta=schedule)).price == 9
    assert Measurements([], {}, IWAEConfig()).price == 1


def test_codes_are_at_least_as_far_from_the_prior_as_their_moments(clinic: Clinic) -> None:
    run = clinic.run("moments", "training.epochs=3")
    model, _ = run.load_model()
    data = run.experiment.data
    loader = EvalLoader(data.load().train, data.pixels, 0)
    least = moment_numbers(model, loader)["moments_kl_nats"].value
    whole = RatePartsMetric()(model, loader)["dimensionwise_kl_nats"]
    assert 0 < least < whole.value + 3 * whole.standard_error
    (batch,) = loader.batches(len(loader))
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
    loader = EvalLoader(data.load().valid, data.pixels, 0)
    before = active_numbers(model, loader)["active_units"]
    assert before.value == 2
    head = model.encoder.heads[0].stack[0]
    with torch.no_grad():  # loc / 100, log variance - log 100^2
        head.weight[:2].div_(100)
        head.bias[:2].div_(100)
        head.bias[2:].sub_(2 * math.log(100))
    assert ActiveUnitsMetric()(model, loader)["active_units"].value == 0
    after = active_numbers(model, loader)["active_units"]
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
    assert set(verdict(measured(**silent))) == {"latent dimension too large"}
    (finding,) = verdict(measured(**silent)).values()
    assert finding.severity is Severity.NOTE
    assert finding.remedies[0].overrides == ("model.latent=2",)
    pressed = verdict(measured([{"split": "train", "beta": 4.0}], **silent))
    assert set(pressed) == {"posterior collapse"}
    assert pressed["posterior collapse"].summary == "6 of 8 dimensions are inactive"
    none = verdict(measured(**silent | {"active_units": 0.0}))
    assert none["posterior collapse"].severity is Severity.SERIOUS


def test_a_silent_posterior_that_is_not_the_prior_is_told_by_its_cost(clinic: Clinic) -> None:
    """KL(N(0, 4) || N(0, 1)) in each of four dimensions that say nothing."""
    run = clinic.ill("posterior collapse")
    assert "not the prior" not in text_of(examine(run))
    model, _ = run.load_model()
    data = run.experiment.data
    head = model.encoder.heads[0].stack[0]
    with torch.no_grad():
        head.bias[4:].add_(math.log(4))
    numbers = measure(model, *[EvalLoader(data.load().valid, data.pixels, 0)] * 2)
    cost = 4 * kl_divergence(Normal(0.0, 2.0), Normal(0.0, 1.0)).item()
    assert numbers["silent_kl_nats"].value == pytest.approx(cost, abs=0.1)
    collapse = verdict(Measurements([], numbers))["posterior collapse"]
    assert any("is not the prior: it costs 3." in line for line in collapse.evidence)


def test_overfitting_needs_a_training_that_rises_while_validation_falls() -> None:
    def rows(train: list[float], valid: list[float]) -> list[dict[str, Any]]:
        both = (("train", train), ("valid", valid))
        return [
            {"split": split, "epoch": epoch, "elbo_nats": elbo}
            for split, elbos in both
            for epoch, elbo in enumerate(elbos, 1)
        ]

    def finds(train: list[float], valid: list[float], **errors: float) -> bool:
        return "overfitting" in verdict(measured(rows(train, valid), rate_nats=20.0, **errors))

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
            Measurements([], {"prior_draws_in_holes": one})
        )

    assert finds(0.4, 0.05)
    assert not finds(0.4, 0.08)
    assert not finds(0.2, 0.0)


def test_an_epoch_is_the_mean_of_what_was_logged_in_it() -> None:
    logged = [(0.5, -9.0), (1.0, -7.0), (1.5, -5.0)]
    rows = [{"split": "train", "epoch": at, "elbo_nats": elbo} for at, elbo in logged]
    assert Measurements(rows, {}).elbos("train") == {1: -8.0, 2: -5.0}


def test_what_was_still_getting_better_is_to_go_on() -> None:
    def remedies(elbos: list[float]) -> set[tuple[str, ...]]:
        rows = [{"split": "valid", "epoch": n, "elbo_nats": e} for n, e in enumerate(elbos, 1)]
        finding = verdict(measured(rows, prior_draws_in_holes=0.9))[
            "holes in the aggregate posterior"
        ]
        return {remedy.overrides for remedy in finding.remedies}

    assert ("training.epochs=12",) in remedies([-90, -9, -7])
    assert ("training.epochs=12",) not in remedies([-9, -7, -8])
    assert ("training.epochs=80",) in remedies([*range(-20, -1), -3])  # in the last tenth


def test_a_schedule_cut_short_is_to_be_finished() -> None:
    rows = [{"epoch": 15.0, "split": "train", "beta": 1.7, "elbo_nats": 0.0}]
    beta = LinearSchedule(start=2, end=1, epochs=50)
    high = rate_price(Measurements(rows, {}, ELBOConfig(beta=beta)))
    assert [remedy.overrides for remedy in high.remedies] == [("training.epochs=50",)]
    beta = LinearSchedule(start=2, end=1, epochs=15)
    done = rate_price(Measurements(rows, {}, ELBOConfig(beta=beta)))
    assert [remedy.overrides for remedy in done.remedies] == [("objective.beta=1",)]


def test_what_time_may_mend_is_not_said_of_a_run_just_begun() -> None:
    names = {"posterior collapse", "holes in the aggregate posterior", "a neglected prior",
             "latent dimension too large"}  # fmt: skip

    def skipped(elbos: list[float], **more: Any) -> set[str]:
        rows = [
            {"split": split, "epoch": n, "elbo_nats": e}
            for n, e in enumerate(elbos, 1)
            for split in ("train", "valid")
        ]
        numbers = {
            "active_units": 0.0,
            "latent_dimensions": 2.0,
            "rate_nats": 0.1,
            "rate_z1_nats": 0.1,
            "prior_draws_in_holes": 0.9,
            "moments_kl_nats": 2.0,
        }
        told = measured(rows, **numbers, **more)
        seen = diagnose("x", "images", told, lambda remedy: True)
        reasons = [reason for _, reason in seen.skipped if "training.epochs=N" in reason]
        assert len(reasons) in (0, 3, 4)
        return {diagnosis.name for diagnosis, _ in seen.skipped} & names

    assert skipped([-9]) == names
    assert skipped([-90, -40, -30]) == names
    assert skipped([-90, -40, -30, -29]) == set()
    assert skipped([-90, -40, -41]) == set()
    assert skipped([-90, -80, -70, -60, -50, -40]) == set()


def test_the_closing_line_says_how_much_could_not_be_looked_for() -> None:
    seen = diagnose("x", "images", measured([], elbo_nats=-9.0), lambda remedy: True)
    assert worst(seen) == (
        "doctor: 5 of 6 checks could not be made, and the others found nothing, on images; "
        "vaelab doctor x says why"
    )


def test_what_the_config_means_is_said_of_a_run_just_begun() -> None:
    def price(objective: str, learned: bool) -> float:
        config = override(Experiment, {}, [objective])
        chosen = validate(Experiment, config, "").objective
        row = {"split": "train", "epoch": 2.0, "beta": chosen.controls["beta"](2), "elbo_nats": -9}
        scales = {"gaussian_scale": 0.1, "implied_gaussian_scale": 0.2}
        numbers = scales | ({"scale_over_floor": 50.0} if learned else {})
        told = Measurements([row], measured(**numbers).numbers, chosen)
        return chosen_price(told)

    falling = "objective.beta={kind: linear, start: 2, end: 1, epochs: 50}"
    assert price("objective.beta=30", True) == 30
    assert price("objective.beta=1", False) == pytest.approx(0.25)
    assert price(falling, True) == 1
    assert price(falling, False) == pytest.approx(0.25)


def test_the_worst_comes_first_and_into_the_line(clinic: Clinic) -> None:
    run = clinic.ill("a neglected prior")
    examination = examine(run)
    severities = [finding.severity for _, finding in examination.findings]
    assert severities == sorted(severities, reverse=True)
    line = one_line_diagnosis(run)
    assert line.startswith("doctor: a nat of rate cost 0.0")
    assert f", on 100 validation images; vaelab doctor {run.path} says how it shows and" in line
    assert line == worst(examination)
    assert "\n" not in line
    assert f"(and {len(severities) - 1} more finding" in worst(examination)


@pytest.mark.slow
def test_test_images_are_never_looked_at(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    run = clinic.well()
    before = examine(run).measured.numbers
    store = run.experiment.data.load()
    blind = replace(store, test=store.test.select(torch.arange(0).numpy()))
    monkeypatch.setattr(type(run.experiment.data), "load", lambda self: blind)
    assert examine(run).measured.numbers == before


def test_without_validation_images_it_says_so(clinic: Clinic) -> None:
    run = clinic.run("no_validation", "data.validation=0")
    examination = examine(run)
    assert "training images, for there are no validation images" in text_of(examination)
    assert {d.name: why for d, why in examination.skipped}["overfitting"].startswith("fewer than")


def test_a_learned_scale_under_way_is_given_time() -> None:
    rows = [
        {"split": split, "epoch": n, "elbo_nats": n}
        for n in range(1, 7)  # it has not just begun
        for split in ("train", "valid")
    ]
    numbers = {"active_units": 1, "latent_dimensions": 2, "rate_nats": 1, "gaussian_scale": 0.4,
               "implied_gaussian_scale": 0.2}  # fmt: skip
    fixed = verdict(measured(rows, **numbers))["posterior collapse"]
    assert [one.overrides for one in fixed.remedies] == [("model.likelihood=optimal_gaussian",)]
    learned = verdict(measured(rows, **numbers, scale_over_floor=400))["posterior collapse"]
    assert [one.overrides for one in learned.remedies] == [("training.epochs=24",)]


def test_a_remedy_that_the_config_refuses_is_not_offered(clinic: Clinic) -> None:
    conditional = clinic.run(
        "conditional", *ILL["a neglected prior"],
        "model.condition={encoder: planes, decoder: one_hot}",
    )  # fmt: skip
    remedies = [
        remedy for finding in found(examine(conditional)).values() for remedy in finding.remedies
    ]
    assert remedies
    assert ("model.prior=vamp",) not in {remedy.overrides for remedy in remedies}


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
    loaders = [
        EvalLoader(split, run.experiment.data.pixels, 0) for split in (store.train, store.valid)
    ]
    numbers = measure(WithoutCode(run.load_model()[0]), *loaders)
    seen = diagnose("x", "images", Measurements(run.metrics(), numbers), lambda remedy: True)
    reasons = {diagnosis.name: reason for diagnosis, reason in seen.skipped}
    assert reasons["posterior collapse"] == "it takes a code of one vector"
    assert "holes in the aggregate posterior" in reasons
    assert "not looked for: posterior collapse" in text_of(seen)


def test_at_the_command_line(clinic: Clinic, vaelab: Callable[..., Any], tmp_path: Path) -> None:
    run = clinic.ill("posterior collapse")
    answer = vaelab("doctor", "posterior_collapse", "--runs", run.path.parent)
    assert answer.code == 0
    assert "4 of 4 dimensions are inactive" in answer.out
    line = f"vaelab train {run.path} task_name=posterior_collapse-2 objective.beta=1"
    assert line in [one.strip() for one in answer.out.splitlines()]
    assert vaelab(*line.split()[1:], "training.epochs=1").code == 0
    assert Run(run.path.with_name("posterior_collapse-2")).experiment.objective.beta.value == 1
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
    assert one_line_diagnosis(run).startswith("doctor: nothing can be said, for ")


def test_training_ends_with_its_line(vaelab: Callable[..., Any], tmp_path: Path) -> None:
    config = tmp_path / "tiny.yaml"
    settings = tiny("objective.beta=30").model_dump(mode="json")
    config.write_text(json.dumps(settings))
    answer = vaelab("train", config, "--runs", tmp_path)
    assert answer.code == 0
    assert "doctor: 2 of 2 dimensions are inactive" in answer.out
