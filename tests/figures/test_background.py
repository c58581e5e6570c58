"""Pictures are drawn by another process, which reports what failed and dies with its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from vaelab.background import BackgroundProcess
from vaelab.figures import Drawer, FigureContext, LatentFigure, Panel, RatesFigure
from vaelab.figures.background import DrawingWarning

Make = Callable[..., FigureContext]

HANGING = """
import time
from pathlib import Path
from vaelab.files import temporary_name
temporary_name(Path("{folder}") / "rates.png").touch()
time.sleep(600)
"""

PARENT = """
import sys, time
from pathlib import Path
from vaelab.figures import Drawer, Panel, RatesFigure
folder = Path(sys.argv[1])
drawer = Drawer()
drawer.submit(RatesFigure(), Panel.load(folder / "rates.npz"), folder)
while drawer.process.pid is None or not (folder / "rates.png").exists():
    time.sleep(0.05)
print(drawer.process.pid, flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert path.exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_pictures_are_drawn_elsewhere_and_failures_reported(
    make_subject: Make, tmp_path: Path
) -> None:
    figure = LatentFigure()
    panel = figure.compute(make_subject())
    said: list[str] = []
    drawer = Drawer(said.append)
    assert drawer.process.pid is None  # nothing runs before it is needed
    began = time.monotonic()
    drawer.submit(RatesFigure(), Panel("broken", {}), tmp_path)
    for epoch in range(3):
        epoch_panel = Panel(f"latent_epoch_{epoch}", panel.arrays, panel.words)
        drawer.submit(figure, epoch_panel, tmp_path)
    assert time.monotonic() - began < 1
    for epoch in range(3):
        wait_for(tmp_path / f"latent_epoch_{epoch}.png")

    assert drawer.process.pid not in (None, os.getpid())
    os.kill(drawer.process.pid, signal.SIGINT)
    time.sleep(0.1)
    assert alive(drawer.process.pid)

    os.kill(drawer.process.pid, signal.SIGKILL)
    drawer.submit(figure, Panel("hit", panel.arrays, panel.words), tmp_path)
    drawer.submit(figure, Panel("after", panel.arrays, panel.words), tmp_path)
    with pytest.warns(DrawingWarning) as record:
        drawer.close()
    broken, hit = (str(warning.message) for warning in record)
    assert broken.startswith("cannot draw broken: KeyError")
    assert hit == "cannot draw hit: the drawing process ended with code -9."
    assert (tmp_path / "after.png").exists()
    assert drawer.process.pid is None
    assert all(word.startswith("drawing ") for word in said)


def test_what_only_this_process_can_draw_is_drawn_and_told(
    make_subject: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    axis = RatesFigure.axis
    for name in ("kinds", "_validator"):  # other tests look at every kind that there is
        monkeypatch.setattr(axis, name, getattr(axis, name))

    class NotebookFigure(RatesFigure):
        """A figure of a notebook."""

        kind: Literal["of_a_notebook"] = "of_a_notebook"

    figure = NotebookFigure()
    panel = RatesFigure().compute(make_subject())
    with Drawer() as drawer:
        drawer.submit(figure, panel, tmp_path)
        assert [path.name for path in drawer.wait()] == ["rates.png"]
        assert drawer.process.pid is None


def test_a_process_that_does_not_answer_is_not_waited_for(
    make_subject: Make, tmp_path: Path
) -> None:
    panel = RatesFigure().compute(make_subject())
    process = BackgroundProcess(HANGING.format(folder=tmp_path))
    process.start()
    pid = process.pid
    assert pid is not None
    while not any(tmp_path.iterdir()):
        time.sleep(0.01)
    with Drawer(lambda words: None, process) as drawer:
        drawer.submit(RatesFigure(), panel, tmp_path)
        assert [path.name for path in drawer.wait()] == ["rates.png"]
    assert process.pid is None
    assert not alive(pid)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rates.npz", "rates.png"]


def test_a_drawer_without_pictures_starts_nothing() -> None:
    with Drawer() as drawer:
        assert drawer.process.pid is None


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_it_does_not_outlive_a_killed_parent(make_subject: Make, tmp_path: Path) -> None:
    RatesFigure().compute(make_subject()).save(tmp_path / "rates.npz")
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(pid)
