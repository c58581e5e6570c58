"""Weights are kept by what the run optimises, and every number says by what."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.conftest import tiny
from vaelab.console import Console
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.evaluation.evaluate import evaluate
from vaelab.experiment import Change
from vaelab.metrics import IWAEMetric
from vaelab.runs.run import Run
from vaelab.tensorfile import read_tensors, write_tensors
from vaelab.training import Start, train

QUICK = ("training.optimizer.learning_rate=0.01", "training.log_every=100")


def valid_rows(run: Run) -> list[dict[str, Any]]:
    return [row for row in run.metrics() if row["split"] == "valid"]


def epoch_of(run: Run, number: str, best: Any = min) -> int:
    return int(best(valid_rows(run), key=lambda row: row[number])["epoch"])


def test_an_autoencoder_is_chosen_by_its_distortion(runs: Path) -> None:
    run = train(tiny("objective.beta=0", "model.latent=8", "training.epochs=5", *QUICK), runs).run
    about = run.about_weights()
    assert about["kept_by"] == "valid_loss"
    assert about["epoch"] == epoch_of(run, "distortion_nats")
    assert about["epoch"] > epoch_of(run, "elbo_nats", max) + 2  # whose rate is least at first
    kept = valid_rows(run)[about["epoch"] - 1]
    assert about["kept_value_nats"] == pytest.approx(kept["distortion_nats"], abs=1e-6)
    assert about["valid_elbo_nats"] == kept["elbo_nats"]


def test_a_rate_of_another_price_is_chosen_at_that_price(runs: Path) -> None:
    run = train(tiny("objective.beta=5", "training.epochs=6", *QUICK), runs).run
    losses = [row["distortion_nats"] + 5 * row["rate_nats"] for row in valid_rows(run)]
    assert run.about_weights()["epoch"] == 1 + int(np.argmin(losses))
    assert run.about_weights()["kept_value_nats"] == pytest.approx(min(losses))


@pytest.mark.parametrize("kind", ["iwae", "dreg"])
def test_an_importance_weighted_bound_is_chosen_by_itself(kind: str, runs: Path) -> None:
    run = train(
        tiny(f"objective={{kind: {kind}, samples: 20}}", "training.epochs=3", *QUICK), runs
    ).run
    model, about = run.load_model()
    assert about["kept_by"] == "valid_loss"
    assert about["epoch"] == epoch_of(run, "loss_nats")
    data = run.experiment.data
    loader = EvalLoader(data.load().valid, data.pixels, 0)
    bounds = [
        IWAEMetric(samples=20, seed=seed)(model, loader)["nll_iwae20_nats"].value
        for seed in range(9)
    ]
    spread = float(np.std(bounds))
    assert about["kept_value_nats"] == pytest.approx(np.mean(bounds), abs=4 * spread)
    kept = valid_rows(run)[about["epoch"] - 1]
    assert about["kept_value_nats"] < -kept["elbo_nats"]


def test_a_capacity_keeps_the_last(runs: Path) -> None:
    words = "{kind: capacity, capacity: {kind: linear, start: 0, end: 8, epochs: 2}}"
    run = train(tiny(f"objective={words}", "training.epochs=5", *QUICK), runs).run
    about = run.about_weights()
    assert (about["kept_by"], about["epoch"], about["kept_value_nats"]) == ("last", 5, None)
    assert epoch_of(run, "elbo_nats", max) < 5 or valid_rows(run)[-1]["rate_nats"] > 5
    row = valid_rows(run)[-1]
    distance = 100 * abs(row["rate_nats"] - 8)
    assert row["loss_nats"] == pytest.approx(row["distortion_nats"] + distance, rel=0.05)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_while_beta_changes_the_last_is_kept_and_then_the_best_from_there(
    schedule: str, runs: Path
) -> None:
    beta = f"objective.beta={{kind: {schedule}, start: 0, end: 1, epochs: 3}}"
    changing = train(tiny(beta, "training.epochs=3", *QUICK), runs).run
    assert changing.about_weights()["kept_by"] == "last"
    assert changing.about_weights()["epoch"] == 3
    longer = tiny(beta, "training.epochs=9", "training.optimizer.learning_rate=0.05",
                  "training.log_every=100", "task_name=longer")  # fmt: skip
    run = train(longer, runs).run
    about, elbos = run.about_weights(), [row["elbo_nats"] for row in valid_rows(run)]
    assert about["kept_by"] == "valid_elbo"
    assert about["epoch"] == 4 + int(np.argmax(elbos[3:]))
    assert about["kept_value_nats"] == max(elbos[3:])


def test_keeping_the_last_can_be_chosen(runs: Path) -> None:
    fast = "training.optimizer.learning_rate=0.03"
    run = train(tiny("training.keep=last", "training.epochs=4", fast), runs).run
    best = train(tiny("task_name=best", "training.epochs=4", fast), runs).run
    assert run.metrics() == best.metrics()
    assert best.about_weights()["epoch"] == epoch_of(best, "elbo_nats", max)
    assert (run.about_weights()["kept_by"], run.about_weights()["epoch"]) == ("last", 4)


def test_a_change_of_beta_by_hand_begins_anew(runs: Path) -> None:
    changed = tiny("training.epochs=4", *QUICK)
    steps = len(changed.data.load().train) // changed.training.batch_size
    training = changed.training.model_copy(update={"changes": (Change(step=2 * steps, beta=9),)})
    run = train(changed.model_copy(update={"training": training}), runs).run
    losses = [row["distortion_nats"] + 9 * row["rate_nats"] for row in valid_rows(run)]
    assert run.about_weights()["kept_value_nats"] == pytest.approx(min(losses[2:]))


@pytest.mark.parametrize(
    "objective",
    ["{kind: tcvae, alpha: 1, beta: 1, gamma: 1}", "{kind: info, beta: 1, weight: 0}",
     "{kind: dip, off_diagonal: 0, diagonal: 0}", "{kind: free_bits, nats: 0}", "stl"],
)  # fmt: skip
def test_what_is_the_bound_but_for_its_weights_has_the_bound_for_its_validation_loss(
    objective: str, runs: Path
) -> None:
    run = train(tiny(f"objective={objective}", "training.epochs=1"), runs).run
    (row,) = valid_rows(run)
    exact = not objective.startswith("{kind: tcvae")  # whose rate is that of the samples
    assert row["loss_nats"] == pytest.approx(-row["elbo_nats"], abs=1e-4 if exact else 0.5)


def test_validation_losses_are_what_the_papers_write(runs: Path) -> None:
    free = train(tiny("objective={kind: free_bits, nats: 3}", "training.epochs=1"), runs).run
    (row,) = valid_rows(free)
    rate = max(3, row["rate_z1_nats"]) + max(3, row["rate_z2_nats"])
    assert row["loss_nats"] == pytest.approx(row["distortion_nats"] + rate, abs=1e-4)

    dip = "objective={kind: dip, of: means, off_diagonal: 0, diagonal: 1000}"
    run = train(tiny(dip, "training.epochs=1", "task_name=dip"), runs).run
    (row,) = valid_rows(run)
    data, (model, _) = run.experiment.data, run.load_model()
    (batch,) = EvalLoader(data.load().valid, data.pixels, 0).batches(100)
    with torch.no_grad():
        covariance = np.cov(model.encode(batch.x).mean.double().numpy().T, bias=True)
    penalty = 1000 * np.square(covariance.diagonal() - 1).sum()
    assert penalty > 100
    assert row["loss_nats"] == pytest.approx(penalty - row["elbo_nats"], rel=1e-4)


def test_one_validation_image_has_no_loss_of_a_batch(runs: Path) -> None:
    run = train(tiny("objective=info", "data.validation=1"), runs).run
    assert "loss_nats" not in valid_rows(run)[0]
    assert run.about_weights()["epoch"] == 2


def test_a_plateau_watches_what_is_minimised(runs: Path) -> None:
    plateau = "training.learning_rate_schedule={kind: plateau, patience: 0}"
    words = ("objective.beta=0", "model.latent=8", plateau, "training.epochs=5", *QUICK)
    run = train(tiny(*words), runs).run
    rows = valid_rows(run)
    assert np.argmax([row["elbo_nats"] for row in rows]) == 0  # which the ELBO would answer to
    assert (np.diff([row["distortion_nats"] for row in rows]) < 0).all()
    assert {row["learning_rate"] for row in run.metrics() if row["split"] == "train"} == {0.01}


def test_a_plateau_does_not_take_a_warm_up_for_one(runs: Path) -> None:
    run = train(
        tiny(
            "training.learning_rate_schedule={kind: plateau, patience: 0, watch: train}",
            "objective.beta={kind: linear, start: 0, end: 40, epochs: 6}", "training.epochs=5",
            *QUICK,
        ),
        runs,
    ).run  # fmt: skip
    rates = {row["learning_rate"] for row in run.metrics() if row["split"] == "train"}
    assert rates == {0.01}


def test_what_an_earlier_version_saved_goes_on(runs: Path) -> None:
    fast = "training.optimizer.learning_rate=0.03"
    run = train(tiny("training.epochs=2", fast), runs).run
    before = run.about_weights()
    tensors, about = read_tensors(run.resume_path)
    for new in ("controls", "best_loss"):
        del about["progress"][new]
    about["progress"]["best_elbo"] = 1e6  # never to be reached again
    write_tensors(run.resume_path, tensors, about)
    again = train(tiny("training.epochs=3", fast), runs, Start.RESUME).run
    assert again.about_weights() == before


def test_every_number_says_what_its_weights_were_chosen_by(runs: Path) -> None:
    console = Console(width=200, record=True, file=StringIO())
    run = train(tiny("objective.beta=2", "training.epochs=2"), runs, console=console).run
    about = run.about_weights()
    words = f"smallest validation loss, {about['kept_value_nats']:,.2f} nats"
    said = console.export_text()
    assert f"{run.path}: kept are the weights of epoch {about['epoch']} of 2: {words}" in said
    table = evaluate(run, samples=2).table()
    assert f"weights of epoch {about['epoch']} ({words})" in str(table.title)
    written = json.loads(run.evaluation_path.read_text())
    assert written["kept_by"] == "valid_loss"
    assert written["kept_value_nats"] == about["kept_value_nats"]


def test_a_training_shorter_than_its_schedule_says_so(runs: Path) -> None:
    schedule = "objective.beta={kind: linear, start: 2, end: 1, epochs: 4.5}"
    out = StringIO()
    run = train(tiny(schedule, "training.epochs=2"), runs, console=Console(file=out, width=300)).run
    assert (
        "beta is still 1.56 after 2 epochs: its schedule takes 4.5, and until then the last "
        "weights are kept instead of the best; to finish it: "
        f"vaelab train {run.path} --resume training.epochs=5"
    ) in " ".join(out.getvalue().split())
    out = StringIO()
    more = tiny(schedule, "training.epochs=5")
    train(more, runs, Start.RESUME, Console(file=out, width=300))
    assert "still" not in out.getvalue()
