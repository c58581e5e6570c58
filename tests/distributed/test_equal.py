"""Two processes give what one gives."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.distributed.conftest import train_shared
from tests.training.conftest import tiny
from vaelab.experiment import Experiment
from vaelab.runs.run import Run
from vaelab.tensorfile import read_tensors
from vaelab.training import Start, train
from vaelab.training.state import read_progress

pytestmark = pytest.mark.slow

CONV = "model.encoder={kind: conv, channels: [4, 8], kernels: [3, 2], strides: [2, 2], heads: [16]}"
NORM = CONV.replace("kind: conv", "kind: conv, norm: batch")
WAYS = {
    "plain": (),
    "even": ("data.validation=1372", "training.batch_size=66"),
    "conditional": ("model.condition={encoder: planes, decoder: one_hot}",),
    "dynamic": (
        "data.pixels={kind: binary, mode: dynamic}", "model.likelihood=bernoulli",
    ),
    "conv": (CONV,),
    "batch_norm": (NORM,),
    "gelu_batch_norm": (NORM.replace("heads", "activation: gelu, heads"),),
    "resnet": (
        "model.encoder={kind: resnet, widths: [4, 8], blocks: 1}",
        "model.decoder={kind: resnet, widths: [8, 4], blocks: 1}",
    ),
    "iwae": ("objective={kind: iwae, samples: 5}",),
    "stl": ("objective={kind: stl, samples: 2}",),
    "dreg": ("objective={kind: dreg, samples: 5}",),
    "tcvae": ("objective=tcvae",),
    "dip": ("objective=dip",),
    "dip_full": ("objective={kind: dip, of: means}", "model.posterior=full_normal"),
    "info": ("objective=info",),
    "info_batch_norm": ("objective=info", NORM),
    "capacity": ("objective=capacity",),
    "free_bits": ("objective=free_bits",),
    "free_bits_mixture": ("objective=free_bits", "model.posterior=mixture"),
    "vamp": ("model.prior=vamp",),
    "vamp_batch_norm": ("model.prior=vamp", NORM),
    "optimal": ("model.likelihood=optimal_gaussian",),
    "hierarchical": ("model.kind=hierarchical",),
    "vq": (  # of images' quarters, no two of which are the same: equally near codes are no tie
        "model={kind: vq, codes: 16, latent: 4, encoder: {kind: conv, channels: [8], kernels: [4], "
        "strides: [4]}}",
    ),
    "iaf": ("model.posterior=iaf", "objective=info"),
    "iaf_free_bits": ("model.posterior=iaf", "objective=free_bits"),
    "class_conditional": ("model.prior=class_conditional", "objective=capacity"),
    "output_bias": (
        "training.output_bias=mean", "data.pixels={kind: binary, mode: static}",
        "model.likelihood=bernoulli",
    ),
}  # fmt: skip


WHOLE = {
    "uneven_batch_norm": (NORM, "training.batch_size=94"),  # an odd number of images at the end
    "optimal_whole": ("model.likelihood=optimal_gaussian", "training.batch_size=94"),
    "plateau": ("training.learning_rate_schedule={kind: plateau, patience: 0, watch: valid}",),
}
ONE_STEP = ("data.validation=1371", "training.batch_size=68", "training.epochs=1")
"""One batch of 67 images, which two processes cannot share evenly."""
THREE_EPOCHS = ("training.batch_size=80", "training.epochs=3")


def experiment(name: str, *words: str) -> Experiment:
    return tiny(
        f"task_name={name}", "training.precision=float64", "training.threads=1",
        "training.log_every=1", "figures.every_epoch=[]", *words,
    )  # fmt: skip


@dataclass(frozen=True)
class Pair:
    alone: Run
    shared: Run


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    folder = tmp_path_factory.mktemp("shared")
    experiments = [experiment(name, *ONE_STEP, *words) for name, words in WAYS.items()]
    experiments += [experiment(name, *THREE_EPOCHS, *words) for name, words in WHOLE.items()]
    train_shared(experiments, folder)
    alone = [train(one, tmp_path_factory.mktemp("alone")).run for one in experiments]
    return {run.path.name: Pair(run, Run(folder / run.path.name)) for run in alone}


def parameters(run: Run) -> dict[str, Tensor]:
    return read_tensors(run.resume_path)[0]


@pytest.mark.parametrize("name", [*WAYS, *WHOLE])
def test_weights_and_moments_are_equal_up_to_rounding(name: str, pairs: dict[str, Pair]) -> None:
    alone, shared = parameters(pairs[name].alone), parameters(pairs[name].shared)
    assert alone.keys() == shared.keys()
    for key, value in alone.items():
        if not key.startswith("meter"):
            torch.testing.assert_close(shared[key], value, rtol=1e-7, atol=1e-9, msg=key)


@pytest.mark.parametrize("name", [*WAYS, *WHOLE])
def test_every_number_logged_is_equal(name: str, pairs: dict[str, Pair]) -> None:
    alone, shared = pairs[name].alone.metrics(), pairs[name].shared.metrics()
    assert len(alone) == len(shared) >= 2
    for one, other in zip(alone, shared, strict=True):
        assert one.keys() == other.keys()
        for key, value in one.items():
            expected = value if isinstance(value, str) else pytest.approx(value, rel=1e-7, abs=1e-9)
            assert other[key] == expected, key


def stopped(name: str, step: int) -> Experiment:
    change = f"training.changes=[{{step: {step}, stop: true}}]"
    return experiment(name, *THREE_EPOCHS, *WHOLE["uneven_batch_norm"], change)


@pytest.mark.parametrize("first", [1, 2])
def test_what_two_began_one_goes_on_with_and_the_other_way_round(
    first: int, pairs: dict[str, Pair], tmp_path: Path
) -> None:
    alone = pairs["uneven_batch_norm"].alone
    name = alone.path.name
    ways = {
        1: lambda one: train(one, tmp_path, Start.RESUME),
        2: lambda one: train_shared([one], tmp_path),
    }
    ways[first](stopped(name, 25))  # in the middle of an epoch
    assert read_progress(tmp_path / name / "resume.safetensors").step == 25
    ways[3 - first](Run(tmp_path / name).experiment)
    run = Run(tmp_path / name)
    for key, value in parameters(alone).items():
        if not key.startswith("meter"):
            torch.testing.assert_close(parameters(run)[key], value, rtol=1e-7, atol=1e-9, msg=key)
    assert [row["step"] for row in run.metrics()] == [row["step"] for row in alone.metrics()]


@pytest.mark.parametrize("words", [(NORM,), (NORM, "objective=info")], ids=["elbo", "info"])
def test_processes_without_an_image_of_the_last_batch_change_nothing(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    words = (*words, "training.batch_size=668", "training.epochs=1")  # two images are left
    one = experiment("four", *words)
    alone = parameters(train(one, tmp_path / "alone").run)
    train_shared([one], tmp_path / "shared", processes=4)
    for key, value in parameters(Run(tmp_path / "shared" / "four")).items():
        if not key.startswith("meter"):
            torch.testing.assert_close(value, alone[key], rtol=1e-7, atol=1e-9, msg=key)
