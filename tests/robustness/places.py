"""Terminals, encodings, folders, limits and variables that are not as usual."""

import os
import random
import resource
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.robustness.bench import NONE, PICTURES, SHORT, Bench
from tests.robustness.trial import Trial, nothing

COMMANDS = {
    "runs": ("runs",), "show": ("config", "show", "digits"), "kinds": ("kinds", "prior"),
    "evaluate": ("evaluate", "runs/tiny", "--samples", "2"),
    "figures": ("figures", "runs/tiny", "latent"), "doctor": ("doctor", "runs/tiny"),
    "train": ("train", "digits", *SHORT, NONE), "data": ("data", "show", "digits"),
    "quality": ("quality", "runs/tiny", "--features", "pixels", "--images", "50"),
    "export": ("export", "site", "runs/tiny", "site"), "sample": ("sample", "runs/tiny"),
    "help": ("--help",), "wrong": ("evaluate", "nowhere"), "use": ("trian",),
    "draw": ("train", "digits", *SHORT, PICTURES), "sweep": ("sweep", "status",
    "runs/digits_sweep"),
}  # fmt: skip
BOTH, FAILED = frozenset({0, 2}), frozenset({0, 1, 2})
LINE = 600
"""Characters of a line that says what is wrong."""
STRANGE = "a\udcff\udcfeb"
ESCAPE = "a\x1b]0;pwned\x07b"


def trials(bench: Bench, draws: random.Random) -> Iterator[Trial]:
    """Each place with the commands that it may matter to."""

    def several(
        what: str,
        names: str,
        inside: Callable[[], object] = nothing,
        environment: Mapping[str, str | None] | None = None,
        codes: frozenset[int] = BOTH,
        encoding: str = "utf-8",
        make: Callable[[Path], object] = bench.run,
        quiet: int = LINE,
    ) -> Iterator[Trial]:
        for name in names.split():
            yield Trial(f"{what}: {name}", COMMANDS[name], make, inside, environment or {},
                        encoding, codes, quiet)  # fmt: skip

    for encoding in ("latin-1", "cp1252", "ascii"):
        names = "runs kinds evaluate doctor train quality data help sweep use"
        yield from several(f"a terminal in {encoding}", names, encoding=encoding, quiet=2000)
    for columns in ("1", "0", "-5", "20", "99999999", "9" * 30, "x", ""):
        yield from several(f"COLUMNS={columns[:10]}", "runs evaluate help use",
                           environment={"COLUMNS": columns}, quiet=4000)  # fmt: skip
    for name, value in (("LINES", "0"), ("LINES", "x"), ("TERM", None), ("TERM", "x"), ("TZ",
        "x/y"),
                        ("NO_COLOR", "1"), ("FORCE_COLOR", ""), ("LANG", "x"), ("LC_ALL", "tr_TR"),
                        ("PATH", ""), ("MPLBACKEND", "nonsense"), ("MPLCONFIGDIR", "/nowhere"),
                        ("OMP_NUM_THREADS", "x"), ("VAELAB_MNIST", "/nowhere"),
                        ("RANK", "x"), ("WORLD_SIZE", "2"), ("PYTHONHASHSEED", "0")):  # fmt: skip
        yield from several(f"{name}={value}", "figures train", environment={name: value})
    yield from several("no home", "runs train figures data", environment={"HOME": None})
    for what, home in (("home is a file", "{folder}/secret"), ("home is gone", "/nowhere"),
                       ("home cannot be written", "/proc"), ("home is empty", "")):  # fmt: skip
        variables = {"HOME": home, "VAELAB_CACHE": None}
        yield from several(what, "figures train data evaluate", environment=variables)
    for what, cache in (("cache is a file", "{folder}/secret"), ("cache is /proc", "/proc/x"),
                        ("cache is /dev/null", "/dev/null")):  # fmt: skip
        yield from several(what, "train data figures", environment={"VAELAB_CACHE": cache})
    for what, tmp in (("no TMPDIR", "/nowhere"), ("TMPDIR is a file", "{folder}/secret")):
        yield from several(what, "train figures export data", environment={"TMPDIR": tmp})
    for count in (16, 24, 64):
        yield from several(f"{count} descriptors", "runs evaluate figures train sweep",
            codes=FAILED,
                           inside=lambda count=count: _limit(resource.RLIMIT_NOFILE,
                           count))  # fmt: skip
    yield from several("no file over 4 kB", "train figures export data",
                       lambda: _limit(resource.RLIMIT_FSIZE, 4096))  # fmt: skip
    yield from several("no more processes", "evaluate figures draw", _no_processes)
    full = frozenset({1})
    yield from several("stdout is full", "runs show evaluate train help kinds quality",
                       lambda: _onto(1, "/dev/full"), codes=full)  # fmt: skip
    yield from several(
        "stdout is closed", "runs show evaluate train", lambda: os.close(1), codes=full
    )
    yield from several("nobody reads stdout", "runs show evaluate train", _broken, codes=full)
    yield from several("stderr is full", "runs wrong use train", lambda: _onto(2, "/dev/full"))
    yield from several("stderr is closed", "runs wrong use train", lambda: os.close(2))
    yield from several("stdin is closed", "runs train", lambda: os.close(0))
    yield from several("all are closed", "runs train", lambda: [os.close(n) for n in range(3)],
                       codes=FAILED)  # fmt: skip
    yield from several("the folder is gone", "runs show train data", _gone)
    yield from several("the folder cannot be written", "train data export sample evaluate figures",
                       lambda: os.chmod(".", 0o500))  # fmt: skip
    yield from several("the run cannot be written", "evaluate figures quality doctor runs export",
                       lambda: _read_only(Path("runs/tiny")))  # fmt: skip
    for umask in (0, 0o777, 0o277):
        yield from several(f"umask {umask:o}", "train figures export",
                           lambda umask=umask: os.umask(umask))  # fmt: skip
    for what, name in (("not in UTF-8", STRANGE), ("of escapes", ESCAPE), ("of markup",
        "[red]a[bold"),
                       ("of emoji", ":smile:"), ("wide", "漢" * 60), ("long",
                       "a" * 240)):  # fmt: skip
        yield from _named(bench, what, name)


def _named(bench: Bench, what: str, name: str) -> Iterator[Trial]:
    """A run, a class and files of that name."""

    def run(folder: Path) -> None:
        bench.run(folder)
        (folder / "runs/tiny").rename(folder / "runs" / name)

    def pictures(folder: Path) -> None:
        bench.run(folder)
        (folder / "pictures/class0").rename(folder / "pictures" / name)

    for words in (("runs",), ("doctor", f"runs/{name}"), ("evaluate", f"runs/{name}", "--samples",
        "2"),
                  ("figures", f"runs/{name}", "latent"), ("export", "site", f"runs/{name}", "site"),
                  ("train", f"runs/{name}", "--resume", "training.epochs=3", NONE),
                  ("sample", f"runs/{name}", "--out", f"{name[:60]}.png"),
                  ("config", "show", f"runs/{name}"), ("compare", f"runs/{name}", f"runs/{name}"),
                  ("sample", name), ("fit-prior", f"runs/{name}",
                  "prior_fit.epochs=1")):  # fmt: skip
        yield Trial(f"a run's name is {what}: {words[0]}", words, run, quiet=LINE + 2 * len(name))
    data = ("data={kind: images, path: pictures}",)
    for words in (("data", "show", "digits", *data), ("data", "shard", "digits", "out", *data),
                  ("train", "digits", *data, *SHORT[:2], "data.validation=4", PICTURES,
                   "model.latent=2"),
                  ("data", "show", "digits", f"data={{kind: images, path: '{name}'}}"),
                  ("train", "digits", f"task_name={name}", *SHORT, NONE)):  # fmt: skip
        yield Trial(f"a class's name is {what}: {' '.join(words[:2])}", words, pictures,
                    quiet=LINE + 2 * len(name))  # fmt: skip


def _limit(what: int, count: int) -> None:
    resource.setrlimit(what, (count, count))


def _no_processes() -> None:
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))


def _onto(number: int, path: str) -> None:
    opened = os.open(path, os.O_WRONLY)
    os.dup2(opened, number)
    os.close(opened)


def _broken() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.dup2(writing, 1)
    os.close(writing)


def _gone() -> None:
    shutil.rmtree(os.getcwd())


def _read_only(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
