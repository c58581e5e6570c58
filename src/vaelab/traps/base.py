"""What every way of measuring a trap promises, and what it gives."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from vaelab.config import Config
from vaelab.data import Split, Store
from vaelab.data.feed import Feed
from vaelab.data.pixels import Pixels
from vaelab.figures import Subject
from vaelab.metrics import Number
from vaelab.models import VAE
from vaelab.run import Run

COLUMNS = 10
"""Pictures in a row."""


@dataclass(frozen=True, eq=False)
class Trained:
    """One side of a trap after its training.

    Attributes:
        run: its folder.
        model: with the weights it keeps, in evaluation mode.
        store: its data; test images are not looked at.
    """

    run: Run
    model: VAE
    store: Store

    def feed(self, split: Split) -> Feed:
        """Images as its model takes them."""
        return Feed(split, self.run.experiment.data.pixels, self.model.classes)

    def subject(self, pixels: Pixels | None = None) -> Subject:
        """What pictures of it are made of, in its own pixels unless others are given."""
        own = self.run.experiment.data.pixels
        return Subject(self.run.path.name, self.model, self.store, pixels or own)


@dataclass(frozen=True, eq=False)
class Sheet:
    """Rows of pictures `(n, h, w, c)`, each with its name."""

    rows: tuple[tuple[str, UInt8[np.ndarray, "n h w c"]], ...]


@dataclass(frozen=True)
class Curve:
    """A number as it depends on a setting.

    Attributes:
        name: of the setting.
        at: its values, growing.
        nats: the number at each.
    """

    name: str
    at: tuple[int, ...]
    nats: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Shown:
    """What one side of a trap has to show.

    Attributes:
        name: of the number.
        number: with its unit and estimator.
        picture: beside the other side's, of the same kind.
    """

    name: str
    number: Number
    picture: Sheet | Curve


class BaseMeasure(Config, ABC):
    """Both sides of a trap to what they show; the frozen config is the callable."""

    @abstractmethod
    def __call__(self, wrong: Trained, right: Trained) -> tuple[Shown, Shown]:
        """The number of each side, and its picture."""


def reconstructions(subject: Subject) -> Sheet:
    """Validation images, what the decoder makes of their codes, and samples from the prior."""
    some = subject.store.valid.select(np.arange(COLUMNS))
    codes = subject.encode(some)
    return Sheet((
        ("images", subject.originals(some)),
        ("decoded", subject.decode(codes.loc, codes.labels)),
        ("samples", subject.sample(codes.labels)),
    ))  # fmt: skip
