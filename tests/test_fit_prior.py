"""A prior fitted to codes: known mixtures are found, the bound rises, the run is one of its own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal

from tests.training.conftest import tiny
from vaelab.bundle.reader import Bundle, rebuild
from vaelab.console import Console
from vaelab.data import Domain, Split, UnitPixels
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.errors import BadCombinationError, BadValueError, MissingFileError
from vaelab.evaluation.comparison import compare
from vaelab.evaluation.evaluate import evaluate
from vaelab.experiment import PriorFitConfig
from vaelab.explorer.library import Library
from vaelab.metrics import BoundMetric
from vaelab.models import VAE, VAEConfig
from vaelab.networks import MLPEncoder
from vaelab.priors import FlowConfig, MixtureConfig, Prior, StandardNormalConfig
from vaelab.runs.run import Run
from vaelab.tensorfile import read_tensors
from vaelab.training import Start, train
from vaelab.training.fit_prior import fit_prior
from vaelab.training.fit_prior.codes import Encoder, mean_rate
from vaelab.training.fit_prior.learning import Log, learn
from vaelab.training.interrupt import Interrupt

DARK, SHARE = 600, 0.3
CENTRE, SPREAD = 3.0, 0.5


def two_shades() -> tuple[VAE, EvalLoader]:
    """3 of 10 images are black, the others white, and q(z|x) = N(-+CENTRE, SPREAD^2 I)."""
    torch.manual_seed(0)
    model = VAEConfig(encoder=MLPEncoder(widths=())).build((1, 2, 2), Domain.UNIT, 1).eval()
    head = model.encoder.heads[0].stack[0]
    with torch.no_grad():
        head.weight.zero_()
        head.weight[:2] = CENTRE / 2
        head.bias[:2] = -CENTRE
        head.bias[2:] = 2 * np.log(SPREAD)
    count = round(DARK / SHARE)
    shades = np.where(np.arange(count) < DARK, 0, 255).astype(np.uint8)
    images = np.broadcast_to(shades[:, None, None, None], (count, 1, 2, 2)).copy()
    return model, EvalLoader(Split(images, np.zeros(count, np.int64)), UnitPixels(), 0)


def aggregate() -> Distribution:
    weights = Categorical(torch.tensor([SHARE, 1 - SHARE]))
    centres = torch.tensor([[-CENTRE] * 2, [CENTRE] * 2])
    return MixtureSameFamily(weights, Independent(Normal(centres, SPREAD), 1))


def fitted(prior: Prior, settings: PriorFitConfig, validate: bool = True) -> tuple[Prior, Log]:
    model, loader = two_shades()
    encoder = Encoder(model, UnitPixels())
    valid = list(encoder.fixed(loader)) if validate else []
    bound = BoundMetric()(model, loader)
    splits = {"train": bound, "valid": bound} if validate else {"train": bound}
    log = Log(Console(quiet=True), settings.epochs, splits)
    learn(prior, encoder, loader, valid, settings, log, Interrupt())
    return prior, log


def test_the_mixture_that_the_codes_are_is_found() -> None:
    torch.manual_seed(1)
    prior = MixtureConfig(components=2).build(2, 1)
    fitted(prior, PriorFitConfig(run="known", epochs=3))
    order = prior.loc[:, 0].argsort()
    weights = prior.logits.softmax(0)[order]
    torch.testing.assert_close(weights, torch.tensor([0.3, 0.7]), atol=0.02, rtol=0)
    wanted = torch.tensor([[-CENTRE] * 2, [CENTRE] * 2])
    torch.testing.assert_close(prior.loc[order], wanted, atol=0.06, rtol=0)
    scales = prior.log_scale.exp()
    torch.testing.assert_close(scales, torch.full_like(scales, SPREAD), atol=0.04, rtol=0)


@pytest.mark.slow
def test_a_flow_comes_near_the_codes_it_is_fitted_to() -> None:
    torch.manual_seed(1)
    prior = FlowConfig(transform="spline", widths=(32,)).build(2, 1)
    z = aggregate().sample(torch.Size([20_000]))
    surplus = (aggregate().log_prob(z) - prior().log_prob(z)).mean()  # KL(q(z) || p(z))
    fitted(prior, PriorFitConfig(run="known", epochs=15, learning_rate=5e-3))
    with torch.no_grad():
        left = (aggregate().log_prob(z) - prior().log_prob(z)).mean()
    assert left < 0.15 < surplus


def test_it_learns_on_the_rate_that_is_logged_and_keeps_the_best() -> None:
    torch.manual_seed(1)
    prior = FlowConfig(widths=(8,)).build(2, 1)
    # a step so large that some passes make it worse
    _, log = fitted(prior, PriorFitConfig(run="known", epochs=8, patience=8, learning_rate=0.1))
    model, loader = two_shades()
    codes = list(Encoder(model, UnitPixels()).fixed(loader))
    logged = [row["rate_nats"] for row in log.rows if row["split"] == "valid"][1:]
    assert mean_rate(prior, codes) == pytest.approx(min(logged), abs=1e-4)
    assert logged != sorted(logged, reverse=True)


def test_patience_ends_it_and_without_validation_it_goes_to_the_end() -> None:
    def passes(validate: bool) -> int:
        torch.manual_seed(1)
        prior = FlowConfig(widths=(8,)).build(2, 1)
        settings = PriorFitConfig(run="known", epochs=12, patience=0, learning_rate=0.2)
        return max(row["epoch"] for row in fitted(prior, settings, validate)[1].rows)

    assert passes(validate=True) < 12
    assert passes(validate=False) == 12


# --- runs


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Hardly held to its prior, so that another one helps; not to be written into."""
    assignments = ("objective.beta=0.1", "training.epochs=6", "figures.at_end=[samples, curves]")
    return train(tiny(*assignments), tmp_path_factory.mktemp("source")).run


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def mixture(source: Run) -> Any:
    before = contents(source.path)
    fit = fit_prior(source, assignments=["prior_fit.epochs=4", "model.prior.components=8"])
    assert contents(source.path) == before
    return fit


def test_the_bound_of_the_training_images_rises(mixture: Any, source: Run) -> None:
    data = source.experiment.data
    elbos = []
    for run in (source, mixture.run):
        model, _ = run.load_model()
        loader = EvalLoader(data.load().train, data.pixels, model.classes)
        elbos.append(BoundMetric(samples=20)(model, loader)["elbo_nats"].value)
    assert elbos[1] > elbos[0] + 0.1
    assert mixture.train_gain.value == pytest.approx(elbos[1] - elbos[0], abs=0.15)
    assert mixture.after["distortion_nats"] == mixture.before["distortion_nats"]
    assert mixture.split == "valid"
    assert mixture.images == 100


def test_nothing_but_the_prior_is_another(mixture: Any, source: Run) -> None:
    run = mixture.run
    assert run.path == source.path.parent / "tiny_mixture"
    old, new = source.experiment, run.experiment
    assert (new.model.prior.kind, new.model.prior.components) == ("mixture", 8)
    assert new.prior_fit == PriorFitConfig(run="tiny", epochs=4)
    rest = {"task_name": "tiny", "prior_fit": None, "model": old.model}
    assert new.model_copy(update=rest) == old
    assert new.model.model_copy(update={"prior": StandardNormalConfig()}) == old.model
    before, after = (read_tensors(one.weights_path)[0] for one in (source, run))
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert set(after) - set(before) == {"prior.logits", "prior.loc", "prior.log_scale"}


def test_it_is_a_run_like_any_other(mixture: Any, source: Run) -> None:
    run = mixture.run
    numbers = [evaluate(one, samples=2).numbers["rate_nats"].value for one in (source, run)]
    assert numbers[1] < numbers[0]
    about = run.about_weights()
    assert about["kept_by"] == "valid_elbo"
    assert about["kept_value_nats"] == mixture.after["elbo_nats"].value
    (group,) = compare([source.path, run.path])
    assert [entry.name for entry in group.entries] == ["tiny_mixture", "tiny"]
    assert {path.name for path in run.figures.glob("*.png")} == {"samples.png", "curves.png"}
    (row,) = [row for row in Library(run.path.parent).rows() if row["id"] == run.path.name]
    assert (row["epochs_done"], row["epochs"], row["obstacle"]) == (4, 4, None)
    rebuild(run)
    Bundle(run).check()
    with pytest.raises(BadCombinationError, match="was fitted to the codes of tiny after"):
        train(run.experiment, run.path.parent, Start.RESUME)


def test_the_same_fit_gives_the_same_bits(mixture: Any, source: Run) -> None:
    overrides = ["prior_fit.epochs=4", "model.prior.components=8"]
    again = fit_prior(source, "mixture", overrides, "again").run
    assert again.weights_path.read_bytes() == mixture.run.weights_path.read_bytes()


def test_objectives_bound_to_a_prior_do_not_hinder_it(tmp_path: Path) -> None:
    # without weight, nothing holds the codes to the prior of training
    settings = ("objective={kind: info, weight: 0}", "training.optimizer.learning_rate=1e-2")
    run = train(tiny(*settings, "training.epochs=5", "data.validation=0"), tmp_path).run
    fit = fit_prior(run, "mixture", ["prior_fit.epochs=2"])
    assert Run(fit.run.path).experiment.objective.kind == "info"
    assert fit.split == "train"
    assert fit.gain == fit.train_gain
    assert fit.gain.value > 0.1


def test_a_grid_of_codes_gets_a_pixelcnn(tmp_path: Path) -> None:
    vq = ("model={kind: vq, codes: 8, latent: 4, encoder: {kind: conv, channels: [8, 8], "
          "kernels: [2, 2], strides: [2, 2]}}",)  # fmt: skip
    run = train(tiny(*vq, "data.pixels={kind: binary, mode: dynamic}",
                     "model.likelihood=bernoulli"), tmp_path).run  # fmt: skip
    fit = fit_prior(run, assignments=["prior_fit.epochs=3", "model.prior.channels=8"])
    assert fit.run.path.name == "tiny_pixelcnn"
    assert fit.before["rate_nats"].value == pytest.approx(4 * np.log(8))
    assert fit.after["rate_nats"].value < 4 * np.log(8) - 0.3
    gained = fit.before["rate_nats"].value - fit.after["rate_nats"].value
    assert fit.gain.value == pytest.approx(gained, abs=1e-3)
    model, _ = fit.run.load_model()
    assert model.sample(3).mean.shape == (3, 1, 8, 8)


# --- what is refused


def test_a_prior_that_is_worse_is_not_kept(mixture: Any) -> None:
    hardly = ["prior_fit.epochs=1", "prior_fit.learning_rate=1e-9"]
    with pytest.raises(BadValueError, match=r"worse than `mixture` was, by .* nothing was written"):
        fit_prior(mixture.run, "flow", hardly, "worse")
    assert not (mixture.run.path.parent / "worse").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prior", "vamp"], "of a VAE is `mixture` or `flow`"),
        (["--prior", "pixelcnn"], "of a VAE is `mixture` or `flow`"),
        (["--name", "tiny"], "tiny is there already; --name NAME"),
        (["--name", "a/b"], "a plain folder name is needed"),
        (["model.latent=3"], "keeps everything but the prior, and model.latent would change"),
        (["model.prior.components=0"], "greater than or equal to 1"),
        (["model.prior.component=3"], "did you mean `model.prior.components`"),
        (["prior_fit.epoch=3"], "did you mean `prior_fit.epochs`"),
        (["model.prior.kind=flow"], "chosen by --prior"),
        (["prior=flow"], "chosen by --prior"),
        (
            ["--name", "many", "model.prior.components=5000"],
            "5000 components cannot be fitted to 1338 codes",
        ),
        (["--prior", "flow", "prior_fit.learning_rate=1e9"], "smaller prior_fit.learning_rate"),
    ],
)
def test_what_is_not_right_is_said(
    words: list[str], message: str, source: Run, vaelab: Any
) -> None:
    before = contents(source.path.parent)
    answer = vaelab("fit-prior", source.path, *words)
    assert answer.code == 2, answer
    assert message in answer.err
    assert len(answer.err.splitlines()) <= 2
    assert contents(source.path.parent) == before


def test_runs_that_have_nothing_to_fit_to(tmp_path: Path, vaelab: Any) -> None:
    answer = vaelab("fit-prior", "nowhere", "--runs", tmp_path)
    assert answer.code == 2
    assert "there is no run in nowhere" in answer.err
    begun = Run.create(tmp_path / "begun", tiny("task_name=begun"))
    with pytest.raises(MissingFileError, match="has no weights yet"):
        fit_prior(begun)
    levels = train(tiny("model.kind=hierarchical", "training.epochs=1"), tmp_path).run
    with pytest.raises(BadCombinationError, match=r"kind `vae` or `vq`.*of kind `hierarchical`"):
        fit_prior(levels)


def test_the_command_prints_the_bound_before_and_after(tmp_path: Path, vaelab: Any) -> None:
    often = "training.max_minutes=1e-9"
    train(tiny("training.epochs=1"), tmp_path)
    train(tiny("training.epochs=3", often), tmp_path, Start.RESUME)
    answer = vaelab("fit-prior", "tiny", "--runs", tmp_path, "prior_fit.epochs=2")
    assert answer.code == 0, answer
    assert "has had 1 of its 3 epochs of training" in answer.out
    for word in ("before", "after", "distortion", "rate", "elbo", "±", "next: vaelab evaluate"):
        assert word in answer.out
