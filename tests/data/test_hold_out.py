import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaelab.data import BinaryPixels, DigitsData
from vaelab.data.source import hold_out
from vaelab.errors import BadValueError
from vaelab.randomness import Purpose, derived_seed

labels_and_count = st.lists(st.integers(0, 5), min_size=1, max_size=200).flatmap(
    lambda labels: st.tuples(st.just(np.array(labels)), st.integers(0, len(labels)))
)


@given(labels_and_count, st.integers(0, 2**32))
def test_held_out_images_are_a_stratified_part(case: tuple[np.ndarray, int], seed: int) -> None:
    labels, count = case
    kept, held = hold_out(labels, count, np.random.default_rng(seed))

    assert len(held) == count
    assert sorted([*kept, *held]) == list(range(len(labels)))
    assert (np.diff(kept) > 0).all()
    assert (np.diff(held) > 0).all()
    share = np.bincount(labels) * count / len(labels)
    assert (np.abs(np.bincount(labels[held], minlength=len(share)) - share) < 1).all()
    again = hold_out(labels, count, np.random.default_rng(seed))
    assert np.array_equal(again[1], held)


def test_all_images_of_a_class_are_equally_likely() -> None:
    labels = np.repeat([0, 1], [6, 4])
    held = [hold_out(labels, 5, np.random.default_rng(seed))[1] for seed in range(2000)]
    frequency = np.bincount(np.concatenate(held), minlength=10) / 2000
    # 5 of 10: three of the six, two of the four, so each image half the time
    assert frequency == pytest.approx(np.full(10, 0.5), abs=0.05)


def test_digits_are_divided_into_three() -> None:
    store = DigitsData().load()
    assert {name: len(part) for name, part in store.splits.items()} == {
        "train": 1294,
        "valid": 144,
        "test": 359,
    }
    assert store.image_shape == (1, 8, 8)
    assert store.train.images.max() == 255
    images = np.concatenate([part.images.reshape(-1, 64) for part in store.splits.values()])
    assert len(images) == 1797
    assert len(np.unique(images, axis=0)) == 1797  # so no image is in two splits


def test_the_seed_chooses_the_split_and_nothing_else_does() -> None:
    store = DigitsData(validation=100).load()
    again = DigitsData(validation=100, pixels=BinaryPixels()).load()
    other = DigitsData(validation=100, seed=1).load()
    assert np.array_equal(store.valid.images, again.valid.images)
    assert store.checksum == again.checksum
    assert not np.array_equal(store.valid.images, other.valid.images)
    assert store.checksum != other.checksum


def test_test_images_do_not_depend_on_the_validation_size() -> None:
    store, other = DigitsData(validation=0).load(), DigitsData(validation=500).load()
    assert np.array_equal(store.test.images, other.test.images)
    assert len(store.valid) == 0
    assert len(other.valid) == 500
    assert store.checksum != other.checksum


def test_validation_must_leave_training_images() -> None:
    with pytest.raises(BadValueError, match=r"data\.validation is 1438.* only 1438 training"):
        DigitsData(validation=1438).load()


def test_test_fraction_must_leave_both_parts() -> None:
    with pytest.raises(BadValueError, match=r"test_fraction 0\.0001 of 1,797 images is 0"):
        DigitsData(test_fraction=0.0001).load()


def test_static_binarisation_is_drawn_once_by_the_seed() -> None:
    static = BinaryPixels(mode="static")
    store = DigitsData(pixels=static).load()
    again = DigitsData(pixels=static).load()
    grey = DigitsData().load()
    for name, part in store.splits.items():
        assert set(np.unique(part.images)) == {0, 255}
        assert np.array_equal(part.images, again.splits[name].images)
        assert np.array_equal(part.labels, grey.splits[name].labels)
    assert store.checksum == grey.checksum
    # the mean of Bernoulli(v / 255) is v / 255
    assert store.train.images.mean() == pytest.approx(grey.train.images.mean(), rel=0.01)


def test_splits_do_not_share_their_draws() -> None:
    part = DigitsData().load().test
    frozen = DigitsData(pixels=BinaryPixels(mode="static")).load().test
    for number, same in ((0, False), (1, False), (2, True)):
        drawn = BinaryPixels(mode="static").freeze(part, derived_seed(0, Purpose.PIXELS, number))
        assert np.array_equal(drawn.images, frozen.images) == same


def test_threshold_warns_that_numbers_are_not_comparable(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, logger="vaelab"):
        store = DigitsData(pixels=BinaryPixels(mode="threshold")).load()
    assert "not comparable with published" in caplog.text
    grey = DigitsData().load()
    assert np.array_equal(store.train.images == 255, grey.train.images > 127)
