import hashlib
import os
import time
from pathlib import Path

import numpy as np
import pytest

from vaelab.data import Mnist3000Data, MnistData
from vaelab.data.sources.mnist import find_idx, read_idx

pytestmark = [
    pytest.mark.mnist,
    pytest.mark.skipif(
        not os.environ.get("VAELAB_MNIST"), reason="VAELAB_MNIST names no folder of the IDX files"
    ),
]


def test_the_known_checksums_are_those_of_mnist() -> None:
    for remote in MnistData.files:
        dimensions = 3 if "idx3" in remote.name else 1
        array = read_idx(find_idx(Path(os.environ["VAELAB_MNIST"]), remote.name), dimensions)
        header = bytes([0, 0, 8, dimensions]) + np.array(array.shape, dtype=">u4").tobytes()
        assert hashlib.sha256(header + array.tobytes()).hexdigest() == remote.sha256


def test_counts_and_the_second_start(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = []
    stores = []
    for _ in range(2):
        start = time.perf_counter()
        stores.append(MnistData(validation=5000).load())
        seconds.append(time.perf_counter() - start)
        monkeypatch.setattr("vaelab.data.sources.mnist.read_idx", None)  # only the cache is left

    first, second = stores
    assert first.image_shape == (1, 28, 28)
    assert np.bincount(first.train.labels).sum() == 55_000
    assert np.bincount(first.valid.labels).tolist() == [
        *[494, 562, 496, 511, 487, 452, 493, 522, 487, 496]
    ]
    assert np.bincount(first.test.labels).tolist() == [
        *[980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    ]
    assert first.checksum == second.checksum
    assert np.array_equal(first.train.images, second.train.images)
    assert seconds[1] < min(1, seconds[0])


def test_those_that_come_with_vaelab_are_the_first_300_of_each_class() -> None:
    few, whole = Mnist3000Data().raw().train, MnistData().raw().train
    assert len(few) == 3000
    for label in range(10):
        np.testing.assert_array_equal(
            few.images[few.labels == label], whole.images[whole.labels == label][:300]
        )
