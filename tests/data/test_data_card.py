import io
from pathlib import Path

import numpy as np
import pytest
from datafiles import write_png
from PIL import Image

from vaelab.console import Console
from vaelab.data import DigitsData, ImagesData
from vaelab.data.card import card
from vaelab.errors import StorageError
from vaelab.figures.data_card import show


def test_the_card_counts_every_image() -> None:
    config = DigitsData()
    store, facts = config.load(), card(config)
    for name, part in store.splits.items():
        assert facts.counts[name].sum() == len(part)
        assert facts.counts[name][3] == (part.labels == 3).sum()
    assert facts.histogram.sum() == store.train.images.size
    assert facts.histogram[255] == (store.train.images == 255).sum()
    assert facts.checksum == store.checksum
    for label, samples in enumerate(facts.samples):
        assert samples.shape == (12, 1, 8, 8)
        first = store.train.images[store.train.labels == label][0]
        assert np.array_equal(samples[0], first)


def test_show_prints_and_draws(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=100)
    show(DigitsData(), tmp_path / "card.png", console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "8 x 8" in text
    assert "1 (grey)" in text
    assert "1,294" in text
    assert DigitsData().load().checksum in text
    assert str(tmp_path / "card.png") in text
    with Image.open(tmp_path / "card.png") as picture:
        assert picture.width == 1200


@pytest.mark.parametrize("channels", [1, 3])
def test_many_classes_and_few_images(tmp_path: Path, channels: int) -> None:
    """More classes than rows, fewer images than columns, colour, an empty validation split."""
    draws = np.random.default_rng(0)
    for label in range(25):
        for number in range(3):
            pixels = draws.integers(256, size=(4, 6, 3), dtype=np.uint8)
            write_png(tmp_path / "data" / f"c{label}" / f"{number}.png", pixels)
    config = ImagesData(path=tmp_path / "data", channels=channels, validation=0)
    facts = card(config)
    assert len(facts.samples) == 20
    assert facts.counts["valid"].tolist() == [0] * 25
    show(config, tmp_path / "card.png", Console(file=io.StringIO()))
    assert (tmp_path / "card.png").exists()


def test_a_picture_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot write"):
        show(DigitsData(), tmp_path, Console(file=io.StringIO()))
