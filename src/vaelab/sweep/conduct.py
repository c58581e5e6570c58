"""Working on a sweep until it is done or a person stops it."""

from pathlib import Path

from vaelab.console import Console
from vaelab.files import storage_error
from vaelab.sweep.board import Board
from vaelab.sweep.engines.engine import Engine, Task
from vaelab.sweep.plan import Sweep
from vaelab.sweep.study import Study
from vaelab.training import interruptible


def conduct(folder: Path, engine: Engine, console: Console) -> tuple[bool, int | None]:
    """Let an engine train and show how it gets on.

    Args:
        folder: of the sweep.
        engine: starts the workers.
        console: where progress is shown.

    Returns:
        Whether all trials have ended, and the number of the signal that stopped it, if one did.

    Raises:
        UserError: a worker cannot work.
    """
    sweep = Sweep.load(folder)
    study = Study(folder, sweep.space)
    try:
        with interruptible() as interrupt, Board(folder, sweep, console) as board:
            task = Task(folder, sweep, study, board, interrupt)
            if not task.over:
                engine.work(task)
        board.show(study.trials())
        return task.over, interrupt.signal
    except OSError as error:
        raise storage_error(folder, error) from error
