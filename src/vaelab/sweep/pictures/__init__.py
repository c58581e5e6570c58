"""The pictures of a sweep."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from vaelab.console import Console
from vaelab.errors import StorageError, UserError
from vaelab.figures import save_png
from vaelab.sweep.pictures.keys import draw_importance, draw_parallel, importance
from vaelab.sweep.pictures.plane import draw_plane
from vaelab.sweep.pictures.strip import draw_strip, strip
from vaelab.sweep.results import results
from vaelab.sweep.study import Study


def draw_pictures(study: Study, console: Console) -> list[Path]:
    """Draw what the complete trials of a sweep allow; the paths written."""
    folder, space, title = study.folder, study.space, study.folder.name
    found = [result for result in results(study.trials()) if result.complete]
    if not found:
        return []
    pictures: dict[str, Callable[[], Figure]] = {
        "rate_distortion": lambda: draw_plane(found, space, title)
    }
    shares = importance(study)
    if space.dimensions:
        pictures["parallel"] = lambda: draw_parallel(found, space, title)
        key = max(shares, key=shares.__getitem__) if shares else space.keys[0]
        pictures["strip"] = lambda: draw_strip(strip(folder, found, key), space, key, title)
    if shares:
        trials = sum(len(result.complete) for result in found)
        pictures["importance"] = lambda: draw_importance(shares, space, trials, title)
    written = []
    with console.status("drawing"):
        for name, picture in pictures.items():
            try:
                written.append(save_png(picture(), folder / f"{name}.png"))
            except StorageError:
                raise
            except UserError as error:  # a run that is damaged, or data that is gone
                console.say(f"{name}.png is not drawn: {error}")
    return written
