"""One command that is tried, and what it may cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SECONDS, LARGEST = 20.0, 2**30
"""Of CPU, and of a wait with nothing to do; bytes of resident memory, PyTorch's included."""
LONGEST = 20_000
"""Characters that a command may print about what is wrong."""
SECRET = b"PRIVATE-5d1c0e"
"""The content of a file that is not to be given away."""


def nothing(*_: object) -> None:
    """What most trials prepare."""


@dataclass(frozen=True)
class Trial:
    """One command.

    Attributes:
        what: it tries, for the list of bad ones.
        words: after `vaelab`.
        make: fills the folder that it runs in.
        inside: called in the fork, just before the command.
        environment: variables; None removes one.
        encoding: of the streams.
        codes: exit codes that are right.
        quiet: characters it may print on stderr.
        anywhere: it is told to write somewhere else.
    """

    what: str
    words: Sequence[str]
    make: Callable[[Path], object] = nothing
    inside: Callable[[], object] = nothing
    environment: Mapping[str, str | None] = field(default_factory=dict)
    encoding: str = "utf-8"
    codes: frozenset[int] = frozenset({0, 2})
    quiet: int = LONGEST
    anywhere: bool = False
