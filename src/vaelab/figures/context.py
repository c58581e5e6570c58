"""What figures are made of: a model, its data, and questions to them answered as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from vaelab.data.loading.evaluation import EvalLoader, class_context
from vaelab.data.pixels import Pixels
from vaelab.data.store import Images, Split, Store
from vaelab.errors import BadValueError
from vaelab.figures.plane import Plane, window
from vaelab.models import FlatLatent, LatentVariableModel, as_flat
from vaelab.networks.network import evaluating
from vaelab.quality.images import SampleKind, as_uint8, at_once, eight_bit, samples
from vaelab.randomness import Purpose, derived_seed

Pictures = UInt8[np.ndarray, "n height width c"]


@dataclass(frozen=True, eq=False, repr=False)
class Codes:
    """The posterior of each image of a split."""

    loc: Float[np.ndarray, "n d"]
    scale: Float[np.ndarray, "n d"]
    labels: Int64[np.ndarray, " n"]

    def __repr__(self) -> str:
        """What there is, without the numbers."""
        images, latent = self.loc.shape
        return f"Codes of {images:,} images: loc and scale ({images}, {latent}), labels ({images},)"


@dataclass(frozen=True, eq=False)
class DimensionRates:
    """How much each dimension of the code tells about the image, nats, the mean over a split.

    If they are exact, they are KL(q(z_j|x) || p(z_j)) and add up to the rate. Where the prior ties
    the dimensions together there is no such sum; then they are 1/2 log(1 + Var[loc] / E[scale^2]),
    what a Gaussian channel of that signal and noise carries.
    """

    nats: Float[np.ndarray, " d"]
    exact: bool


@dataclass(frozen=True, eq=False)
class FigureContext:
    """What figures are made of.

    The model is asked in evaluation mode and without gradients, and left in the mode it was in.

    Attributes:
        title: the run's name.
        model: on any device.
        store: the data set it was trained on.
        pixels: the pixels' domain.
        metrics: the rows of metrics.jsonl.
        epoch: during training, the epochs trained so far; None for the run's final weights.
        former_plane: the plane of an earlier picture, whose orientation is kept.
    """

    title: str
    model: LatentVariableModel
    store: Store
    pixels: Pixels
    metrics: Sequence[Mapping[str, Any]] = ()
    epoch: int | None = None
    former_plane: Plane | None = None

    @property
    def flat(self) -> FlatLatent:
        """The model, if its code is one vector."""
        return as_flat(self.model, "this picture")

    @property
    def device(self) -> torch.device:
        """Where the model lies."""
        return next(self.model.parameters()).device

    @property
    def conditional(self) -> bool:
        """Whether the model reads the class."""
        return self.model.classes > 0

    @property
    def words(self) -> dict[str, Any]:
        """What every picture says about where it comes from."""
        moment = "" if self.epoch is None else f"after epoch {self.epoch}"
        return {
            "run": self.title,
            "data": self.store.name,
            "classes": list(self.store.classes),
            "epoch": self.epoch,
            "moment": "before training" if self.epoch == 0 else moment,
        }

    def name(self, kind: str) -> str:
        """Name of a picture's files: `kind`, or `kind_epoch_<n>` during training."""
        return kind if self.epoch is None else f"{kind}_epoch_{self.epoch}"

    def draws(self) -> np.random.Generator:
        """A fresh stream of random numbers for picking images."""
        return np.random.default_rng(derived_seed(0, Purpose.FIGURES, 0))

    def check_index(self, key: str, index: int) -> None:
        """Refuse an index that no test image has."""
        count = len(self.store.test)
        if not 0 <= index < count:
            raise BadValueError(
                f"{key} is {index}, but the {count} test images are numbered 0 to {count - 1}"
            )

    def label_index(self, label: str | int) -> int:
        """The index of a class given by name, or by index where no class has that name."""
        names = self.store.classes
        if str(label) in names:
            return names.index(str(label))
        if isinstance(label, int) and 0 <= label < len(names):
            return label
        raise BadValueError(f"there is no class {label!r}; the classes are {', '.join(names)}")

    def loader(self, split: Split) -> EvalLoader:
        """A split as the model takes it."""
        return EvalLoader(split, self.pixels, self.model.classes, self.device)

    @cached_property
    def codes(self) -> Codes:
        """The posteriors of the test images."""
        return self.encode(self.store.test)

    @cached_property
    def plane(self) -> Plane:
        """The plane that scatter and manifold share."""
        return Plane.fit(self.codes.loc, self.former_plane)

    def save_plane(self, path: Path) -> None:
        """Write the plane, if the code is one vector that has more or less than two dimensions."""
        if isinstance(self.model, FlatLatent) and self.model.latent != 2:
            self.plane.save(path)

    @cached_property
    def window(self) -> Float[np.ndarray, "k 2"]:
        """The range of the plane that the test images occupy; scatter and manifold share it."""
        return window(self.plane.project(self.codes.loc))

    @cached_property
    def rates(self) -> DimensionRates:
        """What each dimension carries, over the test images."""
        total = torch.zeros(self.flat.latent, device=self.device)
        with evaluating(self.model), torch.no_grad():
            for batch in self.loader(self.store.test).batches(at_once(self.store.image_shape)):
                noise = batch.x.new_zeros(1, len(batch.x), self.flat.latent)
                per_dim = self.model.terms(batch.x, batch.context, noise=noise).levels[0].kl_per_dim
                if per_dim is None:
                    signal, noise_power = self.codes.loc.var(0), (self.codes.scale**2).mean(0)
                    return DimensionRates(np.log1p(signal / noise_power) / 2, exact=False)
                total += per_dim.sum(0)
        return DimensionRates(_numpy(total / len(self.store.test)), exact=True)

    def encode(self, split: Split) -> Codes:
        """The posteriors of a split's images, each with its own class."""
        # one table from the start: small tensors kept between large ones scatter the memory
        table, start = torch.empty(2, len(split), self.flat.latent, device=self.device), 0
        with evaluating(self.model), torch.no_grad():
            for batch in self.loader(split).batches(at_once(self.store.image_shape)):
                posterior = self.flat.encode(batch.x, batch.context)
                part = slice(start, start + len(batch.x))
                table[0, part], table[1, part] = posterior.mean, posterior.stddev
                start += len(batch.x)
        return Codes(_numpy(table[0]), _numpy(table[1]), split.labels)

    def originals(self, split: Split, side: int | None = None) -> Pictures:
        """A split's images as the model sees them; `side` as in `decode`."""
        return _pictures(as_uint8(split, self.pixels, side))

    def reconstructions(self, split: Split, side: int | None = None) -> Pictures:
        """A split's images, encoded and decoded without noise; `side` as in `decode`."""
        parts = []
        with evaluating(self.model), torch.no_grad():
            for batch in self.loader(split).batches(at_once(self.store.image_shape)):
                mean = self.model.reconstruct(batch.x, batch.context).mean
                parts.append(eight_bit(mean, self.pixels, side))
        return _pictures(np.concatenate(parts))

    def decode(
        self,
        z: Float[np.ndarray, "n d"],
        labels: Int64[np.ndarray, " n"] | None = None,
        side: int | None = None,
    ) -> Pictures:
        """The mean of p(x|z) at each code, of a conditional model given each label.

        Pictures larger than `side` are made smaller as they come.
        """
        dtype = next(self.model.parameters()).dtype
        codes = torch.as_tensor(z, dtype=dtype, device=self.device)
        size = at_once(self.store.image_shape)
        parts = []
        with evaluating(self.model), torch.no_grad():
            for start in range(0, len(codes), size):
                part, context = slice(start, start + size), None
                if labels is not None:
                    given = torch.as_tensor(labels[part], device=self.device)
                    context = class_context(given, self.model.classes)
                mean = self.flat.decode(codes[part], context).mean
                parts.append(eight_bit(mean, self.pixels, side))
        return _pictures(np.concatenate(parts))

    def sample(self, labels: Int64[np.ndarray, " n"], side: int | None = None) -> Pictures:
        """The mean of p(x|z) at codes from the prior, one for each label; `side` as in `decode`."""
        return _pictures(self.images(labels, "mean", side))

    def images(
        self, labels: Int64[np.ndarray, " n"], made: SampleKind, side: int | None = None
    ) -> Images:
        """Samples `(n, c, h, w)`, one for each label, means or draws, as quality compares them."""
        with evaluating(self.model):
            return samples(self.model, self.pixels, labels, made, 0, side)


def _pictures(images: Images) -> Pictures:
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def _numpy(tensor: Tensor) -> Float[np.ndarray, "..."]:
    return tensor.float().cpu().numpy()
