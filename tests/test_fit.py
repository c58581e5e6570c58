"""Objects and arrays: whatever a config can name, Python can pass."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Laplace
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import vaelab
from vaelab.config import to_yaml
from vaelab.data import ArraysData, Domain, arrays
from vaelab.data.cache import cache_folder
from vaelab.data.card import card
from vaelab.drawing import render
from vaelab.errors import BadCombinationError, BadValueError, MissingFileError, UserError
from vaelab.figures.data_card import draw
from vaelab.likelihoods import Likelihood
from vaelab.models import VAEConfig
from vaelab.priors import Prior, VampPrior
from vaelab.tensorfile import read_tensors

QUICK = ("figures={every_epoch: [], at_end: []}", "explorer.keep=0", "training.threads=1",
         "evaluation.metrics=[bound]")  # fmt: skip
DRAWS = np.random.default_rng(0)
X = (DRAWS.random((60, 8, 8)) * 255).astype(np.uint8)
Y = np.arange(60) % 3


def networks(latent: int = 2, outputs: int = 64, given: int | None = None) -> Any:
    torch.manual_seed(0)
    encoder = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, given or 2 * latent)
    )
    return encoder, nn.Sequential(nn.Linear(latent, 16), nn.ReLU(), nn.Linear(16, outputs))


def fit(model: Any, *overrides: str, folder: Path, **given: Any) -> vaelab.Run:
    given = {"data": (X, Y), "epochs": 1, "quiet": True, "overwrite": True, **given}
    return vaelab.fit(model, *QUICK, *overrides, folder=folder, **given)


def test_an_own_encoder_is_trained_and_its_run_is_one_like_any_other(tmp_path: Path) -> None:
    model = vaelab.VAE(*networks())
    before = [one.clone() for one in model.parameters()]
    run = vaelab.fit(
        model, "training.threads=1", "evaluation.metrics=[bound]", "explorer.keep=3",
        "data.validation=12",
        "figures={every_epoch: [latent], at_end: [samples]}", data=(X, Y), epochs=2, name="own",
        folder=tmp_path, quiet=True,
    )  # fmt: skip
    assert run.path == tmp_path / "own"
    assert {path.name for path in run.path.iterdir()} == {
        ".lock", "config.yaml", "environment.json", "explorer", "metrics.jsonl", "output",
        "resume.safetensors", "weights.safetensors",
    }  # fmt: skip
    assert {"latent_epoch_2.png", "samples.png"} <= {path.name for path in run.figures.iterdir()}
    # the object has the weights that the run keeps
    kept, _ = read_tensors(run.weights_path)
    assert not model.training
    assert all(torch.equal(kept[name], value) for name, value in model.state_dict().items())
    assert not any(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=False))
    # and everything that is done with a run, here and in a process that does not have the object
    assert vaelab.evaluate(run).numbers["elbo_nats"].unit == "nats"
    again = networks()
    assert run.codes("valid").loc.shape == (len(run.images("valid")), 2)
    other = vaelab.Run(run.path)
    for ask in (vaelab.load, vaelab.evaluate, vaelab.diagnose):
        with pytest.raises(BadCombinationError, match=r"given as an object, VAE\(Sequential\(Fla"):
            ask(other)
        ask(other, model=vaelab.VAE(*again))
    one = render(vaelab.figure(run, "samples"))
    assert np.array_equal(one, render(vaelab.figure(other, "samples", model=vaelab.VAE(*again))))
    loaded = vaelab.load(other, model=vaelab.VAE(*again))
    assert torch.equal(loaded.encode(X[:5]).mean, model.encode(X[:5]).mean)
    with pytest.raises(BadValueError, match="does not fit the model"):
        vaelab.load(other, model=vaelab.VAE(*networks(), features=4))


@pytest.mark.slow
def test_the_command_line_says_in_a_line_what_it_lacks(tmp_path: Path) -> None:
    run = fit(vaelab.VAE(*networks()), folder=tmp_path, name="own")
    for words in (
        ["evaluate"],
        ["doctor"],
        ["figures"],
        ["train", "--resume", "training.epochs=2"],
    ):
        command, *options = words
        done = subprocess.run(
            [sys.executable, "-m", "vaelab", command, str(run.path), *options],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert "was given as an object" in done.stderr
    assert not (run.path / "evaluation.json").exists()


def test_it_goes_on_bit_for_bit_and_from_the_weights_that_a_model_has(tmp_path: Path) -> None:
    whole = fit(vaelab.VAE(*networks()), folder=tmp_path, name="whole", epochs=2)
    model = vaelab.VAE(*networks())
    fit(model, folder=tmp_path, name="parts", epochs=1)
    again = vaelab.VAE(*networks())
    run = fit(again, folder=tmp_path, name="parts", epochs=2, overwrite=False, resume=True)
    assert run.metrics() == whole.metrics()
    warm = fit(model, folder=tmp_path, name="warm", epochs=1)
    assert warm.metrics() != whole.metrics()[: len(warm.metrics())]


def test_what_is_frozen_stays_and_float64_is_computed_in(tmp_path: Path) -> None:
    encoder, decoder = networks()
    encoder[1].requires_grad_(False)
    before = encoder[1].weight.clone()
    model = vaelab.VAE(encoder, decoder)
    adam = "training.optimizer={kind: adamw, weight_decay: 0.1}"
    run = fit(model, adam, "training.precision=float64", folder=tmp_path, epochs=2)
    assert torch.equal(encoder[1].weight, before)
    assert not torch.equal(networks()[0][3].weight, encoder[3].weight)
    assert {one.dtype for one in model.parameters()} == {torch.float32}
    kept, _ = read_tensors(run.weights_path)
    assert kept["encoder.trunk.module.3.weight"].dtype == torch.float64


def test_the_config_builds_through_the_same_constructor(tmp_path: Path) -> None:
    config = VAEConfig(latent=3, prior={"kind": "vamp", "components": 5})
    built = config.build((1, 8, 8), Domain.UNIT, 3)
    assert isinstance(built, vaelab.VAE)
    assert isinstance(built.prior, VampPrior)
    run = fit(config, folder=tmp_path, name="of_config")
    assert run.experiment.model == config
    vaelab.load(run.path)
    named = fit("vae", "model.encoder.widths=[8]", folder=tmp_path, name="named")
    assert named.experiment.model.encoder.widths == (8,)


class Student(Prior):
    """A prior of one's own."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(latent))

    def forward(self, context: Tensor | None = None) -> Distribution:
        scale = self.log_scale.exp()
        return Independent(Laplace(torch.zeros_like(scale), scale, validate_args=False), 1)


class Far(Likelihood):
    """A likelihood of one's own."""

    parameter_names = ("loc",)

    def forward(self, params: Tensor) -> Distribution:
        return Independent(Laplace(params, torch.full_like(params, 0.3), validate_args=False), 3)


class Two(nn.Module):
    """An encoder as tutorials have it."""

    def __init__(self) -> None:
        super().__init__()
        self.loc, self.log_variance = nn.Linear(64, 2), nn.Linear(64, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.loc(x.flatten(1)), self.log_variance(x.flatten(1))


class OfClass(nn.Module):
    """A decoder that reads the class."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2 + 3, 64)

    def forward(self, z: Tensor, context: Tensor) -> Tensor:
        return self.layer(torch.cat([z, context], 1)).reshape(-1, 1, 8, 8)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"prior": VampPrior(5)}, "prior: null"),
        ({"prior": "vamp", "posterior": "full_normal", "encoder": networks(given=5)[0]},
         "prior: {kind: vamp, components: 100}"),
        ({"prior": Student(2), "likelihood": Far()}, "likelihood: {kind: given, made_of: Far"),
        ({"likelihood": "laplace", "features": 4}, "likelihood: {kind: laplace"),
        ({"encoder": Two()}, "VAE(Two(Linear, Linear), Sequential(Linear, ReLU, Linear))"),
        ({"decoder": OfClass(), "reads_class": "decoder"}, "reads_class: [decoder]"),
        ({"prior": "class_conditional"}, "reads_class: [prior]"),
    ],
    ids=["vamp", "names", "modules", "features", "pair", "class", "prior of class"],
)  # fmt: skip
def test_parts_are_modules_settings_or_names(
    given: dict[str, Any], written: str, tmp_path: Path
) -> None:
    encoder, decoder = networks()
    parts = {"encoder": encoder, "decoder": decoder, **given}
    model = vaelab.VAE(parts.pop("encoder"), parts.pop("decoder"), **parts)
    run = fit(model, folder=tmp_path)
    assert written in " ".join(to_yaml(run.experiment).split())
    labels = [0, 1, 2] if model.classes else None
    assert model.sample_images(3, labels).shape == (3, 1, 8, 8)
    assert model.encode(X[:3], labels).mean.shape == (3, 2)
    assert vaelab.evaluate(run).conditional is bool(model.classes)
    assert "rate_nats" in vaelab.evaluate(model, data=(X, Y))


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        (lambda terms: terms.distortion + 4 * terms.rate, None),
        (lambda terms: (terms.distortion + 4 * terms.rate).mean(), None),
        ("free_bits", None),
        ({"kind": "elbo", "beta": 4}, None),
        (lambda terms: terms.log_weights, "gave a tensor of shape (1, 2) for 2 images; wanted is"),
        (lambda terms: 3.0, "gave a float"),
        (lambda terms: terms.elbo.detach(), "has no gradient"),
        (lambda terms: terms.nothing, "failed: AttributeError"),
        (lambda: 0, "failed: TypeError"),
        (3, "the objective is a int; give a function of Terms"),
        ("elboo", "did you mean `elbo`"),
    ],
)
def test_an_objective_is_a_function_or_a_kind(
    objective: Any, said: str | None, tmp_path: Path
) -> None:
    model = vaelab.VAE(*networks())
    if said is None:
        rows = fit(model, folder=tmp_path, objective=objective).metrics()
        assert rows[-1]["split"] == "valid"
        if objective not in ("free_bits",):
            beta4 = rows[0]["distortion_nats"] + 4 * rows[0]["rate_nats"]
            assert rows[0]["loss_nats"] == pytest.approx(beta4, rel=1e-5)
        return
    with pytest.raises(UserError) as error:
        fit(model, folder=tmp_path, objective=objective)
    assert said in str(error.value)
    assert not list(tmp_path.iterdir())


class Unsized(IterableDataset[Tensor]):
    def __iter__(self) -> Any:
        return iter(torch.zeros(3, 1, 8, 8))


class Pictures(Dataset[Any]):
    """Items as torchvision gives them, perhaps one of them odd."""

    def __init__(self, odd: Any = None) -> None:
        self.odd = odd

    def __len__(self) -> int:
        return 60

    def __getitem__(self, index: int) -> Any:
        if index == 7 and self.odd is not None:
            return self.odd
        return torch.from_numpy(X[index][None] / 255).float(), int(Y[index])


@pytest.mark.parametrize(
    ("data", "domain"),
    [
        (X, None),
        (torch.from_numpy(X)[:, None], "signed"),
        ((X, np.array(["a", "b", "c"])[Y]), "levels"),
        ((X / 255, torch.from_numpy(Y)), "unit"),
        ((X > 127).astype(np.float64), "binary"),
        (X / 10 - 3, "real"),
        (Pictures(), "unit"),
        (TensorDataset(torch.from_numpy(X)), None),
        (np.repeat(X[..., None], 3, -1), None),
    ],
    ids=["uint8", "signed", "names", "unit", "binary", "real", "dataset", "tensors", "colour"],
)
def test_data_are_arrays_tensors_and_datasets(
    data: Any, domain: str | None, tmp_path: Path
) -> None:
    channels = 3 if isinstance(data, np.ndarray) and data.ndim == 4 else 1
    likelihood = {"binary": "bernoulli", "levels": "categorical"}.get(domain or "", "gaussian")
    model = {"encoder": {"kind": "mlp", "widths": [8]}, "likelihood": {"kind": likelihood}}
    run = fit({"kind": "vae", **model}, folder=tmp_path, data=data, domain=domain)
    again = vaelab.Run(run.path)
    assert isinstance(again.experiment.data, ArraysData)
    assert again.experiment.data.shape == (60, channels, 8, 8)
    images = again.images("test").images
    assert len(images) == 12
    loaded = vaelab.load(run.path)
    samples = loaded.sample_images(4)
    assert samples.dtype == images.dtype
    assert (loaded.pixels and loaded.pixels.domain) == (domain or "unit")
    codes = loaded.encode(images[:5])
    np.testing.assert_allclose(codes.mean, again.codes("test").loc[:5], rtol=1e-4, atol=1e-5)
    vaelab.figure(run, "reconstruction")
    assert "elbo_nats" in vaelab.evaluate(run).numbers
    assert vaelab.evaluate(loaded, data=data)["elbo_nats"].unit == "nats"


def test_pictures_of_real_numbers_are_drawn_between_their_extremes(tmp_path: Path) -> None:
    run = fit(vaelab.VAE(*networks()), folder=tmp_path, data=X / 10 - 3, domain="real")
    pixels = run.experiment.data.pixels
    assert (pixels.low, pixels.high) == pytest.approx((-3, 22.5), abs=0.2)
    unit = pixels.to_unit(torch.tensor([-3.0, 22.5, 99]))
    torch.testing.assert_close(unit, torch.tensor([0.0, 1, 1]), atol=0.01, rtol=0)
    wrong = {"kind": "vae", "likelihood": {"kind": "continuous_bernoulli"}}
    with pytest.raises(BadCombinationError, match="needs pixels that are `unit`"):
        fit(wrong, folder=tmp_path / "w", data=X / 10 - 3, domain="real")


def nan() -> np.ndarray:
    x = (X / 255).astype(np.float32)
    x[4, 2, 3] = np.nan
    return x


BAD: dict[str, tuple[Any, str | None, str]] = {
    "nan": (nan(), "real", "the value at [4, 0, 2, 3] (image, channel, row, column) is nan"),
    "domain": (X.astype(float), "unit", "`unit` are in [0, 1]; divide by 255, or give uint8"),
    "no domain": (X / 255, None, "say what pixels are by domain='unit'"),
    "no such domain": (X, "grey", "domain is 'grey'; choose one of unit, signed"),
    "integers": (X, "real", "dtype uint8, but pixels of domain `real` are floats"),
    "int64": (X.astype(np.int64), None, "dtype int64, but pixels are uint8 from 0 to 255"),
    "vectors": (X.reshape(60, 64), None, "shape (60, 64); wanted is (n, h, w)"),
    "channels": (np.zeros((9, 8, 8, 2), np.uint8), None, "with 1 or 3 channels"),
    "thin": (np.zeros((9, 8, 3), np.uint8), None, "cannot be told from channels"),
    "none": (X[:0], None, "there are no images"),
    "labels": ((X, Y[:59]), None, "60 images but 59 labels"),
    "one-hot": ((X, np.eye(3)[Y].astype(int)), None, "y.argmax(axis=1)"),
    "fractions": ((X, Y / 2), None, "labels are integers"),
    "unsized": (Unsized(), None, "is a Unsized without a length"),
    "loader": (DataLoader(Pictures()), None, "give its dataset"),
    "odd item": (Pictures((torch.zeros(1, 8, 9), 0)), "unit", "item 7 has shape (1, 8, 9)"),
    "odd tuple": (Pictures((1, 2, 3)), "unit", "item 7 is a tuple of 3"),
    "anything": (object(), None, "data is a object; give an array"),
    "kind": ("digitz", None, "did you mean `digits`"),
    "config": ("digits", "unit", "domain is of arrays"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_is_one_line_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    data, domain, said = BAD[name]
    with pytest.raises(UserError) as error:
        fit(vaelab.VAE(*networks()), folder=tmp_path, data=data, domain=domain)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


class Broken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 4)

    def forward(self, x: Tensor) -> Any:
        return {"loc": self.layer(x.flatten(1))}


class Flat(Likelihood):
    """Pixels that are not one event."""

    parameter_names = ("loc",)

    def forward(self, params: Tensor) -> Distribution:
        return Laplace(params, torch.ones_like(params))


BAD_MODELS: dict[str, tuple[Callable[[], Any], str]] = {
    "encoder": (
        lambda: vaelab.VAE(*networks(given=6)),
        "the encoder gives 6 numbers (6) for an input of 1 x 8 x 8, but 4 are wanted, the 4 "
        "parameters of q(z|x), a DiagonalNormal (2 loc + 2 log_variance) of latent=2",
    ),
    "features": (
        lambda: vaelab.VAE(*networks(given=6), features=7),
        "gives 6 numbers (6) for an input of 1 x 8 x 8, but 7 are wanted: features=7",
    ),
    "decoder": (
        lambda: vaelab.VAE(*networks(outputs=63)),
        "the decoder gives 63 numbers (63) for an input of 2, but 64 are wanted (1 x 8 x 8)",
    ),
    "input": (
        lambda: vaelab.VAE(nn.Linear(63, 4), networks()[1]),
        "the encoder cannot take an input of 1 x 8 x 8: RuntimeError: mat1 and mat2",
    ),
    "output": (lambda: vaelab.VAE(Broken(), networks()[1]), "Broken gives a dict; a tensor is"),
    "event": (
        lambda: vaelab.VAE(*networks(), likelihood=Flat()),
        "cannot compute its terms",
    ),
    "prior": (lambda: vaelab.VAE(*networks(), prior="vampp"), "did you mean `vamp`"),
    "likelihood": (lambda: vaelab.VAE(*networks(), likelihood="bernoulli"), "needs pixels that"),
    "sides": (lambda: vaelab.VAE(*networks(), reads_class=["prior"]), "not of 'prior'"),
    "vamp of class": (
        lambda: vaelab.VAE(*networks(), prior="vamp", reads_class="encoder"),
        "the encoder cannot take",
    ),
    "module": (lambda: nn.Linear(3, 3), "is a Linear, which is no vaelab model"),
    "kind": (lambda: "vea", "did you mean `vae`"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_MODELS)
def test_a_bad_model_is_one_line_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    make, said = BAD_MODELS[name]
    with pytest.raises(UserError) as error:
        fit(make(), folder=tmp_path)
    assert said in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_class_needs_labels_and_another_size_another_model(tmp_path: Path) -> None:
    conditional = vaelab.VAE(networks()[0], OfClass(), reads_class="decoder")
    with pytest.raises(BadCombinationError, match="the data has 1; give labels"):
        fit(conditional, folder=tmp_path, data=X)
    model = vaelab.VAE(*networks())
    fit(model, folder=tmp_path)
    with pytest.raises(
        BadCombinationError, match="one of images of 1 x 8 x 8, and these are 1 x 4"
    ):
        fit(model, folder=tmp_path, data=X[:, :4])
    with pytest.raises(BadValueError, match="not been told what its images are like"):
        vaelab.VAE(*networks()).sample(3)
    with pytest.raises(BadCombinationError, match="makes its model from its config"):
        vaelab.load(fit("vae", folder=tmp_path, name="of_config"), model=model)


def test_a_model_takes_arrays_and_says_which_scale_it_wants(tmp_path: Path) -> None:
    model = vaelab.VAE(*networks())
    with pytest.raises(BadValueError, match="does not know yet what a pixel is"):
        model.encode(X)
    with pytest.raises(BadValueError, match="not been told what its images are like"):
        model.sample_images(2)
    fit(model, folder=tmp_path)
    codes = model.encode(X[:4]).mean
    assert not codes.requires_grad
    floats = X[:4, None].astype(np.float32) / 255
    for same in (torch.from_numpy(X[:4]), floats, floats.astype(np.float64)):
        torch.testing.assert_close(model.encode(same).mean, codes)
    assert model.encode(torch.from_numpy(floats)).mean.requires_grad  # as in training
    assert model.decode(codes.numpy()).mean.shape == (4, 1, 8, 8)
    assert model.reconstruct(X[:4]).mean.shape == (4, 1, 8, 8)
    assert model.sample(4).mean.numpy().shape == model.sample_images(4).shape == (4, 1, 8, 8)
    for wrong, said in (
        (X[:4].astype(np.float32), r"pixels of domain `unit` are in \[0, 1\]; divide by 255"),
        (X[:4].astype(np.int64), r"dtype int64; wanted is uint8 from 0 to 255, or floats in \[0"),
        (X[:4, :4], "images of 1 x 4 x 8, but the model is one of 1 x 8 x 8"),
        (X[0, 0], r"images of shape \(8,\)"),
    ):
        with pytest.raises(BadValueError, match=said):
            model.encode(wrong)
    for codes_of_3 in (np.zeros((2, 3)), torch.zeros(2, 3)):
        with pytest.raises(BadValueError, match=r"codes of shape \(2, 3\), .* of 2 numbers"):
            model.decode(codes_of_3)
    assert str(model).splitlines() == [
        "VAE: images of 1 x 8 x 8 in [0, 1], code of 2, 2,245 parameters",
        "  encoder: ConditionalDistribution("
        "Sequential(Flatten, Linear, ReLU, Linear), DiagonalNormal)",
        "  decoder: ConditionalDistribution(Sequential(Linear, ReLU, Linear), LocationScale)",
        "  prior: StandardNormal",
    ]


def test_arrays_that_the_cache_has_lost_are_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fit("vae", folder=tmp_path)
    monkeypatch.setenv("VAELAB_CACHE", str(tmp_path / "other"))
    with pytest.raises(
        MissingFileError, match=r"60 images of 1 x 8 x 8, uint8, SHA-256 \w{12}\), "
    ):
        run.images("test")
    assert arrays(X, Y) == run.experiment.data
    assert len(run.images("test")) == 12
    monkeypatch.setenv("VAELAB_CACHE", str(tmp_path / "file" / "cache"))
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=f"cannot be kept in {cache_folder()}"):
        arrays(X, Y)


def test_test_images_of_ones_own(tmp_path: Path) -> None:
    data = vaelab.arrays(X, Y, test=(X[:5], Y[:5]), title="noise")
    run = fit("vae", "data.validation=6", folder=tmp_path, data=data)
    assert [len(split) for split in run.experiment.data.load().splits.values()] == [54, 6, 5]
    assert repr(run).endswith(": noise, mlp 2, gaussian") or "arrays" in repr(run)
    with pytest.raises(UserError, match=r"label 0 .* is 7, but the classes are 0, 1, 2"):
        vaelab.arrays(X, Y, test=(X[:1], [7]))
    with pytest.raises(UserError, match=r"label 0 .* is d, but the classes are a, b, c"):
        vaelab.arrays(X[:3], ["a", "b", "c"], test=(X[:1], ["d"]))


def test_callbacks_are_told(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []

    class Teller(vaelab.Callback):
        def on_start(self, training: Any) -> None:
            told.append(("start", training.progress.step))

        def on_step(self, training: Any) -> None:
            told.append(("step", training.progress.step))

        def on_epoch(self, training: Any) -> None:
            told.append(("epoch", training.progress.step))

        def on_stop(self, training: Any) -> None:
            told.append(("stop", training.progress.step))

    fit("vae", "training.batch_size=22", folder=tmp_path, callbacks=[Teller()], epochs=2)
    assert told == [
        ("start", 0), ("step", 1), ("epoch", 2), ("step", 2), ("step", 3), ("epoch", 4),
        ("step", 4), ("stop", 4),
    ]  # fmt: skip


def test_a_callback_that_raises_is_named_and_the_run_saved(tmp_path: Path) -> None:
    class Faulty(vaelab.Callback):
        def on_step(self, training: Any) -> None:
            if training.progress.step == 2:
                raise KeyError("mine")

    with pytest.raises(
        UserError, match=r"Faulty.on_step failed after step 2 of .*KeyError: 'mine'"
    ):
        fit("vae", "training.batch_size=10", folder=tmp_path, callbacks=[Faulty()])
    rest = fit("vae", "training.batch_size=10", folder=tmp_path, overwrite=False, resume=True)
    assert rest.metrics()[-1]["epoch"] == 1


def test_of_ones_own_test_images_and_classes_the_model_is_told_the_truth(tmp_path: Path) -> None:
    tests = (X[:7] // 2, Y[:7])
    model = vaelab.VAE(*networks(), prior="class_conditional")
    data = vaelab.arrays(X, Y, test=tests)
    run = fit(model, data=data, folder=tmp_path, name="own")
    of_run = vaelab.evaluate(run).numbers["elbo_nats"].value
    of_model = vaelab.evaluate(model, data=data, metrics=["bound"])["elbo_nats"].value
    assert of_model == pytest.approx(of_run, rel=1e-6)  # the seven, not the training images
    with pytest.raises(BadCombinationError, match=r"one of 3 classes, but .* of 1 \(2\)"):
        vaelab.evaluate(model, data=(X[Y == 2], Y[Y == 2]))
    with pytest.raises(BadValueError, match=r"labels from 99 to 99, but .* the classes 0 to 2"):
        model.sample_images(1, [99])


def test_a_function_gets_as_many_samples_as_are_asked_for(tmp_path: Path) -> None:
    seen = set()

    def bound(terms: vaelab.Terms) -> Tensor:
        seen.add(terms.log_weights.shape[0])
        return -terms.log_weights.logsumexp(0)

    fit("vae", "objective.samples=5", objective=bound, folder=tmp_path, name="five")
    assert seen == {5}
    with pytest.raises(BadValueError, match=r"objective\.samples"):
        fit("vae", "objective.samples=0", objective=bound, folder=tmp_path, name="none")
    assert not (tmp_path / "none").exists()


def test_what_floats_are_is_said_once_and_a_likelihood_is_checked_at_every_fit(
    tmp_path: Path,
) -> None:
    floats = (X / 255).astype(np.float32)
    with pytest.raises(BadValueError, match=r"pixels of float arrays are the floats themselves"):
        fit("vae", "data.pixels=signed", data=floats, domain="unit", folder=tmp_path, name="no")
    model = vaelab.VAE(*networks(), likelihood="bernoulli")
    fit(model, data=np.round(floats), domain="binary", folder=tmp_path, name="binary")
    with pytest.raises(UserError, match="bernoulli"):
        fit(model, data=floats, domain="unit", folder=tmp_path, name="grey")
    assert not (tmp_path / "no").exists()
    assert not (tmp_path / "grey").exists()


def test_a_name_that_looks_like_a_formula_is_drawn_as_it_is(tmp_path: Path) -> None:
    names = np.array([r"$\bad$", "a_b"])[Y % 2]
    data = vaelab.arrays(X, names, title=r"$\worse$")
    render(draw(card(data)))
    run = fit("vae", "model.latent=1", data=data, folder=tmp_path, name="formula")
    render(vaelab.figure(run, "latent"))


def test_names_of_classes_may_come_as_objects() -> None:
    names = np.array(["cat", "dog"], dtype=object)[Y % 2]
    assert vaelab.arrays(X, names).raw().classes == ("cat", "dog")


def test_what_is_refused_is_said_in_the_words_of_a_call(tmp_path: Path) -> None:
    fit("vae", "data.validation=6", folder=tmp_path, name="mine")
    with pytest.raises(UserError) as refused:
        fit("vae", "data.validation=6", folder=tmp_path, name="mine", overwrite=False)
    assert str(refused.value) == (
        f"there is a run in {tmp_path / 'mine'} already; resume=True goes on with it, "
        'overwrite=True replaces it, and name="NAME" makes another'
    )
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").touch()
    with pytest.raises(UserError, match=r"choose another name$"):
        fit("vae", folder=tmp_path, name="taken")


def test_a_resume_of_nothing_says_that_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"name": "new", "resume": True, "overwrite": False, "quiet": False}
    fit("vae", "data.validation=6", folder=tmp_path, **given)
    assert "new to go on with, so it begins" in " ".join(capsys.readouterr().out.split())
    fit("vae", "data.validation=6", folder=tmp_path, **given)
    said = capsys.readouterr().out
    assert "to go on with" not in said
    assert "the same call with resume=True and more epochs" in said


def test_an_objective_of_ones_own_that_gives_no_number_is_the_first_suspect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def hopeless(terms: vaelab.Terms) -> torch.Tensor:
        return terms.distortion * float("nan")

    with pytest.raises(BadValueError) as caught:
        fit("vae", objective=hopeless, folder=tmp_path, quiet=False)
    said = str(caught.value)
    assert "the loss of step 1 is not a finite number; " in said
    assert "Look first at your own objective `" in said
    assert "hopeless`" in said
    assert "not kept for explore" not in capsys.readouterr().out
