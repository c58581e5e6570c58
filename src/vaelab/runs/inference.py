"""The user's own files through a trained model: codes, reconstructions, samples."""

import csv
import io
from collections.abc import Mapping, Sequence
from math import ceil, sqrt
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vaelab.data.formats.pictures import picture_size, read_picture, with_channels
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.data.pixels import Pixels
from vaelab.data.store import Split, SplitName
from vaelab.distributions import BasePosterior
from vaelab.errors import BadCombinationError, BadValueError
from vaelab.figures.sheet import fitting, magnify, on_grid, tile
from vaelab.files import write_bytes, write_text
from vaelab.imaging import png
from vaelab.models import as_flat
from vaelab.quality.images import eight_bit, samples
from vaelab.runs.run import Run

TILE = 112


class Inference:
    """A trained model ready for files and for samples.

    Attributes:
        notes: what was done to the files read last, so that the model takes them.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.model, about = run.load_model()
        self.classes: list[str] = about["classes"]
        self.pixels: Pixels = run.experiment.data.pixels
        self.notes: list[str] = []

    @torch.no_grad()
    def encode(self, files: Sequence[Path], label: str | None, path: Path) -> Path:
        """Write the posterior of each file, as `write_codes`, which begins with `file`."""
        model = as_flat(self.model, "a table of codes")
        batches = self._read(files, label).batches()
        posteriors = [model.encode(batch.x, batch.context) for batch in batches]
        numbers = [torch.cat(each).numpy() for each in
                   zip(*((q.mean, q.stddev) for q in posteriors), strict=True)]  # fmt: skip
        return write_codes(path, {"files": np.array([str(file) for file in files])}, *numbers)

    @torch.no_grad()
    def reconstruct(self, files: Sequence[Path], label: str | None, path: Path) -> Path:
        """Write a picture: each file as the model sees it, and its reconstruction."""
        rows = []
        for batch in self._read(files, label).batches():
            output = self.model.reconstruct(batch.x, batch.context).mean
            pair = [eight_bit(each, self.pixels) for each in (batch.x, output)]
            rows.append(np.stack(pair, 1))
        return _save(np.concatenate(rows).transpose(0, 1, 3, 4, 2), path)

    def sample(self, num: int, label: str | None, seed: int, path: Path) -> Path:
        """Write a picture of decoded draws from the prior, one label or every class in turn."""
        labels = self._labels(num, label, every_class=True)
        pictures = samples(self.model, self.pixels, labels.numpy(), "mean", seed)
        return _save(on_grid(pictures.transpose(0, 2, 3, 1), ceil(sqrt(num))), path)

    def _read(self, files: Sequence[Path], label: str | None) -> EvalLoader:
        channels, height, width = self.model.image_shape
        pictures = [read_picture(str(file), (height, width)) for file in files]
        sizes = [picture_size(str(file)) for file in files]
        resized = sum(size != (height, width) for size in sizes)
        coloured = sum(picture.shape[2] > channels for picture in pictures)
        self.notes = []
        if resized:
            done = f"scaled and cropped to the model's {height} x {width} pixels"
            self.notes.append(f"{resized} of {len(files)} pictures {_were(resized)} {done}")
        if coloured:
            done = "in colour and made grey, as the model's images are"
            self.notes.append(f"{coloured} of {len(files)} pictures {_were(coloured)} {done}")
        images = np.stack([with_channels(one, channels) for one in pictures]).transpose(0, 3, 1, 2)
        labels = self._labels(len(files), label, every_class=False).numpy()
        return EvalLoader(
            Split(np.ascontiguousarray(images), labels), self.pixels, self.model.classes
        )

    def _labels(self, num: int, label: str | None, *, every_class: bool) -> Tensor:
        if label is None:
            if self.model.classes and not every_class:
                raise BadCombinationError(
                    f"{self.run.path} is conditional: say the class with --label, one of "
                    f"{', '.join(self.classes)}"
                )
            return torch.arange(num) % max(1, self.model.classes)
        if not self.model.classes:
            raise BadCombinationError(
                f"{self.run.path} is not conditional, so --label has no meaning; leave it out"
            )
        if label not in self.classes:
            raise BadValueError(
                f"there is no class `{label}`; the classes are {', '.join(self.classes)}"
            )
        return torch.full((num,), self.classes.index(label))


def _save(pictures: UInt8[np.ndarray, "rows columns h w c"], path: Path) -> Path:
    """Write pictures as one."""
    larger = magnify(pictures, fitting(pictures.shape[2], TILE))
    return write_bytes(path, png(tile(larger)))


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def correlations(run: Run) -> list[str]:
    """What deviations leave out of posteriors whose dimensions are not independent, or nothing."""
    posterior = dict(run.experiment.model).get("posterior")
    if not isinstance(posterior, BasePosterior) or "independent" in posterior.facts:
        return []
    return [f"loc and scale are of each dimension by itself; {posterior.kind} has correlations too"]


def save_codes(run: Run, split: SplitName, path: Path) -> Path:
    """Write the codes of a split, as `write_codes`: `class` and, in an .npz, `labels`."""
    codes, classes = run.codes(split), run.load_model()[1]["classes"]
    names = np.array(classes)[codes.labels]
    return write_codes(path, {"class": names, "labels": codes.labels}, codes.loc, codes.scale)


def write_codes(
    path: Path,
    about: Mapping[str, np.ndarray],
    loc: Float[np.ndarray, "n d"],
    scale: Float[np.ndarray, "n d"],
) -> Path:
    """Write posteriors: means `loc` and deviations `scale` into an .npz, else a table as CSV.

    The former holds what else is known `about` them; the first of it begins the table's lines.
    """
    if path.suffix == ".npz":
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, loc=loc, scale=scale, **about)
        return write_bytes(path, buffer.getvalue())
    first, names = next(iter(about.items()))
    dims = range(1, loc.shape[1] + 1)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    heading = "file" if first == "files" else first
    table.writerow([heading, *(f"z{i}_loc" for i in dims), *(f"z{i}_scale" for i in dims)])
    for name, row in zip(names.tolist(), np.concatenate([loc, scale], 1), strict=True):
        table.writerow([name, *(f"{value:.6g}" for value in row)])
    return write_text(path, text.getvalue())
