"""What figures are made of: a model, its data, and questions to them answered as arrays."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from vaelab.data.feed import Feed, class_context
from vaelab.data.pixels import Pixels
from vaelab.data.store import Images, Split, Store
from vaelab.errors import BadValueError
from vaelab.figures.plane import Plane, window
from vaelab.models import FlatLatent, LatentVariableModel, as_flat
from vaelab.quality.images import Made, samples
from vaelab.randomness import Purpose, derived_seed, seeded

LARGEST_BATCH = 500
PIXELS_AT_ONCE = 2**21

Pictures = UInt8[np.ndarray, "n height width c"]


@dataclass(frozen=True, eq=False)
class Codes:
    """The posterior of each image of a split.

    Attributes:
        loc: `(n, d)`.
        scale: `(n, d)`.
        labels: `(n,)`.
    """

    loc: Float[np.ndarray, "n d"]
    scale: Float[np.ndarray, "n d"]
    labels: Int64[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class DimensionRates:
    """How much each dimension of the code tells about the image, nats, the mean over a split.

    Attributes:
        nats: `(d,)`.
        exact: they are KL(q(z_j|x) || p(z_j)) and add up to the rate. Where the prior ties the
            dimensions together there is no such sum; then they are 1/2 log(1 + Var[loc] /
            E[scale^2]), what a Gaussian channel of that signal and noise carries.
    """

    nats: Float[np.ndarray, " d"]
    exact: bool


@dataclass(frozen=True, eq=False)
class Subject:
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
        seed: of random picks.
    """

    title: str
    model: LatentVariableModel
    store: Store
    pixels: Pixels
    metrics: Sequence[Mapping[str, Any]] = ()
    epoch: int | None = None
    former_plane: Plane | None = None
    seed: int = 0

    @property
    def flat(self) -> FlatLatent:
        """The model, if its code is one vector.

        Raises:
            BadCombinationError: it is not.
        """
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

    def draws(self, step: int = 0) -> np.random.Generator:
        """A fresh stream of random numbers for picking images."""
        return np.random.default_rng(derived_seed(self.seed, Purpose.FIGURES, step))

    def label_index(self, label: str | int) -> int:
        """The index of a class given by name, or by index where no class has that name.

        Raises:
            BadValueError: there is no such class.
        """
        names = self.store.classes
        if str(label) in names:
            return names.index(str(label))
        if isinstance(label, int) and 0 <= label < len(names):
            return label
        raise BadValueError(f"there is no class {label!r}; the classes are {', '.join(names)}")

    def feed(self, split: Split) -> Feed:
        """A split as the model takes it."""
        return Feed(split, self.pixels, self.model.classes, self.device)

    @cached_property
    def codes(self) -> Codes:
        """The posteriors of the test images."""
        return self.encode(self.store.test)

    @cached_property
    def plane(self) -> Plane:
        """The plane that scatter and manifold share."""
        return Plane.fit(self.codes.loc, self.former_plane)

    @cached_property
    def window(self) -> Float[np.ndarray, "k 2"]:
        """The range of the plane that the test images occupy; scatter and manifold share it."""
        return window(self.plane.project(self.codes.loc))

    @cached_property
    def rates(self) -> DimensionRates:
        """What each dimension carries, over the test images."""
        total = torch.zeros(self.flat.latent, device=self.device)
        with _observed(self.model):
            for batch in self.feed(self.store.test).batches(self._batch_size):
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
        with _observed(self.model):
            for batch in self.feed(split).batches(self._batch_size):
                posterior = self.flat.encode(batch.x, batch.context)
                part = slice(start, start + len(batch.x))
                table[0, part], table[1, part] = posterior.mean, posterior.stddev
                start += len(batch.x)
        return Codes(_numpy(table[0]), _numpy(table[1]), split.labels)

    def originals(self, split: Split, side: int | None = None) -> Pictures:
        """A split's images as the model sees them; `side` as in `decode`."""
        batches = self.feed(split).batches(self._batch_size)
        return np.concatenate([self._pictures(batch.x, side) for batch in batches])

    def reconstructions(self, split: Split, side: int | None = None) -> Pictures:
        """A split's images, encoded and decoded without noise; `side` as in `decode`."""
        with _observed(self.model):
            return np.concatenate([
                self._pictures(self.model.reconstruct(batch.x, batch.context).mean, side)
                for batch in self.feed(split).batches(self._batch_size)
            ])  # fmt: skip

    def decode(
        self,
        z: Float[np.ndarray, "n d"],
        labels: Int64[np.ndarray, " n"] | None = None,
        side: int | None = None,
    ) -> Pictures:
        """The mean of p(x|z) at each code.

        Args:
            z: codes.
            labels: the class each is decoded with; only a conditional model reads them.
            side: pictures larger than this are made smaller as they come.
        """
        codes = torch.as_tensor(z, dtype=next(self.model.parameters()).dtype, device=self.device)
        pictures = []
        with _observed(self.model):
            for start in range(0, len(codes), self._batch_size):
                part = slice(start, start + self._batch_size)
                context = None if labels is None else self._context(labels[part])
                mean = self.flat.decode(codes[part], context).mean
                pictures.append(self._pictures(mean, side))
        return np.concatenate(pictures)

    def sample(self, labels: Int64[np.ndarray, " n"], side: int | None = None) -> Pictures:
        """The mean of p(x|z) at codes from the prior, one for each label; `side` as in `decode`."""
        pictures = []
        with _observed(self.model), seeded(self.seed, Purpose.SAMPLES):
            for start in range(0, len(labels), self._batch_size):
                part = labels[start : start + self._batch_size]
                mean = self.model.sample(len(part), self._context(part)).mean
                pictures.append(self._pictures(mean, side))
        return np.concatenate(pictures)

    def images(self, labels: Int64[np.ndarray, " n"], made: Made) -> Images:
        """Samples `(n, c, h, w)`, one for each label, means or draws, as quality compares them."""
        with _observed(self.model):
            return samples(self.model, self.pixels, labels, made, self.seed)

    @property
    def _batch_size(self) -> int:
        return max(1, min(LARGEST_BATCH, PIXELS_AT_ONCE // prod(self.store.image_shape)))

    def _context(self, labels: Int64[np.ndarray, " n"]) -> Tensor | None:
        return class_context(torch.as_tensor(labels, device=self.device), self.model.classes)

    def _pictures(self, x: Float[Tensor, "n c h w"], side: int | None) -> Pictures:
        unit = self.pixels.to_unit(x)
        largest = max(unit.shape[-2:])
        if side is not None and largest > side:
            size = [max(1, round(length * side / largest)) for length in unit.shape[-2:]]
            unit = interpolate(unit, size, mode="area")
        pictures = (unit * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
        return np.ascontiguousarray(pictures.cpu().numpy())


@contextmanager
def _observed(model: LatentVariableModel) -> Iterator[None]:
    """Evaluation mode without gradients inside the block; every module's mode restored after it."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True


def _numpy(tensor: Tensor) -> Float[np.ndarray, "..."]:
    return tensor.float().cpu().numpy()
