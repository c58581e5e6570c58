"""The loggers of runs under training: opened and closed here."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from vaelab.loggers import BaseLoggerConfig, Logged, Loggers
from vaelab.run import Run
from vaelab.training.checkpoint import read_progress
from vaelab.training.member import Member


@contextmanager
def logged(members: Sequence[Member], say: Callable[[str], object]) -> Iterator[None]:
    """Give members the loggers of their configs inside the block.

    Args:
        members: of which each logs for itself.
        say: told where a person finds them.
    """
    failed = True
    try:
        for member in members:
            member.loggers = _open(member.run, member.config.loggers, member.saved_step, say)
        yield
        failed = False
    finally:
        for member in members:
            member.loggers.close(failed)


def catch_up(run: Run, configs: Sequence[BaseLoggerConfig], say: Callable[[str], object]) -> None:
    """Send loggers what they lack of a run that is finished."""
    _open(run, configs, read_progress(run.resume_path).step, say).close(failed=False)


def _open(
    run: Run, configs: Sequence[BaseLoggerConfig], step: int, say: Callable[[str], object]
) -> Loggers:
    if not configs:
        return Loggers()
    name = run.experiment.task_name
    subject = Logged(name, run.identity(), run.path, run.experiment, step)
    loggers = Loggers.open(configs, subject, run.metrics())
    for place in loggers.places:
        say(f"{name} is also logged to {place}")
    return loggers
