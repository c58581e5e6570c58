"""Every kind of every axis: its parameters learn, it is saved and loaded, it does its part.

The tests walk the registry, so a new kind is tested the moment it is defined.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from pydantic import TypeAdapter
from torch import Tensor

from tests.training.conftest import tiny
from vaelab.data import Domain
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.drawing import render
from vaelab.figures import Panel
from vaelab.kinds import AXES
from vaelab.likelihoods import BaseLikelihood
from vaelab.models import VAE, Condition, LatentVariableModel, ModelConfig, VAEConfig
from vaelab.networks.conditioning import Modulation
from vaelab.objectives import ELBOConfig, IWAEConfig
from vaelab.runs.render import figure_context, figures_named
from vaelab.runs.run import Run
from vaelab.tensorfile import read_tensors, write_tensors
from vaelab.training import train

SHAPE, CLASSES, IMAGES = (1, 8, 8), 3, 12
RESNET = {"encoder": {"kind": "resnet", "widths": [4, 6], "blocks": 1}}
OF_FACTORS = {"mig_posterior", "mig_histogram", "dci", "sap", "modularity"}
CONV = {"encoder": {"kind": "conv", "channels": [4, 6], "kernels": [2, 2], "strides": [2, 2]}}


KINDS = {axis.name: axis.kinds for axis in AXES}


def axis(name: str) -> list[type[Any]]:
    return list(KINDS[name].values())


def config_of(model: dict[str, Any]) -> ModelConfig:
    config: ModelConfig = TypeAdapter(ModelConfig).validate_python({"kind": "vae", **model})
    return config


def domain_for(model: dict[str, Any]) -> Domain:
    """Pixels on which the model's likelihood is one."""
    likelihood: BaseLikelihood = config_of(model).likelihood
    return min(likelihood.domains, key=lambda domain: (domain is not Domain.UNIT, domain))


def models() -> Iterator[tuple[str, dict[str, Any]]]:
    """Settings of models that between them have every kind of every axis of a model."""
    yield from ((f"model-{kind}", {"kind": kind}) for kind in KINDS["model"])
    for name in ("encoder", "decoder", "posterior", "likelihood", "prior"):
        for cls in axis(name):
            kind = str(cls.model_fields["kind"].default)
            model: dict[str, Any] = {name: {"kind": kind}}
            if (name, kind) == ("encoder", "conv"):
                model = CONV
            if (name, kind) == ("decoder", "conv"):
                model = {"decoder": {"kind": "conv", "channels": [6, 4], "strides": [2, 2]}}
            yield f"{name}-{kind}", model
    for scale in get_args(axis("posterior")[0].model_fields["scale"].annotation):
        yield f"posterior-{scale}", {"posterior": {"scale": scale}}
    for likelihood in ("gaussian", "laplace"):
        yield f"{likelihood}-fixed", {"likelihood": {"kind": likelihood, "scale": 0.1}}
        yield f"{likelihood}-per_pixel", {"likelihood": {"kind": likelihood, "scale": "per_pixel"}}
    yield "heads", {"encoder": {"kind": "mlp", "widths": [16], "heads": [8]}}
    encoder, decoder = (
        get_args(Condition.model_fields[side].annotation) for side in ("encoder", "decoder")
    )
    for read, told in product(encoder, decoder):
        condition = {"condition": {"encoder": read, "decoder": told}}
        yield f"condition-mlp-{read}-{told}", condition
        if read != "one_hot":  # which a convolution cannot take, and says so
            yield f"condition-conv-{read}-{told}", {**CONV, **condition}
            yield f"condition-resnet-{read}-{told}", {**RESNET, **condition}


MODELS = dict(models())


def build(name: str, seed: int = 0) -> LatentVariableModel:
    torch.manual_seed(seed)
    return config_of(MODELS[name]).build(SHAPE, domain_for(MODELS[name]), CLASSES)


def given(name: str, samples: int = 1) -> tuple[Tensor, Tensor | None, Tensor]:
    """Images in the domain of the model's likelihood, their classes, and noise."""
    torch.manual_seed(5)
    grey = torch.rand(IMAGES, *SHAPE)
    domain = domain_for(MODELS[name])
    x = (grey > 0.5).float() if domain is Domain.BINARY else grey
    x = (255 * x).round() if domain is Domain.LEVELS else x
    model = build(name)
    torch.manual_seed(6)
    context = torch.eye(CLASSES)[torch.arange(IMAGES) % CLASSES] if model.classes else None
    return x, context, torch.randn(samples, IMAGES, *model.latent_shape)


def controls(objective: Any) -> dict[str, Tensor]:
    scheduled = {key: torch.tensor(s(0.5)) for key, s in objective.controls.items()}
    return scheduled | {"images": torch.tensor(100.0)}


def test_the_models_tested_have_every_kind() -> None:
    for name in ("model", "encoder", "decoder", "posterior", "likelihood", "prior"):
        tested = {name.partition("-")[2] for name in MODELS}
        assert {str(cls.model_fields["kind"].default) for cls in axis(name)} <= tested


@pytest.mark.parametrize("objective", [ELBOConfig(), IWAEConfig(samples=3)], ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_gets_a_gradient(name: str, objective: ELBOConfig | IWAEConfig) -> None:
    model = build(name)
    x, context, noise = given(name, objective.num_samples)
    loss = objective(model.terms(x, context, noise=noise), controls(objective))
    assert torch.isfinite(loss)
    loss.backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name
        assert parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.parametrize("kind", KINDS["objective"])
def test_every_objective_is_lowered_by_following_its_gradient(kind: str) -> None:
    (cls,) = [cls for cls in axis("objective") if cls.model_fields["kind"].default == kind]
    objective = cls()
    model = build("encoder-mlp")
    x, context, noise = given("encoder-mlp", objective.num_samples)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = objective(model.terms(x, context, noise=noise), controls(objective))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 1


@pytest.mark.parametrize("name", MODELS)
def test_saved_and_loaded_it_says_the_same(name: str, tmp_path: Path) -> None:
    model, fresh = build(name), build(name, seed=1)
    x, context, noise = given(name)
    with torch.no_grad():
        model.terms(x, context, noise=noise)  # batch norms see some data before they are saved
        path = tmp_path / "model.safetensors"
        write_tensors(path, model.state_dict(), {"kind": name})
        tensors, about = read_tensors(path)
        assert about == {"kind": name}
        other = fresh.eval().terms(x, context, noise=noise)
        fresh.load_state_dict(tensors)
        first, second = (m.eval().terms(x, context, noise=noise) for m in (model, fresh))
    assert not torch.equal(first.elbo, other.elbo)
    for part in ("log_likelihood", "log_weights", "distortion", "rate"):
        assert torch.equal(getattr(first, part), getattr(second, part)), part


@pytest.mark.parametrize("name", MODELS)
def test_its_samples_are_images_of_the_likelihoods_domain(name: str) -> None:
    model = build(name).eval()
    context = torch.eye(CLASSES)[torch.arange(6) % CLASSES] if model.classes else None
    with torch.no_grad():
        images = model.sample(6, context)
        drawn, mean = images.sample(), images.mean
    assert drawn.shape == mean.shape == (6, *SHAPE)
    assert not torch.equal(mean[0], mean[3])  # same class, other code
    domain = domain_for(MODELS[name])
    if domain is Domain.BINARY:
        assert set(drawn.unique().tolist()) == {0.0, 1.0}
    kind = config_of(MODELS[name]).likelihood.kind
    if kind in {"bernoulli", "continuous_bernoulli"}:
        assert mean.min() >= 0
        assert mean.max() <= 1
        assert drawn.min() >= 0
        assert drawn.max() <= 1
    assert torch.isfinite(images.log_prob(drawn)).all()


def change_nothing_yet(
    model: VAE, x: Tensor, context: Tensor, other: Tensor, condition: Condition
) -> None:
    """FiLM is the identity before training; give it numbers to say something with."""
    with torch.no_grad():
        codes = [model.encode(x, c).mean for c in (context, other)]
        images = [model.decode(codes[0], c).mean for c in (context, other)]
        assert torch.equal(*codes) is (condition.encoder in {"none", "film"})
        assert torch.equal(*images) is (condition.decoder in {"none", "film"})
        films = [module for module in model.modules() if isinstance(module, Modulation)]
        for film in films:
            film.weight.normal_()
    assert films


@pytest.mark.parametrize("name", [name for name in MODELS if not name.startswith("model-")])
def test_a_conditional_model_says_something_else_of_another_class(name: str) -> None:
    model, config = build(name).eval(), config_of(MODELS[name])
    assert isinstance(model, VAE)
    assert isinstance(config, VAEConfig)
    condition = config.condition
    if not (condition.active or config.prior.reads_class):
        assert model.classes == 0
        assert not config.numbers_conditional
        return
    x, context, _ = given(name)
    assert context is not None
    other = context.roll(1, 1)
    if config.prior.reads_class:
        with torch.no_grad():
            model.prior.loc.copy_(torch.randn_like(model.prior.loc))
            assert not torch.equal(model.prior(context).mean, model.prior(other).mean)
        with pytest.raises(TypeError, match="give the classes"):
            model.prior()
    if "film" in (condition.encoder, condition.decoder):
        change_nothing_yet(model, x, context, other, condition)
    with torch.no_grad():
        codes = [model.encode(x, c).mean for c in (context, other)]
        images = [model.decode(codes[0], c).mean for c in (context, other)]
        z = model.encode(x, context).mean
        # log p(x, z|c): where no class changes it, the bound is one on log p(x)
        joint = [
            model.decode(z, c).log_prob(x) + model.prior(c).log_prob(z) for c in (context, other)
        ]
    assert torch.equal(*codes) is (condition.encoder == "none")
    assert torch.equal(*images) is (condition.decoder == "none")
    assert torch.equal(*joint) is not config.numbers_conditional


TRAININGS = [
    *(f"objective.beta={{kind: {kind}}}" for kind in KINDS["schedule"]),
    *(f"training.optimizer.kind={kind}" for kind in KINDS["optimizer"]),
    *(f"training.learning_rate_schedule.kind={kind}" for kind in KINDS["learning_rate_schedule"]),
    *(f"objective.kind={kind}" for kind in KINDS["objective"]),
]


@pytest.mark.parametrize("setting", TRAININGS)
def test_two_steps_of_training_with_every_schedule_and_optimiser(
    setting: str, tmp_path: Path
) -> None:
    experiment = tiny(
        setting, "data.validation=1300", "training.batch_size=72",
        "training.log_every=1", "training.epochs=1",
    )  # fmt: skip
    run = train(experiment, tmp_path).run
    rows = [row for row in run.metrics() if row["split"] == "train"]
    assert [row["step"] for row in rows] == [1, 2]
    objective, training = experiment.objective, experiment.training
    for row, epoch in zip(rows, (0.0, 0.5), strict=True):
        for name, schedule in objective.controls.items():
            assert row[name] == pytest.approx(schedule(epoch))
        factor = training.learning_rate_schedule(epoch, 1, [])
        assert row["learning_rate"] == pytest.approx(training.optimizer.learning_rate * factor)
        assert row["rate_nats"] > 0
    assert rows[0]["loss_nats"] != rows[1]["loss_nats"]


SPREAD = [f"{{kind: {kind}, dequantised: true}}" for kind in ("unit", "signed")]


@pytest.mark.parametrize("pixels", [*KINDS["pixels"], *SPREAD])
def test_a_model_learns_from_every_kind_of_pixels(pixels: str, tmp_path: Path) -> None:
    run = train(tiny(f"data.pixels={pixels}", "training.epochs=4"), tmp_path).run
    elbos = [row["elbo_nats"] for row in run.metrics() if row["split"] == "valid"]
    assert elbos[-1] > elbos[0]


@pytest.mark.parametrize("kind", KINDS["metric"])
def test_every_metric_gives_numbers_with_unit_and_estimator(
    kind: str, trained: Run, sprites: Run
) -> None:
    run = sprites if kind in OF_FACTORS else trained
    model, _ = run.load_model()
    data = run.experiment.data
    metric = KINDS["metric"][kind](**{"ais": {"images": 5, "distributions": 10}}.get(kind, {}))
    numbers = metric(model, EvalLoader(data.load().test, data.pixels, model.classes))
    assert numbers
    for name, number in numbers.items():
        assert np.isfinite(number.value), name
        assert number.unit, name
        assert number.estimator, name
        assert name.endswith("_nats") is (number.unit.startswith("nats")), name
        assert number.standard_error is None or number.standard_error > 0, name
    assert metric(model, EvalLoader(data.load().test, data.pixels, model.classes)) == numbers


@pytest.mark.parametrize("conditioned", [False, True])
@pytest.mark.parametrize("kind", KINDS["figure"])
def test_every_figure_of_a_trained_run(
    kind: str, conditioned: bool, trained: Run, conditional: Run, tmp_path: Path
) -> None:
    options = {"interpolation": ["frames=20"], "manifold": ["grid=5"], "samples": ["num=20"]}
    (figure,) = figures_named([kind, *options.get(kind, [])])
    panel = figure.compute(figure_context(conditional if conditioned else trained))
    picture = figure.draw(panel)
    assert isinstance(picture, Figure)
    pixels = render(picture)
    assert min(pixels.shape[:2]) >= 100
    assert len(np.unique(pixels)) > 10
    loaded = Panel.load(panel.save(tmp_path / "panel.npz"))
    assert loaded.arrays.keys() == panel.arrays.keys()
    for name, array in panel.arrays.items():
        np.testing.assert_array_equal(loaded.arrays[name], array)
        assert array.size, name
    np.testing.assert_array_equal(render(figure.draw(loaded)), pixels)
