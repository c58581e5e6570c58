"""Training from Python: what it says and what it refuses, in the words of a call."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vaelab.console import Console
from vaelab.errors import UserError
from vaelab.evaluation.diagnosis.examine import one_line_diagnosis
from vaelab.experiment import Experiment
from vaelab.runs.run import Run
from vaelab.training import Callback, Start, notes_to_resume, train

AGAIN = "the same call with resume=True"
WORDS = (
    (r"`?vaelab train \S+ --resume training\.epochs=\d+`?", f"{AGAIN} and more epochs"),
    (r"`?vaelab train \S+ --resume`?", AGAIN),
    (r"`?vaelab evaluate ([^\s`]+)`?", r'vaelab.evaluate("\1")'),
    (r"`?vaelab doctor ([^\s`]+)`?", r'vaelab.diagnose("\1")'),
    (r"the same command with --resume", AGAIN),
    (r"--resume\b", "resume=True"),
    (r"--overwrite\b", "overwrite=True"),
    (r"--plugin FILE\b", "import it before"),
)
"""Of the command line, and of Python."""
NAMES = ((r"\btask_name=NAME\b", 'name="NAME"'), (r"\banother task_name\b", "another name"))
"""Likewise, where the name is an argument of its own."""


def in_python(text: str, named: bool) -> str:
    """What is said to who types commands, said to who calls functions, which may take a `name`."""
    for pattern, words in (*WORDS, *(NAMES if named else ())):
        text = re.sub(pattern, words, text)
    return text


class _Notebook(Console):
    """A console that says so what it is told."""

    def __init__(self, named: bool, quiet: bool) -> None:
        super().__init__(quiet=quiet)
        self._named = named

    def say(self, text: str) -> None:
        super().say(in_python(text, self._named))


@contextmanager
def refused_in_python(named: bool) -> Iterator[None]:
    """In this block errors are said so, as `in_python`."""
    try:
        yield
    except UserError as error:
        error.args = (in_python(str(error), named),)
        raise


def train_in_python(
    experiment: Experiment,
    folder: Path,
    start: Start,
    quiet: bool,
    callbacks: Sequence[Callback] = (),
    notes: Sequence[str] = (),
    named: bool = False,
) -> Run:
    """Train as `vaelab.training.train`, and say it as `in_python`, beginning with notes."""
    console = _Notebook(named, quiet)
    resumed = notes_to_resume([experiment], folder) if start is Start.RESUME else []
    for note in [*notes, *resumed]:
        console.say(f"note: {note}")
    with refused_in_python(named):
        outcome = train(experiment, folder, start, console, callbacks)
    if outcome.stopped is None and not quiet:
        console.say(one_line_diagnosis(outcome.run))
    return outcome.run
