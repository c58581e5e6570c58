"""MNIST and Fashion-MNIST: four IDX files, from a folder or downloaded once."""

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Literal

from vaelab.data.cache import cache_folder, cached
from vaelab.data.download import Remote, download
from vaelab.data.idx import find_idx, read_idx
from vaelab.data.pickles import DataPath
from vaelab.data.raw import Part, Raw, from_parts
from vaelab.data.source import Source
from vaelab.data.store import Outline
from vaelab.errors import MissingFileError


class IdxSource(Source, ABC):
    """Four IDX files: images and labels, for training and test."""

    path: DataPath | None = None
    """Folder of the four files, plain or .gz; null: downloaded once into the user's cache."""

    files: ClassVar[tuple[Remote, ...]]
    mirrors: ClassVar[tuple[str, ...]]
    classes: ClassVar[tuple[str, ...] | None]

    @abstractmethod
    def chosen(self) -> Path | None:
        """The folder the user has chosen, if any."""

    def fetch(self, mirrors: tuple[str, ...] | None = None) -> Path:
        """Download what the user's cache does not have yet, or has but damaged.

        Args:
            mirrors: base addresses to try in turn instead of the known ones.

        Returns:
            The folder of the four files.

        Raises:
            MissingFileError: no mirror had them.
        """
        download(self.files, mirrors or self.mirrors, self._downloads())
        return self._downloads()

    def outline(self) -> Outline:
        """28 x 28 grey pixels and ten classes, unless the files are the user's own."""
        return super().outline() if self.chosen() else Outline((1, 28, 28), 10)

    def raw(self) -> Raw:
        """The four files as arrays, through the cache of imports."""
        folder = (self.chosen() or self._fetched()).absolute()
        if not folder.is_dir():
            raise MissingFileError(
                f"there is no folder {folder}; data.path (or VAELAB_MNIST) names the folder of the "
                "four IDX files"
            )
        paths = [find_idx(folder, remote.name) for remote in self.files]
        return cached(self.kind, str(folder), paths, lambda _: self._read(*paths))

    def _downloads(self) -> Path:
        return cache_folder() / "downloads" / self.kind

    def _fetched(self) -> Path:
        """The folder of downloads, where files were checked when they were written."""
        folder = self._downloads()
        there = all((folder / f"{remote.name}.gz").is_file() for remote in self.files)
        return folder if there else self.fetch()

    def _read(self, train: Path, train_labels: Path, test: Path, test_labels: Path) -> Raw:
        parts = [
            Part(str(images), read_idx(images, 3)[:, None], read_idx(labels, 1))
            for images, labels in ((train, train_labels), (test, test_labels))
        ]
        return from_parts(parts[0], parts[1], self.classes)


class MnistData(IdxSource):
    """70,000 handwritten digits of 28x28 pixels, the first data set of every textbook.

    Use it where numbers should stand beside published ones, many of which are of MNIST; pixels and
    their binarisation have to be the same too.

    "Gradient-based learning applied to document recognition" (LeCun et al., 1998, doi
    10.1109/5.726791).
    """

    kind: Literal["mnist"] = "mnist"

    # of the content: the gzip around it may differ from mirror to mirror
    files: ClassVar[tuple[Remote, ...]] = (
        Remote(
            "train-images-idx3-ubyte",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        Remote(
            "train-labels-idx1-ubyte",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        Remote(
            "t10k-images-idx3-ubyte",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        Remote(
            "t10k-labels-idx1-ubyte",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    )
    mirrors: ClassVar[tuple[str, ...]] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    classes: ClassVar[tuple[str, ...] | None] = None

    @property
    def name(self) -> str:
        """What the figures call the data."""
        return "MNIST"

    def chosen(self) -> Path | None:
        """`path`, else the folder named by the environment variable VAELAB_MNIST."""
        variable = os.environ.get("VAELAB_MNIST")
        folder = self.path or (Path(variable) if variable else None)
        return folder.expanduser() if folder else None


class FashionMnistData(IdxSource):
    """70,000 grey pictures of clothing, 28x28 pixels, ten kinds: a harder MNIST of the same form.

    Use it to see whether what works on digits also works where grey levels carry texture and some
    classes look alike.

    "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms" (Xiao, Rasul
    and Vollgraf, 2017), arXiv 1708.07747.
    """

    kind: Literal["fashion_mnist"] = "fashion_mnist"

    files: ClassVar[tuple[Remote, ...]] = (
        Remote(
            "train-images-idx3-ubyte",
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "gzip",
        ),
        Remote(
            "train-labels-idx1-ubyte",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "gzip",
        ),
        Remote(
            "t10k-images-idx3-ubyte",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "gzip",
        ),
        Remote(
            "t10k-labels-idx1-ubyte",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "gzip",
        ),
    )
    mirrors: ClassVar[tuple[str, ...]] = (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    )
    classes: ClassVar[tuple[str, ...] | None] = (
        "T-shirt/top", "trouser", "pullover", "dress", "coat",
        "sandal", "shirt", "sneaker", "bag", "ankle boot",
    )  # fmt: skip

    @property
    def name(self) -> str:
        """What the figures call the data."""
        return "Fashion-MNIST"

    def chosen(self) -> Path | None:
        """The folder given by `path`."""
        return self.path.expanduser() if self.path else None
