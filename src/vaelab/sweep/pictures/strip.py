"""What models along a swept key have learned, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from vaelab.drawing import INK, MARGIN, SOFT, Page
from vaelab.figures import FigureContext, ManifoldFigure, SamplesFigure
from vaelab.figures.sheet import fitting, magnify, on_grid, spread, tile
from vaelab.runs.render import figure_context
from vaelab.runs.run import Run
from vaelab.sweep.pictures.values import Labels
from vaelab.sweep.results import Result
from vaelab.sweep.space import Space, Value

CELL, GAP, HEAD, WIDEST = 200, 14, 40, 1120
HAIR, GREY = 1, 110
MAX_VALUES = 10
"""That are shown."""


@dataclass(frozen=True)
class Piece:
    """The best run at a value: its ELBO, nats per image, and its sheet."""

    value: Value
    elbo: float
    sheet: UInt8[np.ndarray, "h w c"]
    what: str


def strip(folder: Path, found: Sequence[Result], key: str) -> list[Piece]:
    """The best run at values of a key, by value, with the other keys as the best setting has them.

    Where no setting has them so, it is the best one at the value.
    """
    results = along(found, key)
    runs = [Run(folder / result.best.run) for result in results]
    flat = all(run.experiment.model.flat for run in runs)
    store = runs[0].experiment.data.load()
    pieces = []
    for result, run in zip(results, runs, strict=True):
        sheet, what = _sheet(figure_context(run, store), flat)
        pieces.append(Piece(result.setting[key], result.best.elbo or 0.0, sheet, what))
    return pieces


def along(found: Sequence[Result], key: str) -> list[Result]:
    """One setting for each value of a key, by value; the ones nearest to the best setting."""
    best = dict(found[0].setting)
    chosen: dict[Value, Result] = {}
    for result in sorted(found, key=lambda one: {**one.setting, key: best[key]} != best):
        chosen.setdefault(result.setting[key], result)
    values = list(chosen)
    if all(isinstance(value, int | float) for value in values):
        values.sort(key=lambda value: value if isinstance(value, int | float) else 0)
    picked = spread(len(values), min(MAX_VALUES, len(values)))
    return [chosen[values[index]] for index in picked]


def draw_strip(pieces: Sequence[Piece], space: Space, key: str, title: str) -> Figure:
    """The sheets from left to right, the value above each."""
    height = max(piece.sheet.shape[0] for piece in pieces)
    width = max(piece.sheet.shape[1] for piece in pieces)
    labels = Labels(space)
    across = min(len(pieces), max(1, WIDEST // (width + GAP)))
    down = -(-len(pieces) // across)
    page = Page(
        max(2 * MARGIN + across * (width + GAP) - GAP, 460), down * (height + HEAD) + MARGIN,
        f"What the best runs along {key} have learned: {pieces[0].what}",
        f"{title} · elbo: validation, beta 1, nats per image",
    )  # fmt: skip
    for index, piece in enumerate(pieces):
        row, column = divmod(index, across)
        left, top = MARGIN + column * (width + GAP), row * (height + HEAD)
        name = f"{space.short(key)} {labels.of(key, piece.value)}"
        page.text(left, top, name, 9.5, INK, weight="bold")
        page.text(left, top + 15, f"elbo {piece.elbo:,.2f}".replace("-", "−"), color=SOFT)
        page.image(left, top + HEAD - 6, piece.sheet)
    return page.figure


def _sheet(context: FigureContext, flat: bool) -> tuple[UInt8[np.ndarray, "h w c"], str]:
    grid = min(12, max(4, CELL // max(context.store.image_shape[1:])))
    if flat:
        pictures = ManifoldFigure(grid=grid).compute(context).arrays["pictures"][0]
        what = "manifolds, each over the range of its test images' codes"
        if context.conditional:
            what += f", of class {context.store.classes[0]}"
    else:
        panel = SamplesFigure(num=grid * grid, columns=grid).compute(context)
        pictures = on_grid(panel.arrays["pictures"], grid)
        what = "samples, the mean decoded from codes of the prior"
    width = pictures.shape[1] * pictures.shape[3]
    return tile(magnify(pictures, fitting(width, CELL)), HAIR, GREY), what
