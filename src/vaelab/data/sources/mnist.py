"""MNIST and Fashion-MNIST: four IDX files, from a folder or downloaded once."""

import gzip
import math
import os
import zlib
from abc import ABC
from contextlib import nullcontext
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import UInt8

from vaelab.data.cache import cache_folder, cached
from vaelab.data.download import Remote, download
from vaelab.data.formats.untrusted import DataPath, refuse_decompression_bomb
from vaelab.data.raw import Raw, RawSplit, from_parts
from vaelab.data.source import Source
from vaelab.data.store import ImageSpec
from vaelab.errors import BadValueError, MissingFileError
from vaelab.files import opened

FILES = (
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
)  # fmt: skip
PACKING_BYTES = 2**20
"""Bytes that packing may add to what it packs."""


def remotes(*sha256: str, of: Literal["content", "gzip"]) -> tuple[Remote, ...]:
    """The four files as they are known."""
    return tuple(Remote(name, known, of) for name, known in zip(FILES, sha256, strict=True))


class IdxSource(Source, ABC):
    """Four IDX files: images and labels, for training and test."""

    path: DataPath | None = None
    """Folder of the four files, plain or .gz; null: downloaded once into the user's cache."""

    files: ClassVar[tuple[Remote, ...]]
    mirrors: ClassVar[tuple[str, ...]]
    classes: ClassVar[tuple[str, ...] | None] = None
    variable: ClassVar[str] = ""
    """Of the environment, that names the folder where `path` does not."""

    def chosen(self) -> Path | None:
        """The folder the user has chosen, if any."""
        folder = self.path or os.environ.get(self.variable)
        return Path(folder).expanduser() if folder else None

    def fetch(self) -> Path:
        """Download what the user's cache does not have yet, or has but damaged; where it is then.

        Of a folder that the user has chosen nothing is downloaded.
        """
        if (chosen := self.chosen()) is not None:
            return find_idx(chosen, self.files[0].name).parent
        download(self.files, self.mirrors, self._downloads())
        return self._downloads()

    def image_spec(self) -> ImageSpec:
        """28 x 28 grey pixels and ten classes, unless the files are the user's own."""
        return super().image_spec() if self.chosen() else ImageSpec((1, 28, 28), 10)

    def raw(self) -> Raw:
        chosen = self.chosen()
        folder = (chosen or self._downloads()).absolute()
        there = [(folder / f"{remote.name}.gz").is_file() for remote in self.files]
        if chosen is None and not all(there):  # those were checked when they were written
            self.fetch()
        if not folder.is_dir():
            raise MissingFileError(
                f"there is no folder {folder}; data.path (or VAELAB_MNIST) names the folder of the "
                "four IDX files"
            )
        paths = [find_idx(folder, remote.name) for remote in self.files]
        return cached(self.kind, str(folder), paths, lambda _: self._read(paths))

    def _downloads(self) -> Path:
        return cache_folder() / "downloads" / self.kind

    def _read(self, paths: list[Path]) -> Raw:
        parts = [
            RawSplit(str(images), read_idx(images, 3)[:, None], read_idx(labels, 1))
            for images, labels in zip(paths[::2], paths[1::2], strict=True)
        ]
        return from_parts(*parts, names=self.classes)


class MnistData(IdxSource):
    """70,000 handwritten digits of 28x28 pixels, the first data set of every textbook."""

    advice = """Use it where numbers should stand beside published ones, many of which are of MNIST;
        pixels and their binarisation have to be the same too."""
    references = """
        "Gradient-based learning applied to document recognition" (LeCun et al., 1998, doi
        10.1109/5.726791)"""

    name: ClassVar[str] = "MNIST"
    kind: Literal["mnist"] = "mnist"

    # of the content: the gzip around it may differ from mirror to mirror
    files: ClassVar[tuple[Remote, ...]] = remotes(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        of="content",
    )
    mirrors: ClassVar[tuple[str, ...]] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    variable: ClassVar[str] = "VAELAB_MNIST"


class FashionMnistData(IdxSource):
    """70,000 grey pictures of clothing, 28x28 pixels, ten kinds: MNIST's form, but harder."""

    advice = """Use it to see whether what works on digits also works where grey levels carry
        texture and some classes look alike."""
    references = """
        "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms" (Xiao,
        Rasul and Vollgraf, 2017), arXiv 1708.07747"""

    name: ClassVar[str] = "Fashion-MNIST"
    kind: Literal["fashion_mnist"] = "fashion_mnist"

    files: ClassVar[tuple[Remote, ...]] = remotes(
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        of="gzip",
    )
    mirrors: ClassVar[tuple[str, ...]] = (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    )
    classes: ClassVar[tuple[str, ...] | None] = (
        "T-shirt/top", "trouser", "pullover", "dress", "coat",
        "sandal", "shirt", "sneaker", "bag", "ankle boot",
    )  # fmt: skip


def find_idx(directory: Path, name: str) -> Path:
    """The file `name`, e.g. `train-images-idx3-ubyte`, dotted, gzipped, or not."""
    dotted = name.replace("-idx", ".idx")
    spellings = [stem + suffix for stem in (name, dotted) for suffix in ("", ".gz")]
    for spelling in spellings:
        if (directory / spelling).is_file():
            return directory / spelling
    raise MissingFileError(
        f"there is no {name} (nor {', '.join(spellings[1:])}) in {directory}; "
        "give the folder of the four IDX files as data.path, or leave it out to download them"
    )


def read_idx(path: Path, dimensions: int) -> UInt8[np.ndarray, "..."]:
    """Read a file of unsigned bytes, plain or .gz, no further than its header says."""
    packed = path.suffix == ".gz"
    with opened(path, follow=True) as plain:
        try:
            with gzip.open(plain) if packed else nullcontext(plain) as file:
                shape = _shape(file.read(4 + 4 * dimensions), path, dimensions)
                size, stored = math.prod(shape), path.stat().st_size
                if packed:
                    refuse_decompression_bomb(path, stored, size)
                # zeros behind a gzip file, be they a terabyte, are read to the end
                if stored > 2 * size + PACKING_BYTES:
                    raise BadValueError(
                        f"{path}: its header promises {size} bytes, but {stored:,} are stored"
                    )
                content = file.read(1 + (size if packed else min(size, stored)))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadValueError(
                f"{path}: this gzip file is damaged or cut short ({error}); fetch it again"
            ) from error
    if len(content) != size:
        found, advice = str(len(content)), "is cut short, fetch it again"
        if len(content) > size:
            found, advice = "more", "is not what its header says"
        raise BadValueError(
            f"{path}: its header promises {' x '.join(map(str, shape))} = {size} bytes, but there "
            f"are {found}; the file {advice}"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _shape(header: bytes, path: Path, dimensions: int) -> tuple[int, ...]:
    magic = bytes([0, 0, 8, dimensions])  # 8: unsigned bytes
    if header[:4] != magic:
        raise BadValueError(
            f"{path}: starts with {header[:4].hex(' ') or 'nothing'}, but an IDX file of "
            f"{dimensions}-dimensional unsigned bytes starts with {magic.hex(' ')}; "
            "is this the right file?"
        )
    if len(header) < 4 + 4 * dimensions:
        raise BadValueError(f"{path}: ends within its header; fetch the file again")
    return tuple(int(size) for size in np.frombuffer(header[4:], dtype=">u4"))
