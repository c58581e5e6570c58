"""The pictures of a sweep."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure
from rich.progress import Progress

from vaelab.console import Console
from vaelab.errors import StorageError, UserError
from vaelab.figures import save_png
from vaelab.sweep.pictures.importance import draw_importance, importance
from vaelab.sweep.pictures.parallel import draw_parallel
from vaelab.sweep.pictures.plane import draw_plane
from vaelab.sweep.pictures.strip import draw_strip, strip
from vaelab.sweep.plan import Sweep
from vaelab.sweep.results import results
from vaelab.sweep.study import Study


def draw_pictures(folder: Path, console: Console) -> list[Path]:
    """Draw what the complete trials of a sweep allow; the paths written.

    Raises:
        StorageError: the folder cannot be written.
    """
    sweep = Sweep.load(folder)
    study = Study(folder, sweep.space)
    found = [result for result in results(study.trials()) if result.complete]
    if not found:
        return []
    title, shares = folder.name, importance(study)
    pictures: dict[str, Callable[[], Figure]] = {
        "rate_distortion": lambda: draw_plane(found, sweep.space, title)
    }
    if sweep.space.dimensions:
        pictures["parallel"] = lambda: draw_parallel(found, sweep.space, title)
        key = max(shares, key=shares.__getitem__) if shares else sweep.space.keys[0]
        pictures["strip"] = lambda: draw_strip(strip(folder, found, key), sweep.space, key, title)
    if shares:
        pictures["importance"] = lambda: draw_importance(shares, sweep.space, found, title)
    written = []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("drawing", total=len(pictures))
        for name, picture in pictures.items():
            progress.update(task, description=f"drawing {name}")
            try:
                written.append(save_png(picture(), folder / f"{name}.png"))
            except StorageError:
                raise
            except UserError as error:  # a run that is damaged, or data that is gone
                console.say(f"{name}.png is not drawn: {error}")
            progress.advance(task)
    return written
