"""What every figure promises: compute gives arrays, draw gives a picture."""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from vaelab.data.formats.untrusted import MAX_NUMBER_RATIO, open_archive
from vaelab.drawing import save_png
from vaelab.errors import BadValueError
from vaelab.figures.context import FigureContext
from vaelab.files import make_folder, write_bytes
from vaelab.registry import ONE_OF, Axis, Kind

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class _Words(BaseModel, extra="allow"):
    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,200}$")
    """Of a panel: files beside it are called so."""


@dataclass(frozen=True, eq=False)
class Panel:
    """What a picture shows, as arrays and a few words; saved beside it."""

    name: str
    arrays: dict[str, np.ndarray]
    words: dict[str, Any] = field(default_factory=dict)

    def save(self, path: Path) -> Path:
        """Write a .npz without pickles."""
        words = np.array(json.dumps({"name": self.name, **self.words}))
        buffer = BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, words=words, **self.arrays)
        return write_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> "Panel":
        """Read what `save` wrote."""
        with open_archive(path, ratio=MAX_NUMBER_RATIO) as archive:
            arrays = {name: archive.read(name) for name in archive.names}
        try:
            words = _Words.model_validate_json(str(arrays.pop("words", "")))
        except ValidationError as error:
            raise BadValueError(f"{path} is damaged: it does not say what it is of") from error
        return cls(words.name, arrays, words.model_extra or {})

    @property
    def note(self) -> str:
        """The run, its data, and the moment in its training."""
        known = [self.words["run"], self.words["data"], self.words["moment"]]
        return " · ".join(dict.fromkeys(word for word in known if word))


class BaseFigure(Kind, ABC):
    """A picture of a model; the frozen config is the recipe.

    `compute` needs the model, `draw` only the panel, so that a picture can be drawn again, and in
    another process.
    """

    axis = Axis(
        "figure", "figures.every_epoch, figures.at_end",
        "The pictures that are drawn while training and at its end, or later by `vaelab figures`.",
        several=True,
    )  # fmt: skip

    needs_flat: ClassVar[bool] = True
    """Whether it is made of codes that are one vector."""

    @abstractmethod
    def compute(self, context: FigureContext) -> Panel:
        """The arrays the picture shows.

        Raises:
            BadCombinationError: it needs a code that is one vector, and the model has none.
        """

    @abstractmethod
    def draw(self, panel: Panel) -> "Figure":
        """The picture, without a window or global state."""

    def write(self, panel: Panel, folder: Path) -> list[Path]:
        """Save the arrays as `<panel.name>.npz` and the pictures; the paths written."""
        arrays = panel.save(make_folder(folder) / f"{panel.name}.npz")
        return [arrays, *self.write_pictures(panel, folder)]

    def write_pictures(self, panel: Panel, folder: Path) -> list[Path]:
        """Save the picture as `<panel.name>.png`, after all other files; the paths written."""
        return [save_png(self.draw(panel), folder / f"{panel.name}.png")]


FigureConfig = Annotated[BaseFigure, ONE_OF]
"""A figure: its kind alone, or its kind and options."""
