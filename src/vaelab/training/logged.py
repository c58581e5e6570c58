"""The loggers of runs under training: opened and closed here."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from vaelab.loggers import Logged, Loggers
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
            run, configs = member.run, member.config.loggers
            if not configs:
                continue
            subject = Logged(
                member.experiment.task_name, run.identity(), run.path, member.experiment,
                member.saved_step,
            )  # fmt: skip
            member.loggers = Loggers.open(configs, subject, run.metrics())
            for place in member.loggers.places:
                say(f"{subject.name} is also logged to {place}")
        yield
        failed = False
    finally:
        for member in members:
            member.loggers.close(failed)
