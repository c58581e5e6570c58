"""Python in processes of their own: whole programs, and sides that are driven step by step."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from benchmarks.timing import Block, Side

ROOT = Path(__file__).parents[1]
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
PATIENCE = 20
"""Seconds that a side has to end by itself."""
LAST_WORDS = 300


def run_process(words: Sequence[object], environment: Mapping[str, str] | None = None) -> str:
    """Run Python with these arguments in a fresh process; what it printed.

    Raises:
        RuntimeError: it failed; with its last words.
    """
    done = subprocess.run(
        [sys.executable, *map(str, words)], cwd=ROOT, env=_environment(environment or {}),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        called = " ".join(map(str, words[:6]))
        last = _last(done.stderr)
        raise RuntimeError(f"`python {called} ...` ended with code {done.returncode}: {last}")
    return done.stdout


class Sides:
    """Sides of one comparison in processes of their own, all of which end with the block.

    Args:
        seconds: wanted length of a block of work.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._children: list[_Child] = []

    def __enter__(self) -> "Sides":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in self._children:
            child.end()

    def start(
        self,
        name: str,
        kind: str,
        settings: Mapping[str, object],
        count: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Side:
        """A side whose process begins now, beside those begun before; `ready` waits for it.

        Args:
            name: unique within the comparison.
            kind: one of `benchmarks.side.KINDS`.
            settings: of that kind.
            count: units of work in a block; None: as many as fill the wanted length.
            environment: variables that only this process gets.
        """
        child = _Child(kind, settings, environment or {})
        self._children.append(child)
        block = Block(child.run, self._seconds) if count is None else lambda: child.run(count)
        return Side(name, block, child.ready, lambda: child.threads)


class _Child:
    """A running `benchmarks.side`; `threads` are those it had at its last run."""

    def __init__(
        self, kind: str, settings: Mapping[str, object], environment: Mapping[str, str]
    ) -> None:
        self.kind = kind
        self.threads = 0
        self._is_ready = False
        self._errors: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        words = [sys.executable, "-m", "benchmarks.side", kind, json.dumps(settings, default=str)]
        self._process = subprocess.Popen(
            words, cwd=ROOT, env=_environment(environment), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip

    def ready(self) -> None:
        """Wait until it is ready.

        Raises:
            RuntimeError: it failed; with its last words.
        """
        if not self._is_ready:
            self._answer()
            self._is_ready = True

    def run(self, count: int) -> float:
        """Seconds per unit of so many units of work.

        Raises:
            RuntimeError: it failed; with its last words.
        """
        self.ready()
        if self._process.stdin is not None and self._process.poll() is None:
            self._process.stdin.write(f"run {count}\n")
            self._process.stdin.flush()
        answer = self._answer()
        self.threads = int(answer["threads"])
        return answer["seconds"]

    def end(self) -> None:
        """Let it end, or end it."""
        try:
            self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        finally:
            self._errors.close()

    def _answer(self) -> dict[str, float]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            code = self._process.wait(PATIENCE)
            self._errors.seek(0)
            last = _last(self._errors.read())
            raise RuntimeError(f"the side `{self.kind}` ended with code {code}: {last}")
        answer: dict[str, float] = json.loads(line)
        return answer


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """Ours without OMP_NUM_THREADS, so that programs choose as they do for a user."""
    former = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return {**former, **more}


def _last(words: str) -> str:
    return " ".join(words.split())[-LAST_WORDS:]
