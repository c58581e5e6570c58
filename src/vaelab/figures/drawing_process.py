"""The other end of `Drawer`: reads jobs from its input, draws, and answers why it could not.

Run as `python -m vaelab.figures.drawing_process`.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from vaelab.figures import BaseFigure, FigureConfig, Panel
from vaelab.plugins import load_installed

NICENESS = 10


def serve() -> None:
    """Draw until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that trains
    if sys.platform != "win32":
        os.nice(NICENESS)
    load_installed()
    answers, sys.stdout = sys.stdout, sys.stderr  # nothing that prints may spoil the answers
    for line in sys.stdin:
        answers.write(json.dumps(failure(json.loads(line))) + "\n")
        answers.flush()


def failure(job: dict[str, Any]) -> str | None:
    """Draw the picture of a panel beside it; why that failed, or None."""
    path = Path(job["panel"])
    try:
        figure: BaseFigure = TypeAdapter(FigureConfig).validate_python(job["figure"])
        figure.write_pictures(Panel.load(path), path.parent)
    except Exception as error:
        # whatever goes wrong with one picture, the next one gets its turn
        return f"{type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    serve()
