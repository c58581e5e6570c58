"""Kill a training at random moments, go on with it, and compare it with one left alone.

`python -m tests.robustness.kills --kills 200` prints how many trials were good. A moment is a place
in the order of a process's file operations (Python's audit events), before any of which it may be
killed: each write, rename and removal is as likely as any other, however short. The processes of
`--devices 2` are killed at random times instead. With `--saves`, three replicas are killed before
each operation of the one time that they are saved.

Each trial runs in a fork of a process that has imported everything and computed nothing.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sklearn.datasets
import sklearn.neighbors
import torch._dynamo
import torch.fx.experimental.proxy_tensor
from PIL import Image

from tests.robustness.alike import difference
from vaelab import cli, training
from vaelab.background import DRAWING
from vaelab.evaluation.diagnosis import examine

PRELOADED = (sklearn, torch, examine, training)

SHORT = ("training.epochs=2", "training.threads=1", "training.log_every=5", "explorer.keep=4",
         "training.save_minutes=0.0005", "data.validation=100")  # fmt: skip
BARE = "figures={every_epoch: [], at_end: []}"
FOLDERS = "data={kind: images, path: data, size: 8, validation: 20}"
DRAWN = "figures={every_epoch: [latent, reconstruction], at_end: [interpolation, curves]}"
CHANNELS = "channels: [4], kernels: [3], strides: [2], norm: batch"
CONV = (
    f"model.encoder={{kind: conv, {CHANNELS}, heads: [16]}}",
    f"model.decoder={{kind: conv, {CHANNELS.replace('[3]', '[4]')}}}",
)
CODEBOOK = "model={kind: vq, codes: 8, latent: 4, encoder: {kind: conv, channels: [8, 8], "
GRID = CODEBOOK + "kernels: [2, 2], strides: [2, 2]}}"
WRITES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
ENDED = 0


@dataclass(frozen=True)
class Subject:
    """What is trained.

    Attributes:
        words: of the command line.
        share: of the kills.
        prepare: makes what it reads inside a folder, before the trials.
        timed: it is killed by the clock.
    """

    words: tuple[str, ...]
    share: int
    prepare: Callable[[Path], object] = field(default=lambda folder: None)
    timed: bool = False


def _pictures(folder: Path) -> None:
    for name, grey in (("dark", 40), ("light", 210)):
        (folder / "data" / name).mkdir(parents=True)
        for number in range(90):
            shade = grey + number % 30
            Image.new("L", (8, 8), shade).save(folder / "data" / name / f"{number}.png")


def _shards(folder: Path) -> None:
    _run(["data", "shard", "digits", str(folder / "shards"), "--samples-per-shard", "200"], folder)


SUBJECTS = {
    "digits": Subject(("digits", *SHORT, DRAWN), 60),
    "conv with batch norm": Subject(("digits", *SHORT, BARE, *CONV), 30),
    "three replicas": Subject(("digits", *SHORT, BARE, "training.replicas=3"), 30),
    "hierarchical": Subject(
        ("hierarchical", *SHORT, BARE, "data=digits", "data.pixels=binary"), 20
    ),
    "vq": Subject(("digits", *SHORT, BARE, GRID, "objective=elbo", "objective.beta=1"), 20),
    "import of pictures": Subject(
        ("digits", *SHORT[:-1], FOLDERS, BARE), 20, _pictures
    ),
    "shards": Subject(
        ("digits", *SHORT[:-1], "data={kind: shards, path: shards}", BARE), 10,
        _shards,
    ),
    "two processes": Subject(("digits", *SHORT, BARE, "--devices", "2"), 10, timed=True),
}  # fmt: skip


@dataclass
class Tally:
    """How the trials of a subject have ended."""

    kills: int = 0
    trials: int = 0
    bad: list[str] = field(default_factory=list)


def trials(kills: int, seed: int, only: str | None = None) -> Iterator[tuple[str, Tally]]:
    """Kill so often, shared among the subjects; each with its tally."""
    total = sum(subject.share for subject in SUBJECTS.values())
    for name, subject in SUBJECTS.items():
        if only in {None, name}:
            with tempfile.TemporaryDirectory(prefix="kills-") as scratch:
                wanted = max(1, round(kills * subject.share / total))
                draws = random.Random(f"{seed} {name}")
                yield name, _of_subject(subject, wanted, draws, Path(scratch))


def _wait_for_drawing(folder: Path) -> None:
    """Let a drawing process whose training was killed end the picture that it has begun."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and any(_drawing_in(folder)):
        time.sleep(0.05)


def _drawing_in(folder: Path) -> Iterator[Path]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile, or is another user's
            program = (process / "cmdline").read_bytes()
            if DRAWING.encode() in program and (process / "cwd").readlink() == folder:
                yield process


def _of_subject(subject: Subject, wanted: int, draws: random.Random, scratch: Path) -> Tally:
    alone = scratch / "alone"
    alone.mkdir()
    subject.prepare(alone)
    shutil.copytree(alone, scratch / "prepared")
    began = time.monotonic()
    operations = len(_train_alone(subject, alone))
    seconds = time.monotonic() - began
    tally = Tally()
    while tally.kills < wanted:
        trial = scratch / f"trial-{tally.trials}"
        shutil.copytree(scratch / "prepared", trial)
        tally.trials += 1
        moments: list[float] = []
        for attempt in range(draws.choice([1, 1, 2, 3])):
            moment = draws.uniform(0, seconds) if subject.timed else draws.randrange(operations)
            if _train(subject, trial, resume=attempt > 0, at=moment)[0] == -signal.SIGKILL:
                tally.kills += 1
                moments.append(round(moment, 2))
        code, _ = _train(subject, trial, resume=True)
        _wait_for_drawing(trial)
        folders = alone / "runs", trial / "runs"
        wrong = f"exit code {code}" if code else difference(*folders, stopped=subject.timed)
        if wrong:
            tally.bad.append(f"killed at {moments} of {operations}: {wrong}")
        else:
            shutil.rmtree(trial)
    return tally


def between_saves(scratch: Path) -> Tally:
    """Kill replicas before each file operation of the save of all at the end of their epoch."""
    # saved at the end alone, which comes soon
    words = ("training.epochs=1", "training.batch_size=512", "training.save_minutes=1000")
    # of convolutions, one alone has other sums than among three
    subject = Subject((*SUBJECTS["three replicas"].words, *CONV, *words), 0)
    (scratch / "alone").mkdir()
    operations = _train_alone(subject, scratch / "alone")
    first = next(i for i, one in enumerate(operations) if "weights.safetensors" in one)
    last = max(i for i, one in enumerate(operations) if "resume.safetensors" in one)
    tally = Tally()
    for moment in range(first, last + 2):
        trial = scratch / f"trial-{moment}"
        trial.mkdir()
        tally.trials += 1
        tally.kills += _train(subject, trial, resume=False, at=moment)[0] == -signal.SIGKILL
        code, _ = _train(subject, trial, resume=True)
        wrong = f"exit code {code}" if code else difference(scratch / "alone/runs", trial / "runs")
        if wrong:
            tally.bad.append(f"killed before {operations[moment]}: {wrong}")
    return tally


def _train_alone(subject: Subject, folder: Path) -> list[str]:
    code, operations = _train(subject, folder, resume=False)
    if code != ENDED:
        log = (folder / "log").read_text()
        raise SystemExit(f"{subject.words} cannot be trained: {log[-500:]}")
    return operations


def _train(
    subject: Subject, folder: Path, resume: bool, at: float | None = None
) -> tuple[int, list[str]]:
    """Train in a folder; the exit code, negative where a signal ended it, and file operations."""
    words = ["train", *subject.words, *(["--resume"] if resume else [])]
    if subject.timed:
        return _timed(words, folder, at), []
    return _run(words, folder, None if at is None else int(at))


def _run(words: list[str], folder: Path, at: int | None = None) -> tuple[int, list[str]]:
    """The command line in a fork, killed before its file operation number `at`."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 1
        try:
            code = _command(words, folder, at, writing)
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as answer:
        operations = answer.read().splitlines()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), operations


def _command(words: list[str], folder: Path, at: int | None, answer: int) -> int:
    os.chdir(folder)
    os.environ["VAELAB_CACHE"] = str(folder / "cache")
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    operations: list[str] = []

    def hook(event: str, details: tuple[Any, ...]) -> None:
        if event == "open":
            name, _, flags = details
            changing = bool(flags & (os.O_WRONLY | os.O_RDWR)) if isinstance(flags, int) else False
            if not changing or not isinstance(name, str | bytes):
                return
        elif event not in WRITES:
            return
        if len(operations) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        operations.append(f"{event} of {details[0]}")

    sys.addaudithook(hook)
    sys.argv = ["vaelab", *words]
    try:
        cli.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    else:
        code = 0
    sys.stdout.flush()
    with os.fdopen(answer, "w") as file:
        file.write("\n".join(operations))
    return code


def _timed(words: list[str], folder: Path, at: float | None) -> int:
    """The command line in processes of its own, any one of which is killed after some seconds."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "vaelab", *words], cwd=folder, stdout=log, stderr=log,
            env={**os.environ, "VAELAB_CACHE": str(folder / "cache")},
        )  # fmt: skip
        workers: list[int] = []
        if at is not None:
            time.sleep(at)
            workers = _children(process.pid)
            with _gone():
                os.kill(random.Random(at).choice([process.pid, *workers]), signal.SIGKILL)
        code = process.wait()
        while any(map(_runs, workers)):  # whose launcher was killed, they save and end
            time.sleep(0.1)
    return code if at is None or code == ENDED else -signal.SIGKILL


@contextmanager
def _gone() -> Iterator[None]:
    try:
        yield
    except ProcessLookupError:
        pass


def _children(parent: int) -> list[int]:
    try:
        return [int(n) for n in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    except OSError:
        return []


def _runs(process: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


def main() -> int:
    """Print the table; 0 where all trials were good."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=sorted(SUBJECTS))
    parser.add_argument("--saves", action="store_true")
    options = parser.parse_args()
    bad = 0
    tallies = trials(options.kills, options.seed, options.only)
    if options.saves:
        with tempfile.TemporaryDirectory(prefix="kills-") as scratch:
            tallies = iter([("between saves", between_saves(Path(scratch)))])
    for name, tally in tallies:
        good = tally.trials - len(tally.bad)
        print(f"{name}: {tally.kills} kills in {tally.trials} trials, {good} good", flush=True)
        for words in tally.bad:
            print(f"  {words}", flush=True)
        bad += len(tally.bad)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
