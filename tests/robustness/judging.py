"""What is wrong about how a trial ended."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.robustness.trial import LARGEST, SECONDS, SECRET, Trial

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What a terminal or an editor obeys; commands that write to a file use none."""


@dataclass(frozen=True)
class Ended:
    """How a trial has ended.

    Attributes:
        trial: what was tried.
        folder: with what it printed and wrote.
        code: exit code, negative where a signal ended it.
        seconds: of CPU.
        peak: bytes of memory.
        killed: why it was ended, if it did not end by itself.
    """

    trial: Trial
    folder: Path
    code: int
    seconds: float
    peak: int
    killed: str


def judge(one: Ended) -> list[str]:
    """Everything that is wrong about it."""
    out, err = (_read(one.folder / name) for name in ("out", "err"))
    told = err.decode(errors="backslashreplace").strip()
    wrong = []
    if one.killed:
        wrong.append(one.killed)
    elif one.code not in one.trial.codes:
        last = told.splitlines()[-1][:300] if told else "nothing"
        wrong.append(f"exit code {one.code}, and it said: {last}")
    if b"Traceback" in out + err or "fault of vaelab" in told:
        wrong.append("traceback: " + " | ".join(told.splitlines()[-3:-1])[:600])
    if one.seconds > SECONDS:
        wrong.append(f"{one.seconds:.0f} s of CPU")
    if one.peak > LARGEST:
        wrong.append(f"{one.peak / 1e9:.1f} GB")
    for name, said in (("out", out), ("err", err)):
        text = said.decode(one.trial.encoding, errors="replace")
        if found := CONTROL.search(text):
            wrong.append(f"U+{ord(found[0]):04x} in std{name}")
    if len(told) > one.trial.quiet:
        wrong.append(f"{len(told):,} characters on stderr, such as {told[-200:]!r}")
    if not one.trial.anywhere and (outside := _read(one.folder / "outside").decode()):
        wrong.append(f"outside: {outside.splitlines()[0]}")
    if any(SECRET in _read(path) for path in _written(one.folder)):
        wrong.append("a file that is not the run's was given away")
    return wrong


def _written(folder: Path) -> Iterator[Path]:
    for name in ("work", "out", "err"):
        paths = [folder / name, *(folder / name).rglob("*")]
        yield from (path for path in paths if path.is_file() and not path.is_symlink())


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(2**24)
    except OSError:
        return b""
