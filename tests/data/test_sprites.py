"""Every value of every factor is drawn once, and is what is seen."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vaelab.data import BinaryPixels, DigitsData, NpzData, Split, SpritesData, UnitPixels
from vaelab.data.card import card
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.data.raw import Raw
from vaelab.data.sources.sprites import FACTORS, SHAPES, SIDE, inside
from vaelab.data.store import checksum

SMALL = SpritesData(scales=2, rotations=2, positions=3)


@pytest.fixture(scope="module")
def whole() -> Raw:
    return SpritesData().raw()


def one(raw: Raw, *factors: int) -> np.ndarray:
    (index,) = np.flatnonzero((raw.train.factors == factors).all(1))
    return raw.train.images[index, 0] > 0


def centre(image: np.ndarray) -> np.ndarray:
    """Mean row and column of the white pixels."""
    return np.argwhere(image).mean(0)


def different(images: np.ndarray) -> int:
    return len(np.unique(np.packbits(images.reshape(len(images), -1) > 0, axis=1), axis=0))


def test_the_whole_grid_is_there_once(whole: Raw) -> None:
    assert whole.train.images.shape == (13_824, 1, 32, 32)
    assert whole.factor_names == FACTORS
    assert len(np.unique(whole.train.factors, axis=0)) == 3 * 4 * 8 * 12 * 12
    assert whole.train.factors.max(0).tolist() == [2, 3, 7, 11, 11]
    assert np.array_equal(whole.train.labels, whole.train.factors[:, 0])
    assert whole.classes == SHAPES
    assert set(np.unique(whole.train.images).tolist()) == {0, 255}


@pytest.mark.parametrize("size", [32, 64])
def test_no_two_images_are_the_same(size: int) -> None:
    raw = SpritesData(size=size).raw()
    assert different(raw.train.images) == len(raw.train)


@pytest.mark.parametrize("shape", range(3), ids=SHAPES)
def test_a_shape_of_any_scale_has_the_area_it_should_have(shape: int) -> None:
    raw = SpritesData(size=64, scales=3, rotations=5, positions=2).raw()
    for scale, part in enumerate((0.5, 0.75, 1)):
        for rotation in range(5):
            for place in range(2):  # at the very edge, and whole
                area = one(raw, shape, scale, rotation, place, 1 - place).sum()
                assert area == pytest.approx((SIDE * 64 * part) ** 2, rel=0.1)


def test_x_is_to_the_right_and_y_down(whole: Raw) -> None:
    corner = centre(one(whole, 1, 3, 2, 0, 0))
    right, down = centre(one(whole, 1, 3, 2, 11, 0)), centre(one(whole, 1, 3, 2, 0, 11))
    span = (1 - 2 * 0.8 * SIDE) * 32
    assert right - corner == pytest.approx([0, span], abs=0.3)
    assert down - corner == pytest.approx([span, 0], abs=0.3)


def test_a_turn_goes_counter_clockwise_by_a_part_of_the_period() -> None:
    raw = SpritesData(size=64, scales=2, rotations=4, positions=2).raw()
    upright = one(raw, 2, 1, 0, 0, 0)
    for quarter in range(1, 4):
        turned, expected = one(raw, 2, 1, quarter, 0, 0), np.rot90(upright, quarter)
        moved = np.rint(centre(turned) - centre(expected)).astype(int)
        assert (np.roll(expected, moved, (0, 1)) ^ turned).sum() < 0.1 * upright.sum()
        assert (upright ^ turned).sum() > 0.1 * upright.sum()
    extent = {
        (shape, rotation): np.ptp(np.argwhere(one(raw, shape, 1, rotation, 0, 0)), axis=0)
        for shape in (0, 1)
        for rotation in (0, 2)
    }
    assert extent[1, 0][0] < extent[1, 0][1]  # the ellipse lies, and stands after half its period
    assert extent[1, 2].tolist() == pytest.approx(extent[1, 0][::-1].tolist(), abs=1)
    assert extent[0, 2] == pytest.approx(np.sqrt(2) * extent[0, 0], abs=2)  # on its corner


@pytest.mark.parametrize("shape", range(3), ids=SHAPES)
def test_shapes_have_area_1_and_their_centre_at_0(shape: int) -> None:
    axis = np.linspace(-1, 1, 1601)
    u, v = np.meshgrid(axis, axis)
    white = inside(shape, u, v)
    assert white.mean() * 4 == pytest.approx(1, abs=0.005)
    assert [u[white].mean(), v[white].mean()] == pytest.approx([0, 0], abs=0.002)
    assert np.hypot(u[white], v[white]).max() <= 0.8
    period = (np.pi / 2, np.pi, 2 * np.pi)[shape]
    for part in (1.0, 0.5):
        c, s = np.cos(part * period), np.sin(part * period)
        apart = (inside(shape, c * u + s * v, c * v - s * u) ^ white).sum() / white.sum()
        assert apart < 0.001 if part == 1 else apart > 0.1


def test_factors_go_with_their_images_into_every_split() -> None:
    raw, store = SMALL.raw(), SMALL.load()
    assert store.factor_names == FACTORS
    assert [len(split) for split in store.splits.values()] == [77, 9, 22]
    for split in store.splits.values():
        for image, factors in zip(split.images, split.factors, strict=True):
            assert np.array_equal(image[0] > 0, one(raw, *factors))
    chosen = store.test.select(np.array([5, 2]))
    assert np.array_equal(chosen.factors, store.test.factors[[5, 2]])


@pytest.mark.parametrize("mode", ["static", "threshold", "dynamic"])
def test_pixels_are_black_or_white_already(mode: str) -> None:
    pixels = BinaryPixels(mode=mode)
    plain, binary = SMALL.load().test, replace_pixels(pixels)
    assert np.array_equal(binary.images, plain.images)
    assert np.array_equal(binary.factors, plain.factors)
    (batch,) = EvalLoader(binary, pixels, 0).batches(100)
    assert torch.equal(batch.x, torch.from_numpy(plain.images / np.float32(255)))


def replace_pixels(pixels: BinaryPixels) -> Split:
    return SMALL.model_copy(update={"pixels": pixels}).load().test


def test_the_checksum_covers_factors_and_leaves_others_as_they_were() -> None:
    raw = SMALL.raw()
    changed = replace(raw.train, factors=raw.train.factors[::-1].copy())
    without = replace(raw.train, factors=None)
    sums = {checksum((split,), raw.classes) for split in (raw.train, changed, without)}
    assert len(sums) == 3
    # a number from before there were factors
    assert DigitsData().load().checksum.startswith(DIGITS)


DIGITS = "47dd7c6aed09ffe0"


def test_other_sources_know_no_factors(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=SMALL.raw().train.images[:50], labels=np.arange(50) % 2)
    for source in (DigitsData(), NpzData(path=tmp_path / "a.npz")):
        store = source.load()
        assert store.factor_names == ()
        assert store.test.factors is None
        assert store.test.select(np.arange(3)).factors is None
        assert EvalLoader(store.test, UnitPixels(), 0).factors is None
        assert card(source).factors == {}


def test_shape_and_classes_are_known_without_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    store = SMALL.load()
    monkeypatch.setattr(SpritesData, "raw", None)
    assert SMALL.image_spec() == store.image_spec


def test_the_card_counts_the_values_of_each_factor() -> None:
    assert card(SMALL).factors == {"shape": 3, "scale": 2, "rotation": 2, "x": 3, "y": 3}
