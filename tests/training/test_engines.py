"""Every engine takes the step that plain PyTorch takes, of every kind of part."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.training.conftest import tiny
from vaelab.console import Console
from vaelab.data.loading import training_batches
from vaelab.data.loading.batches import RankShare
from vaelab.engine import Engine, PlainEngine
from vaelab.engine.fast import FastEngine
from vaelab.engine.in_turn import InTurn
from vaelab.experiment import Experiment
from vaelab.runs.run import Run
from vaelab.training import build_model, replicas, train, train_together
from vaelab.training.loop import request
from vaelab.training.precision import choose_place, number_format
from vaelab.training.train import start_engine
from vaelab.training.training import Training

CONV = (
    "model.encoder={kind: conv, channels: [4, 6], kernels: [2, 3], strides: [2, 2],"
    " activation: leaky_relu, heads: [5]}"
)
KINDS = {
    "mlp": [],
    "tanh": ["model.encoder={kind: mlp, widths: [12], activation: tanh}"],
    "silu": ["model.encoder={kind: mlp, widths: [12], activation: silu}"],
    "sigmoid": [CONV.replace("leaky_relu", "sigmoid")],
    "abs": ["model.posterior={kind: diagonal_normal, scale: abs}"],
    "batch norm": [CONV],
    "plain convolution": [CONV.replace("[2, 2],", "[1, 1],")],
    "vamp": ["model.prior={kind: vamp, components: 5}", CONV],
    "correlated": ["model.posterior=full_normal", "objective=stl"],
    "humps": ["model.posterior=mixture"],
    "parts of the rate": ["objective=tcvae"],
    "inverse flow": ["model.posterior={kind: iaf, widths: [8], context: 4}"],
    "flow": ["model.prior={kind: flow, transform: spline, transforms: 2, widths: [8]}"],
    "condition": ["model.condition={encoder: planes, decoder: one_hot}", CONV],
    "one hot": ["model.condition={encoder: one_hot, decoder: one_hot}"],
    "resnet": ["model.encoder={kind: resnet, widths: [2, 3], blocks: 1}"],
    "resnet without norm, film": [
        "model.encoder={kind: resnet, widths: [2, 3], blocks: 1, norm: none}",
        "model.condition={encoder: film, decoder: film}",
    ],
    "iwae": ["objective={kind: iwae, samples: 3}"],
    "dreg": ["objective={kind: dreg, samples: 3}"],
    "binary": [
        "data.pixels={kind: binary, mode: dynamic}",
        "model.likelihood={kind: bernoulli}",
        CONV,
    ],
    "continuous Bernoulli": ["model.likelihood=continuous_bernoulli"],
    "laplace": ["model.likelihood={kind: laplace, scale: learned}"],
    "adamw": ["training.optimizer={kind: adamw}"],
    "vq": ["model={kind: vq}", "training.output_bias=random"],
    "hierarchical": ["model={kind: hierarchical}"],
}
STEPS = 4
"""The third of one shape is recorded, the fourth replayed."""


def steps(
    experiments: Sequence[Experiment], folder: Path, kind: str
) -> tuple[Engine, list[dict[str, Tensor]]]:
    """An engine, and terms, parameters, buffers and moments of each model after some steps."""
    experiments = [
        one.model_copy(update={"training": one.training.model_copy(update={"engine": kind})})
        for one in experiments
    ]
    config = experiments[0].training
    place = choose_place(config)
    with number_format(config.precision):
        store = experiments[0].data.load()
        batches = training_batches(store, config.batch_size, place.device, RankShare())
        trainings = []
        for one in experiments:
            run = Run.create(folder / kind / one.task_name, one)
            model = build_model(one, store.image_spec).to(place.device)
            trainings.append(Training(run, one, store, batches, model))
        engine = start_engine(trainings, place)
        parts = [batches.epoch(training.config.seed, 0) for training in trainings]
        rows = []
        for _ in range(STEPS):
            for training in trainings:
                training.model.train()
            asked = [request(one, next(part)) for one, part in zip(trainings, parts, strict=True)]
            terms, _ = engine.step(
                [one.inputs for one in asked], [one.learning_rate for one in asked]
            )
            rows.append(terms.clone())
            for training in trainings:
                training.progress.step += 1
                training.progress.batch += 1
    return engine, [
        {
            "terms": torch.stack([row[number] for row in rows]),
            **{name: value.clone() for name, value in training.model.state_dict().items()},
            **engine.optimizer_state(number),
        }
        for number, training in enumerate(trainings)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_of_every_kind(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    starting = sys.modules[start_engine.__module__]
    monkeypatch.setattr(starting, "gains_by_batching", lambda *_: True)  # as on a GPU
    settings = ("training.precision=float64", "training.seed=7", "training.batch_size=100")
    count = 1 if kind == "dreg" else 3  # which cannot be computed for several models at once
    experiments = replicas(tiny(*settings, f"training.replicas={count}", *KINDS[kind]))
    plain, wanted = steps(experiments, tmp_path, "plain")
    assert isinstance(plain, PlainEngine)
    fast, found = steps(experiments, tmp_path, "fast")
    assert isinstance(fast, FastEngine)
    assert len(fast._gradient.replays) == 1, "nothing was recorded: this test shows little"
    torch.testing.assert_close(found, wanted, rtol=1e-7, atol=1e-10)
    if count > 1:
        _, alone = steps(experiments[:1], tmp_path / "alone", "fast")
        torch.testing.assert_close(alone, wanted[:1], rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("kind", ["batch norm", "resnet", "dreg", "vq"])
def test_what_gains_nothing_as_one_model_takes_its_turns(tmp_path: Path, kind: str) -> None:
    three = replicas(tiny("training.seed=7", "training.replicas=3", *KINDS[kind]))
    engine, together = steps(three, tmp_path, "fast")
    assert isinstance(engine, InTurn)
    for number, one in enumerate(three):
        _, alone = steps([one], tmp_path / str(number), "fast")
        torch.testing.assert_close(alone[0], together[number], rtol=0, atol=0)


def test_what_one_has_saved_the_other_goes_on_with(tmp_path: Path) -> None:
    plain, _ = steps([tiny()], tmp_path, "plain")
    fast, _ = steps([tiny()], tmp_path, "fast")
    state = {name: torch.rand_like(value) for name, value in plain.optimizer_state(0).items()}
    for engine in (plain, fast):
        engine.load_optimizer_state(0, state)
        torch.testing.assert_close(engine.optimizer_state(0), state)


def test_without_what_fast_needs_it_is_plain_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("fast", "recording"):
        monkeypatch.delitem(sys.modules, f"vaelab.engine.{module}", raising=False)
    monkeypatch.delattr("torch.utils._python_dispatch.TorchDispatchMode")
    run = train(tiny("training.epochs=1"), tmp_path, console=Console()).run
    said = capsys.readouterr().out
    assert "training.engine is `plain`, the same but slower, instead of `fast`" in said
    assert "cannot import name 'TorchDispatchMode'" in said
    monkeypatch.undo()
    fast = train(tiny("training.epochs=1"), tmp_path / "fast").run
    for a, b in zip(run.metrics(), fast.metrics(), strict=True):
        assert a.pop("split") == b.pop("split")
        assert a == pytest.approx(b, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mlp", "batch norm", "vamp"])
def test_a_recorded_training_has_the_same_bits(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vaelab.engine import fast

    # the last batch of each epoch has a shape of its own
    settings = ("training.batch_size=100", "training.epochs=3", "training.replicas=2")
    experiments = replicas(tiny(*settings, *KINDS[kind]))
    recorded = train_together(experiments, tmp_path / "recorded")
    monkeypatch.setattr(fast, "Recorded", lambda function, written: function)
    unrecorded = train_together(experiments, tmp_path / "unrecorded")
    for one, other in zip(recorded, unrecorded, strict=True):
        assert (
            one.run.resume_path.read_bytes()[-1000:] == other.run.resume_path.read_bytes()[-1000:]
        )
        assert one.run.metrics() == other.run.metrics()
