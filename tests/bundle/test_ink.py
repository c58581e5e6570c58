"""How images are drawn is measured as it was when they were made."""

import numpy as np
import pytest

from vaelab.bundle.ink import measure_ink

FINE = 8


def lines(side: int, width: float, count: int = 40) -> np.ndarray:
    """Straight strokes with round ends, 0 to 1, of random direction, in boxes of one size."""
    rng = np.random.default_rng(0)
    y, x = (np.mgrid[: side * FINE, : side * FINE] + 0.5) / FINE
    images = []
    for _ in range(count):
        length = 0.7 * side - width
        end = rng.permutation([length, rng.uniform(-length, length)])
        start = side / 2 + rng.uniform(-0.1, 0.1, size=2) * side - end / 2
        along = np.clip(((y - start[0]) * end[0] + (x - start[1]) * end[1]) / (end @ end), 0, 1)
        distance = np.hypot(y - start[0] - along * end[0], x - start[1] - along * end[1])
        cells = (distance <= width / 2).reshape(side, FINE, side, FINE)
        images.append(cells.mean(axis=(1, 3)))
    return np.stack(images)[:, None]


@pytest.mark.parametrize(("side", "width"), [(28, 2.0), (28, 3.5), (64, 5.0), (8, 2.0)])
def test_strokes_size_and_polarity_are_measured(side: int, width: float) -> None:
    images = lines(side, width)
    light = measure_ink(images)
    assert light is not None
    assert light["stroke"] == pytest.approx(width, rel=0.12)
    assert light["longest"] == pytest.approx(0.7 * side, abs=1.5)
    assert (light["ground"], light["ink"]) == (0, 1)
    dark = measure_ink(0.9 - 0.8 * images)
    assert dark is not None
    assert (dark["ground"], dark["ink"]) == pytest.approx((0.9, 0.1))
    assert dark["stroke"] == pytest.approx(light["stroke"])


def test_the_centre_is_what_varies_less() -> None:
    corner = np.zeros((50, 1, 28, 28))
    rng = np.random.default_rng(0)
    for image in corner[:, 0]:
        tall, wide = rng.integers(6, 20, size=2)
        image[5 : 5 + tall, 5] = image[5 + tall, 5 : 5 + wide] = 1
    by_box = np.stack([np.roll(image, _shift(image, "box"), (1, 2)) for image in corner])
    by_mass = np.stack([np.roll(image, _shift(image, "mass"), (1, 2)) for image in corner])
    for name, images in (("box", by_box), ("mass", by_mass)):
        found = measure_ink(images)
        assert found is not None
        assert found["centre"] == name
        assert found["at"] == pytest.approx([14, 14], abs=0.6)


def _shift(image: np.ndarray, centre: str) -> tuple[int, int]:
    rows, columns = np.nonzero(image[0])
    if centre == "mass":
        return round(13.5 - rows.mean()), round(13.5 - columns.mean())
    return round(13.5 - (rows.min() + rows.max()) / 2), round(
        13.5 - (columns.min() + columns.max()) / 2
    )


def test_pictures_are_no_drawings() -> None:
    rng = np.random.default_rng(0)
    assert measure_ink(rng.uniform(size=(30, 3, 16, 16))) is None
    assert measure_ink(np.full((30, 1, 16, 16), 0.4)) is None
