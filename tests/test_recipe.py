"""The recipe for one's own pictures: what it chooses, and that what it writes can be trained."""

import tracemalloc
from math import ceil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from vaelab import recipe
from vaelab.config import validate
from vaelab.data.sources.images import ImagesData
from vaelab.errors import UserError
from vaelab.experiment import Experiment
from vaelab.recipe import suggest
from vaelab.runs.lookup import load_experiment
from vaelab.training import build_model, train


def pictures(folder: Path, sizes: list[tuple[int, int]], mode: str = "L") -> Path:
    """A folder of pictures of noise, width and height given."""
    draws = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for number, (width, height) in enumerate(sizes):
        shape = (height, width) if mode == "L" else (height, width, 3)
        Image.fromarray(draws.integers(0, 256, shape, np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [8, 25, 28, 64, 256])
def test_what_is_suggested_for_arrays_is_a_model_of_them(
    side: int, channels: int, tmp_path: Path
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, channels, side, side), np.uint8)
    np.save(tmp_path / "images.npy", images)
    experiment, (note,) = load_experiment(str(tmp_path / "images.npy"))
    assert note.endswith(suggest(tmp_path / "images.npy"))
    model = build_model(experiment, experiment.data.image_spec())
    assert model.image_shape == (channels, side, side)
    assert experiment.model.latent == 2
    few = channels * side**2 <= 1100
    assert ("are few enough" in note) == few  # said only where it is the reason
    assert experiment.model.encoder.kind == ("mlp" if few else "conv")


@pytest.mark.parametrize(
    ("shape", "kind", "layers"),
    [((1, 1, 2000), "mlp", 2), ((3, 7, 90), "mlp", 2), ((1, 8, 200), "conv", 1),
     ((3, 21, 37), "conv", 2), ((3, 255, 130), "conv", 5), ((1, 256, 256), "conv", 6)],
)  # fmt: skip
def test_sides_need_not_be_powers_of_two(
    shape: tuple[int, int, int], kind: str, layers: int, tmp_path: Path
) -> None:
    np.save(tmp_path / "own.npy", np.zeros((9, *shape), np.uint8))
    experiment, _ = load_experiment(str(tmp_path / "own.npy"))
    network = experiment.model.encoder
    assert network.kind == kind
    assert len(network.channels if kind == "conv" else network.widths) == layers
    model = build_model(experiment, experiment.data.image_spec())
    assert model.decode(torch.zeros(2, 2)).mean.shape == (2, *shape)
    assert sum(parameter.numel() for parameter in model.parameters()) < 4e6


@pytest.mark.parametrize(
    ("images", "side", "steps"),
    [(80, 28, 600), (20_000, 28, 10_000), (20_000, 64, 10_000), (10**6, 28, 23_000),
     (10**6, 64, 47_000)],
)  # fmt: skip
def test_more_pictures_get_more_steps(images: int, side: int, steps: int) -> None:
    epochs, batch = recipe._budget(recipe.Facts(images, (1, side, side), 1, "", False, False))
    assert 0.95 * steps < epochs * ceil(images / batch) < 1.2 * steps


@pytest.mark.parametrize(("levels", "kind"), [(4, "conv"), (40, "conv"), (90, "mlp")])
def test_pictures_that_differ_by_little_get_a_batch_norm(
    levels: int, kind: str, tmp_path: Path
) -> None:
    place = np.linspace(0, 150, 400).reshape(20, 20)  # the mean picture is no contrast
    noise = np.random.default_rng(0).integers(0, levels, (60, 20, 20))
    np.save(tmp_path / "own.npy", (place + noise).astype(np.uint8))
    experiment, (note,) = load_experiment(str(tmp_path / "own.npy"))
    encoder = experiment.model.encoder
    assert encoder.kind == kind
    assert ("differ by little" in note) == (kind == "conv")
    assert kind == "mlp" or encoder.norm == "batch"


def test_overrides_of_the_data_come_before_the_recipe(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "own", [(40, 40)] * 20 + [(90, 80)], "RGB")
    assert load_experiment(str(folder))[0].data.size == (32, 32)
    small, _ = load_experiment(str(folder), ["data.size=16", "model.latent=3"])
    assert (small.data.size, small.model.latent, small.model.encoder.kind) == (16, 3, "mlp")
    (folder / "film.mp4").write_bytes(bytes(99))
    with pytest.raises(UserError, match=r"film\.mp4: .* data\.damaged=skip"):
        suggest(folder)
    settings = yaml.safe_load(suggest(folder, ["data.damaged=skip"]))
    assert settings["data"]["damaged"] == "skip"
    assert settings["data"]["size"] == [32, 32]
    with pytest.raises(UserError, match=r"`data\.siez` .*|siez"):
        suggest(folder, ["data.siez=8"])


def test_black_and_white_are_coins(tmp_path: Path) -> None:
    images = 255 * np.random.default_rng(0).integers(0, 2, (60, 1, 9, 9), np.uint8)
    np.save(tmp_path / "own.npy", images)
    experiment, _ = load_experiment(str(tmp_path / "own.npy"))
    assert experiment.data.pixels.kind == "binary"
    assert experiment.model.likelihood.kind == "bernoulli"
    assert set(experiment.data.load().train.images.ravel()) == {0, 255}
    build_model(experiment, experiment.data.image_spec())
    greys, _ = load_experiment(str(tmp_path / "own.npy"), ["data.pixels=signed"])
    assert greys.model.likelihood.kind == "optimal_gaussian"
    images[59, 0, 8, 8] = 254
    np.save(tmp_path / "own.npy", images)
    assert load_experiment(str(tmp_path / "own.npy"))[0].data.pixels.kind == "unit"


def test_a_folder_is_trained_by_its_name(tmp_path: Path) -> None:
    for name in ("cats", "dogs"):
        pictures(tmp_path / "pets" / name, [(12, 10)] * 12)
    experiment, _ = load_experiment(str(tmp_path / "pets"), ["training.epochs=1"])
    assert experiment.task_name == "pets"
    run = train(experiment, tmp_path / "runs").run
    assert run.experiment.data.name == "pets"
    assert run.metrics()


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [
        ([(20, 28)] * 3, None),
        ([(100, 200), (80, 70), (90, 75)], (64, 64)),
        ([(30, 40), (31, 40), (29, 50)], (28, 28)),
        ([(9, 10), (11, 9)] * 3, (9, 9)),
        ([(178, 218)] * 5, (64, 56)),
        ([(100, 20)] * 5, (12, 64)),  # 16 would cut off a tenth at either end
        ([(192, 108)] * 5, (36, 64)),
    ],
)
def test_a_size_is_proposed_where_pictures_differ_or_are_large(
    sizes: list[tuple[int, int]], wanted: tuple[int, int] | None, tmp_path: Path
) -> None:
    folder = pictures(tmp_path / "own", sizes)
    size, why = ImagesData(path=folder).proposed_size()
    assert size == wanted
    assert bool(why) == bool(size)
    shape = ImagesData(path=folder, size="auto").image_spec().image_shape[1:]
    assert shape == (wanted or sizes[0][::-1])
    settings = yaml.safe_load(suggest(folder))
    assert settings["data"].get("size") == (list(wanted) if wanted else None)
    validate(Experiment, settings, "the recipe")


def test_the_shorter_side_is_a_range_where_it_varies(tmp_path: Path) -> None:
    _, why = ImagesData(path=pictures(tmp_path / "wide", [(50, 40), (60, 40)])).proposed_size()
    assert "(the shorter side is 40 pixels)" in why
    _, why = ImagesData(path=pictures(tmp_path / "both", [(50, 40), (60, 30)])).proposed_size()
    assert "(the shorter side is 30 to 40 pixels, half of them at least 40)" in why


def test_a_turned_photograph_counts_upright(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "own", [(20, 28)])
    image = Image.open(folder / "0.png")
    exif = image.getexif()
    exif[0x0112] = 6  # a quarter turn
    image.save(folder / "1.jpg", exif=exif)
    (folder / "0.png").unlink()
    Image.new("L", (28, 20)).save(folder / "2.png")
    assert ImagesData(path=folder).proposed_size() == (None, "")


def test_a_shipped_config_is_meant_before_a_folder_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(tmp_path / "digits", [(8, 8)] * 20)
    monkeypatch.chdir(tmp_path)
    assert load_experiment("digits")[0].data.kind == "digits"
    assert load_experiment("./digits")[0].data.kind == "images"


@pytest.mark.parametrize("names", [("X", "y"), ("train_images", "train_labels")])
def test_arrays_of_other_names_are_understood(names: tuple[str, str], tmp_path: Path) -> None:
    images, labels = np.full((40, 8, 8), 7, np.uint8), np.arange(40)[:, None] % 4
    arrays = dict(zip(names, (images, labels), strict=True))
    if "train_images" in arrays:
        arrays |= {"test_images": images[:9], "test_labels": labels[:9], "val_images": images}
    np.savez(tmp_path / "own.npz", **arrays)
    store = load_experiment(str(tmp_path / "own.npz"))[0].data.load()
    assert len(store.classes) == 4
    assert len(store.test) == (9 if "train_images" in arrays else 8)


def test_what_holds_no_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "film").mkdir()
    (tmp_path / "film" / "holiday.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    (tmp_path / "words.txt").write_text("no pictures")
    pictures(tmp_path / "alone", [(8, 8)])
    for name, words in {
        "empty": "no images",
        "film": r"holiday\.mp4: this is no PNG, JPEG, WebP, BMP or GIF",
        "words.txt": r"no pictures that vaelab reads; wanted .*\.npz",
        "alone": "at least one image",
    }.items():
        with pytest.raises(UserError, match=words):
            suggest(tmp_path / name)


def test_the_contrast_of_large_pictures_which_chooses_nothing_takes_no_memory(
    tmp_path: Path,
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (300, 128, 128, 3), np.uint8)
    np.save(tmp_path / "own.npy", images)
    tracemalloc.start()
    suggest(tmp_path / "own.npy")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 * images.nbytes
