"""The pictures of a run: its figures drawn from the weights it keeps."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.progress import Progress

from vaelab.config import Config, validate
from vaelab.console import Console
from vaelab.data import Store
from vaelab.drawing import VectorFormat, save_vector
from vaelab.errors import BadValueError, StorageError
from vaelab.figures import (
    BaseFigure,
    Drawer,
    FigureConfig,
    FigureContext,
    Panel,
    film_is_stale,
    latent_film,
)
from vaelab.models import BaseModel
from vaelab.runs.run import Run
from vaelab.yamlfile import parse_yaml


class _Choice(Config):
    figure: FigureConfig


def figure_of(name: str, options: Mapping[str, Any]) -> BaseFigure:
    """A figure from its kind and options."""
    recipe = {"figure": {**options, "kind": name}}
    return validate(_Choice, recipe, f"the figure {name}").figure


def figure_context(run: Run, store: Store | None = None) -> FigureContext:
    """What figures of a run are made of: the weights it keeps, its data, its metrics."""
    model, _ = run.load_model()
    data = run.experiment.data
    loaded = data.load() if store is None else store
    return FigureContext(
        run.experiment.task_name, model, loaded, data.pixels, run.metrics(),
        former_plane=run.plane(),
    )  # fmt: skip


def figures_named(words: Sequence[str]) -> list[BaseFigure]:
    """Figures from words such as `manifold range=quantile grid=20 samples`."""
    recipes: list[tuple[str, dict[str, Any]]] = []
    for word in words:
        if "=" not in word:
            recipes.append((word, {}))
        elif not recipes:
            raise BadValueError(f"the option `{word}` stands before any figure; name one first")
        else:
            key, _, value = word.partition("=")
            recipes[-1][1][key] = parse_yaml(value, f"the option {word}")
    return [figure_of(name, options) for name, options in recipes]


def suited(figures: Sequence[BaseFigure], model: BaseModel) -> tuple[BaseFigure, ...]:
    """Those that can be made of such a model."""
    return tuple(figure for figure in figures if model.flat or not figure.needs_flat)


def drawn(run: Run, figure: BaseFigure) -> bool:
    """Whether a figure of the run's final weights is there."""
    return _is_drawn(run.figures / f"{figure.kind}.npz")


def draw_missing(run: Run) -> list[Path]:
    """Draw what a kill has left undrawn of the panels of epochs; the paths written."""
    written: list[Path] = []
    for figure in suited(run.experiment.figures.every_epoch, run.experiment.model):
        for path in sorted(run.figures.glob(f"{figure.kind}_epoch_*.npz")):
            if not _is_drawn(path):
                try:
                    written += figure.write_pictures(Panel.load(path), run.figures)
                except StorageError:
                    raise
                except Exception as error:  # a damaged panel may hold anything
                    logging.getLogger("vaelab").warning("%s is not drawn: %s", path, error)
    return written


def _is_drawn(panel: Path) -> bool:
    """Whether the picture of a panel is there: it is the last of its files that is written."""
    picture = panel.with_suffix(".png")
    if not (panel.is_file() and picture.is_file()):
        return False
    return picture.stat().st_mtime_ns >= panel.stat().st_mtime_ns


def draw_run(
    run: Run,
    figures: Sequence[BaseFigure],
    store: Store | None,
    console: Console,
    vector: VectorFormat | None = None,
    drawer: Drawer | None = None,
) -> list[Path]:
    """Compute and draw figures into the run's folder, and for print in a vector format; the paths.

    A drawer draws one while the next is computed.
    """
    context = figure_context(run, store)
    context.save_plane(run.plane_path)
    written: list[Path] = []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        stale = film_is_stale(run.figures)
        task = progress.add_task("drawing", total=len(figures) + stale)
        for figure in figures:
            progress.update(task, description=f"drawing {figure.kind}")
            panel = figure.compute(context)
            if drawer is None:
                written += figure.write(panel, run.figures)
            else:
                drawer.submit(figure, panel, run.figures)
            if vector is not None:
                path = run.figures / f"{panel.name}.{vector}"
                written.append(save_vector(figure.draw(panel), path))
            progress.advance(task)
        if drawer is not None:
            if stale:
                drawer.submit_film(run.figures)
            written += drawer.wait()
        elif stale:
            progress.update(task, description="drawing the film")
            film = latent_film(run.figures)
            written += [] if film is None else [film]
    pictures = sorted({path.name for path in written if path.suffix != ".npz"})
    console.say(f"pictures in {run.figures}: {', '.join(pictures)}")
    return written
