"""Every shipped config says what it shows, builds, and takes steps that lower its loss."""

from pathlib import Path

import pytest
import torch
from torch import nn

from vaelab.config import to_yaml, validate
from vaelab.engine.step import TrainingStep
from vaelab.experiment import Experiment
from vaelab.models import VAE
from vaelab.networks.layers import Activate, Linear
from vaelab.yamlfile import read_yaml

CONFIGS = Path(__file__).parents[1] / "configs"
SHIPPED = sorted(CONFIGS.glob("*.yaml"))
NAMES = [path.stem for path in SHIPPED]
OURS = {
    "digits",
    "mnist",
    "simple",
    "vae_kl",
    "vae_kl_latent4",
    "vae_kl_latent4_enc_channel_dec_fc_condition",
    "vae_nokl",
}


def experiment_of(name: str) -> Experiment:
    return validate(Experiment, read_yaml(CONFIGS / f"{name}.yaml"), name)


def build(name: str) -> tuple[Experiment, VAE]:
    experiment = experiment_of(name)
    torch.manual_seed(0)
    model = experiment.model.build((1, 28, 28), experiment.data.pixels.domain, 10)
    return experiment, model


def test_the_configs_of_the_readme_are_there() -> None:
    assert set(NAMES) >= OURS


@pytest.mark.parametrize("name", NAMES)
def test_it_builds_and_takes_a_step(name: str) -> None:
    experiment, model = build(name)
    step = TrainingStep(model, experiment.objective, experiment.data.pixels, 1000)
    parameters = list(model.parameters())
    settings = experiment.training.optimizer
    optimizer = settings.build(parameters)
    images = torch.randint(256, (16, 1, 28, 28), dtype=torch.uint8)
    noise = torch.randn(experiment.objective.num_samples, 16, *model.latent_shape)
    controls = {key: torch.tensor(s(0.5)) for key, s in experiment.objective.controls.items()}
    before = [parameter.detach().clone() for parameter in model.parameters()]
    losses = []
    for _ in range(5):
        out = step(images, torch.arange(16) % 10, noise, None, controls)
        gradients = torch.autograd.grad(out["loss"], parameters)
        optimizer.step(gradients, [settings.learning_rate] * len(parameters))
        losses.append(out["loss"].item())
    assert losses[-1] < losses[0]
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    pairs = zip(before, model.parameters(), strict=True)
    assert all(not torch.equal(old, new) for old, new in pairs)


@pytest.mark.parametrize("name", NAMES)
def test_it_survives_being_written(name: str, tmp_path: Path) -> None:
    experiment = experiment_of(name)
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(experiment))
    assert validate(Experiment, read_yaml(path), name) == experiment


@pytest.mark.parametrize("path", SHIPPED, ids=NAMES)
def test_it_opens_with_what_it_shows(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = [line for line in lines[1:] if line.startswith("# ")]
    assert lines[1 : 1 + len(comment)] == comment
    assert 3 <= len(comment) <= 8
    text = " ".join(line.removeprefix("# ") for line in comment)
    for part in ("Look at: ", "Try: ", "Reference: "):
        assert part in text
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_its_run_is_called_as_its_file(name: str) -> None:
    assert experiment_of(name).task_name == name


@pytest.mark.parametrize("name", sorted(OURS - {"digits", "mnist"}))
def test_the_seeds_configs_hold_5000_images_out(name: str) -> None:
    data = experiment_of(name).data
    assert (data.kind, data.validation) == ("mnist", 5000)


def test_simple_is_the_seeds_fully_connected_vae() -> None:
    experiment, model = build("simple")
    networks = [model.encoder.trunk, *model.encoder.heads, model.decoder.trunk]
    widths = [
        [(layer.inputs, layer.outputs) for layer in network.layers if isinstance(layer, Linear)]
        for network in networks
    ]
    assert widths == [
        [(784, 196), (196, 48)],
        [(48, 16), (16, 2)],
        [(48, 16), (16, 2)],
        [(2, 16), (16, 48), (48, 196), (196, 784)],
    ]
    functions = {
        layer.function for network in networks for layer in network.layers
        if isinstance(layer, Activate)
    }  # fmt: skip
    assert functions == {"tanh"}
    assert isinstance(model.decoder.trunk.stack[-1], nn.Tanh)
    optimizer = experiment.training.optimizer
    assert (optimizer.learning_rate, optimizer.eps) == (1e-3, 1e-3)
    assert experiment.training.learning_rate_schedule.kind == "constant"
    assert (experiment.training.epochs, experiment.training.batch_size) == (10, 64)


def test_the_seeds_gaussian_is_its_mse_with_kl_weight_1e_5() -> None:
    for name in ("simple", "vae_kl", "vae_nokl", "vae_kl_latent4"):
        scale = experiment_of(name).model.likelihood.scale
        assert scale == pytest.approx((784 * 1e-5 / 2) ** 0.5, rel=1e-5)


def test_vae_nokl_is_vae_kl_without_the_rate() -> None:
    with_kl, without = experiment_of("vae_kl"), experiment_of("vae_nokl")
    assert without.objective.beta.value == 0
    assert without.model_copy(
        update={"objective": with_kl.objective, "task_name": "vae_kl"}
    ) == with_kl  # fmt: skip
