"""Working on a sweep until it is done or a person stops it."""

from pathlib import Path
from time import sleep

from rich.console import Console

from vaelab.files import storage_error
from vaelab.sweep.board import Board
from vaelab.sweep.crew import Crew
from vaelab.sweep.heart import Watch
from vaelab.sweep.plan import Sweep
from vaelab.sweep.reap import reap
from vaelab.sweep.study import Study
from vaelab.sweep.supply import over
from vaelab.sweep.trial import GOING
from vaelab.training import interruptible

REFRESH = 0.5
"""Seconds."""


def conduct(folder: Path, workers: int, console: Console) -> bool:
    """Start workers and show how they get on; whether all trials have ended.

    Args:
        folder: of the sweep.
        workers: processes, on this machine.
        console: where progress is shown.

    Raises:
        UserError: a worker cannot work.
    """
    sweep = Sweep.load(folder)
    study, watch = Study(folder, sweep.space), Watch(folder)
    board = Board(folder, sweep, console)
    try:
        if over(study, sweep):
            return True
        with interruptible() as interrupt, board, Crew(folder, workers) as crew:
            while crew.names and not interrupt.requested:
                trials = study.trials()
                board.show(trials)
                for name in crew.look(sum(trial.state not in GOING for trial in trials)):
                    board.say(f"the worker {name} was killed; another goes on with its trials")
                    with study.alone():
                        reap(study, watch, watch.living())
                sleep(REFRESH)
            if crew.names:
                board.say("stopping: every worker finishes its step and saves")
        board.show(study.trials())
        return over(study, sweep)
    except OSError as error:
        raise storage_error(folder, error) from error
