"""Arrays, tensors and datasets in memory as data of a run."""

from collections.abc import Sized
from typing import Any, Literal

import numpy as np
from pydantic import model_validator
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vaelab.data.cache import cache_folder, cached
from vaelab.data.float_pixels import FloatPixels, check_values
from vaelab.data.mapped import channels_first
from vaelab.data.pixels import BOUNDS, Domain
from vaelab.data.raw import Raw, RawSplit, check_shape, class_numbers, from_parts
from vaelab.data.source import UndividedSource
from vaelab.data.store import Images
from vaelab.errors import BadCombinationError, BadValueError, MissingFileError, StorageError

UNLABELLED = "images"
"""Name of the class of images without labels."""


class ArraysData(UndividedSource):
    """Arrays that were given in Python, kept in the user's cache by their checksum.

    The config says what they were; `vaelab.arrays(x, y)` puts them back where the cache has lost
    them.
    """

    kind: Literal["arrays"] = "arrays"
    title: str = "arrays"
    """What figures and lists call them."""
    sha256: str
    """Of images, labels and class names."""
    shape: tuple[int, int, int, int]
    """`(n, c, h, w)` of the images, those for the test among them."""
    dtype: Literal["uint8", "float32"]
    """Of a pixel."""

    @model_validator(mode="after")
    def _floats_stay_floats(self) -> "ArraysData":
        if self.dtype == "float32" and not isinstance(self.pixels, FloatPixels):
            raise ValueError(
                "pixels of float arrays are the floats themselves; say what they are by domain=... "
                "where the arrays are given, instead of data.pixels"
            )
        return self

    @property
    def name(self) -> str:
        return self.title

    def raw(self) -> Raw:
        return cached(self.kind, self.sha256, [], lambda _: self._gone())

    def _gone(self) -> Raw:
        count, *sides = self.shape
        raise MissingFileError(
            f"the data was given in Python ({count:,} images of {' x '.join(map(str, sides))}, "
            f"{self.dtype}, SHA-256 {self.sha256[:12]}), and {cache_folder()} does not have it any "
            "more; call vaelab.arrays(x, y) with the same arrays to put them back"
        )


def arrays(
    images: Any,
    labels: Any = None,
    *,
    domain: str | None = None,
    test: Any = None,
    title: str = "arrays",
) -> ArraysData:
    """Images in memory as data, which `vaelab.fit` and `vaelab.train` take.

    They are copied into the user's cache, so that the run can be evaluated and drawn later.

    Args:
        images: an array or tensor `(n, h, w)`, `(n, h, w, c)` or `(n, c, h, w)` with 1 or 3
            channels, uint8 from 0 to 255 or floats; or a `torch.utils.data.Dataset` with a length
            whose items are images or (image, label).
        labels: the class of each, integers from 0 or names; None: all are of one.
        domain: of the pixels. uint8: `unit` (the default) for [0, 1], `signed` for [-1, 1],
            `binary`, `levels`. Floats need one: these, or `real` for any numbers.
        test: test images, or (images, labels); None: a fifth of the images is held out.
        title: what figures and lists call them.

    Raises:
        BadValueError: no images, or pixels that are not in the domain; with the index of the first.
        BadCombinationError: floats without a domain, or uint8 for `real`.
        StorageError: the cache cannot keep them.
    """
    if domain not in (None, *Domain):
        raise BadValueError(f"domain is {domain!r}; choose one of {', '.join(Domain)}")
    chosen = None if domain is None else Domain(domain)
    train, held = _part("the data given", images, labels, chosen), None
    if test is not None:
        x, y = test if isinstance(test, tuple | list) and len(test) == 2 else (test, None)
        held = _part("the test data given", x, y, chosen)
        kind, test_kind = _label_kind(train.numbers), _label_kind(held.numbers)
        if kind != test_kind:
            raise BadValueError(
                f"the data given has {kind} as labels, but the test data given has {test_kind}; "
                "give both the same"
            )
    raw = from_parts(train, held)
    cached("arrays", raw.checksum, [], lambda _: raw)
    pixels: Any = chosen or Domain.UNIT
    if train.images.dtype != np.uint8:
        pixels = FloatPixels.of(train.images[:], pixels)
    config = ArraysData.model_validate({
        "title": title, "sha256": raw.checksum, "pixels": pixels, "dtype": train.images.dtype.name,
        "shape": (len(raw.train) + len(raw.test), *raw.train.image_shape),
    })  # fmt: skip
    try:
        config.raw()
    except MissingFileError as error:
        raise StorageError(
            f"the arrays cannot be kept in {cache_folder()}; name another folder by the "
            "environment variable VAELAB_CACHE"
        ) from error
    return config


def _label_kind(labels: np.ndarray) -> str:
    if labels.dtype.kind != "U":
        return "numbers"
    return "nothing" if (labels == UNLABELLED).all() else "names"


def _part(where: str, images: Any, labels: Any, domain: Domain | None) -> RawSplit:
    if isinstance(images, DataLoader):
        raise BadValueError(f"{where} is a DataLoader; give its dataset: loader.dataset")
    if isinstance(images, Dataset):
        if labels is not None:
            raise BadCombinationError(
                f"{where} is a Dataset and has labels beside it; let its items be (image, label)"
            )
        images, labels = _items(where, images)
    shaped = _images(where, _array(images), domain)
    if labels is None:
        return RawSplit(where, shaped, np.full(len(shaped), UNLABELLED))
    numbers = _array(labels)
    if numbers.dtype.kind != "U":
        numbers = class_numbers(f"{where}, labels", numbers)
    return RawSplit(where, shaped, numbers)


def _items(where: str, dataset: "Dataset[Any]") -> tuple[np.ndarray, np.ndarray | None]:
    """The images of a dataset, and their labels where it has such."""
    if not isinstance(dataset, Sized):
        raise BadValueError(
            f"{where} is a {type(dataset).__name__} without a length, which cannot be shuffled and "
            "split; give a Dataset with __len__ and __getitem__, or np.stack(list(dataset))"
        )
    images: list[np.ndarray] = []
    labels: list[Any] = []
    for index in range(len(dataset)):
        item = dataset[index]
        pair = item if isinstance(item, tuple | list) else (item,)
        if len(pair) not in (1, 2):
            raise BadValueError(
                f"{where}: item {index} is a tuple of {len(pair)}; wanted is an image, or (image, "
                "label)"
            )
        image = _array(pair[0])
        if images and (image.shape, image.dtype) != (images[0].shape, images[0].dtype):
            raise BadValueError(
                f"{where}: item {index} has shape {image.shape} and dtype {image.dtype}, but item "
                f"0 has {images[0].shape} and {images[0].dtype}; all must be alike"
            )
        images.append(image)
        labels += [_array(one)[()] for one in pair[1:]]
    return np.array(images), np.array(labels) if labels else None


def _array(value: Any) -> np.ndarray:
    array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind == "O" and all(isinstance(one, str) for one in array.flat):
        return array.astype(str)  # names, as pandas has them
    return array


def _images(where: str, images: np.ndarray, domain: Domain | None) -> Images:
    """The images `(n, c, h, w)`, uint8 or float32, their values checked."""
    if not images.size:
        raise BadValueError(f"{where}: there are no images; at least one is needed")
    check_shape(where, images)
    shaped = channels_first(images)
    if shaped.shape[3] in (1, 3):
        raise BadValueError(
            f"{where}: shape {images.shape}, images that are {shaped.shape[3]} wide, which cannot "
            "be told from channels; let the longer side be the width"
        )
    if images.dtype == np.uint8:
        if domain is Domain.REAL:
            raise BadCombinationError(
                f"{where}: dtype uint8, but pixels of domain `real` are floats; give "
                "x.astype(np.float32), or a domain of uint8: unit, signed, binary or levels"
            )
        return np.ascontiguousarray(shaped)
    if images.dtype.kind != "f":
        wanted = "floats" if domain is Domain.REAL else "uint8 from 0 to 255, or floats"
        raise BadValueError(
            f"{where}: dtype {images.dtype}, but pixels are {wanted}; give x.astype(np.uint8) of "
            "numbers from 0 to 255, x.astype(np.float32) with domain=... of others"
        )
    if domain is None:
        low, high = float(images.min()), float(images.max())
        near = [name for name, (least, most) in BOUNDS.items() if least <= low and high <= most]
        raise BadCombinationError(
            f"{where}: floats from {low:g} to {high:g}; say what pixels are by domain='"
            f"{near[0] if near else Domain.REAL}' (unit: [0, 1], signed: [-1, 1], binary: 0 or 1, "
            "levels: 0 to 255, real: any numbers)"
        )
    floats = np.ascontiguousarray(shaped, np.float32)
    check_values(where, floats, domain)
    return floats
