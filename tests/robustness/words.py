"""Nonsense in place of every argument of every command."""

import random
from collections.abc import Iterator
from itertools import product

from tests.robustness.bench import NONE, SHORT, Bench
from tests.robustness.trial import Trial

NONSENSE = [
    "", " ", ".", "..", "/", "//", "-", "--", "---", "-x", "--x=y", "=", "a=b", "x" * 255,
    "x" * 256, "x" * 5000, "a/" * 2000, "漢" * 86, "漢" * 400, "\udcff", "\udcff/\udcfe",
    "\x1b]0;x\x07",
    "a\nb", "a\tb", "\x7f", "\x9b31m", "\u202etxt", "\u2028", "/dev/null", "/dev/zero", "/dev/full",
    "/proc/self/mem", "/etc/passwd", "/etc/passwd/x", "/root/../etc", "~", "~nobody/x", "$HOME",
    "%s",
    "%n", "{}", "[red]x", "[/]", "[bold", ":smile:", "*", "?", "**", "nul", "con", "a:b", "C:\\x",
    "http://127.0.0.1:9/", "file:///etc/passwd", "s3://x/y", "0", "-1", "1e999", "nan", "9" * 5000,
    "runs/tiny", "runs", "pictures", "arrays.npz", "runs/tiny/config.yaml", "pipe",
]  # fmt: skip
"""Words that are no runs, no configs and no files, or others than are wanted."""
PATTERNS = [
    ("train", "@"), ("train", "digits", "@", *SHORT, NONE), ("train", "digits", "--runs", "@",
    *SHORT, NONE),
    ("train", "digits", "--devices", "@"), ("train", "digits", "task_name=@", *SHORT, NONE),
    ("fit-prior", "@"),
    ("fit-prior", "runs/tiny", "--name", "@", "--prior", "x"), ("fit-prior", "runs/tiny", "@"),
    ("quality", "@"), ("quality", "runs/tiny", "--images", "@"), ("reproduce", "@"),
    ("reproduce", "iwae", "--budget", "@"), ("trap", "@"), ("figures", "@"),
    ("figures", "runs/tiny", "@"), ("figures", "runs/tiny", "latent", "num=@"), ("evaluate", "@"),
    ("evaluate", "runs/tiny", "--samples", "@"), ("evaluate", "runs/tiny", "--split", "@"),
    ("compare", "@", "runs/tiny"), ("compare", "runs/tiny", "@", "--picture", "x.png"),
    ("doctor", "@"), ("doctor", "tiny", "--runs", "@"), ("describe", "@"),
    ("describe", "digits", "--picture", "@"), ("runs", "@"), ("encode", "@", "x.png"),
    ("encode", "runs/tiny", "@"), ("encode", "runs/tiny", "pictures/class0/0.png", "--out", "@"),
    ("reconstruct", "runs/tiny", "@"), ("sample", "@"), ("sample", "runs/tiny", "--label", "@"),
    ("sample", "runs/tiny", "--out", "@"), ("sample", "runs/tiny", "--num", "@"), ("kinds", "@"),
    ("kinds", "prior", "@"), ("config", "show", "@"), ("config", "translate", "@"),
    ("data", "show", "@"), ("data", "extract", "@", "x", "--split", "train"),
    ("data", "extract", "table.csv", "@", "--split", "train"), ("data", "shard", "digits", "@"),
    ("data", "show", "digits", "--picture", "@"), ("data", "fetch", "@"),
    ("explore", "@", "--port", "x"), ("export", "site", "@", "x"), ("export", "site", "runs/tiny",
    "@"),
    ("export", "site", "runs/tiny", "@", "--single-file"), ("sweep", "run", "@", "a=1,2"),
    ("sweep", "run", "digits", "@"), ("sweep", "resume", "@"), ("sweep", "status", "@"),
    ("sweep", "best", "@"), ("sweep", "run", "digits", "model.latent=@,@"), ("@",), ("data", "@"),
]  # fmt: skip


def trials(bench: Bench, draws: random.Random) -> Iterator[Trial]:
    """A third of the nonsense at every place."""
    for pattern, words in product(PATTERNS, NONSENSE):
        if draws.random() < 0.3:
            filled = tuple(one.replace("@", words) for one in pattern)
            yield Trial(f"{' '.join(pattern)} @={words[:30]!r}", filled, bench.run,
                        anywhere=words.startswith(("/", "..", "~")))  # fmt: skip
