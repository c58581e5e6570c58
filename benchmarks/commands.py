"""Whole commands, from Enter to the prompt: what a user waits for."""

import subprocess
import sys
import urllib.request
from collections.abc import Callable, Sequence
from functools import partial
from http.cookiejar import CookieJar
from math import ceil
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from benchmarks.bench import Bench
from benchmarks.images import Images
from benchmarks.processes import ROOT, run_process
from benchmarks.report import Result, Row
from benchmarks.seed_files import write_pngs
from benchmarks.timing import Rounds, Side, Spread, timed

IMPORT = "import torch"
BATCH_SIZE = 64
"""Of the shipped configs, and of the seed's."""
TRAINED = 55_000
"""Of MNIST's images; the shipped configs hold the others back for validation."""
QUICK = 4_000


def measure(bench: Bench) -> Result:
    """Small commands against `import torch`; trainings against their steps and other programs."""
    rows = _small(bench)
    for name in ("simple",) if bench.quick else ("simple", "vae_kl"):
        rows += _trainings(bench, name, 1)
    if not bench.quick:
        rows += _trainings(bench, "vae_kl", 10)
    return Result(
        "commands",
        "wall time of whole commands, files warm, all pictures drawn as shipped. Steps: of the "
        "training loop alone, each as in `loops`, times their number. Seed: its loop as a whole "
        "program, PNG files opened one by one, its scatter of the test images after each epoch; "
        "extracting them from the CSV is left out. Plain: a script with float images in memory, nn "
        "layers, torch.optim.Adam, the same scatter. Cold: with an empty cache, so that the data "
        f"set is read from its source. Ten epochs: one round. Images: {bench.train.name}.",
        rows,
    )


def _small(bench: Bench) -> list[Row]:
    folder = Path(bench.place("commands"))
    run_process(["-m", "vaelab", "demo", "--runs", folder])
    run = folder / "demo"
    digits = ["train", "digits", "training.epochs=1", "--overwrite", "--runs", folder]
    sides = [
        Side(IMPORT, _process("-c", IMPORT)),
        Side("--help", _vaelab("--help")),
        Side("runs", _vaelab("runs", folder)),
        Side("train digits training.epochs=1", _vaelab(*digits)),
        Side("demo", _vaelab("demo", "--runs", folder)),
        Side("evaluate runs/demo", _vaelab("evaluate", run)),
        Side("figures runs/demo", _vaelab("figures", run)),
        Side("explore runs/demo, until its page is served", partial(timed, partial(_served, run))),
    ]
    rounds = bench.compare("commands", sides, rounds=bench.few_rounds, warm=not bench.quick)
    return [_row(rounds, side.name, IMPORT) for side in sides[1:]]


def _trainings(bench: Bench, name: str, epochs: int) -> list[Row]:
    images = bench.train.first(QUICK if bench.quick else TRAINED)
    steps = epochs * ceil(len(images) / BATCH_SIZE)
    data, folder = bench.file(images), bench.place("commands")
    pngs, tests = _pngs(bench, "train", images), _pngs(bench, "test", bench.test)
    source = _archive(bench, images)
    options = [
        "data.kind=npz", f"data.path={source}", "data.pixels=signed", f"training.epochs={epochs}",
    ]  # fmt: skip
    ours = ["train", name, *options, "--overwrite", "--runs", folder]
    seed = ["benchmarks.seed_loop", name, pngs, tests, epochs, folder]
    plain = ["benchmarks.plain_loop", name, data, bench.file(bench.test), epochs, folder]
    with bench.sides() as started:
        own = {"config": name, "overrides": [], "data": data, "folder": bench.place("runs")}
        sides = [
            Side(IMPORT, _process("-c", IMPORT)),
            started.start("step", "ours", own),
            Side("ours", _vaelab(*ours)),
            Side("plain", _process("-m", *plain)),
            Side("seed", _process("-m", *seed)),
        ]
        if epochs == 1:
            sides.append(Side("ours, cold", partial(timed, partial(_cold, ours))))
        once = bench.quick or epochs > 1
        rounds = bench.compare(
            f"{name}, {epochs} epochs", sides, rounds=1 if once else bench.few_rounds, warm=False
        )
    subject = f"train {name} training.epochs={epochs}"
    alone = [steps * step for step in rounds.seconds["step"]]
    bound = [step + start for step, start in zip(alone, rounds.seconds[IMPORT], strict=True)]
    whole = rounds.seconds["ours"]
    rows = [
        Row(
            subject,
            f"whole command / its {steps:,} steps and import torch",
            Spread.over(one / least for one, least in zip(whole, bound, strict=True)),
            f"{rounds.milliseconds('ours') / 1e3:.1f} / {np.median(bound):.1f} s",
            {"s": rounds.milliseconds("ours") / 1e3, "steps_s": float(np.median(alone))},
        )
    ]
    rows += [_row(rounds, other, "ours", subject) for other in ("seed", "plain")]
    return rows + ([_row(rounds, "ours, cold", "ours", subject)] if epochs == 1 else [])


def _row(rounds: Rounds, above: str, below: str, subject: str = "") -> Row:
    seconds = [rounds.milliseconds(name) / 1e3 for name in (above, below)]
    return Row(
        subject or f"vaelab {above}",
        f"whole program, {above if subject else 'command'} / {below}",
        rounds.ratio(above, below),
        f"{seconds[0]:.2f} / {seconds[1]:.2f} s",
        {"above_s": seconds[0], "below_s": seconds[1]},
    )


def _process(*words: object) -> Callable[[], float]:
    return partial(timed, partial(run_process, words))


def _vaelab(*words: object) -> Callable[[], float]:
    return _process("-m", "vaelab", *words)


def _cold(words: Sequence[object]) -> None:
    """A command with an empty cache."""
    run_process(["-m", "vaelab", *words], {"VAELAB_CACHE": mkdtemp(prefix="benchmarks-")})


def _served(run: Path) -> None:
    """Start the explorer, wait for its page, end it."""
    words = [sys.executable, "-m", "vaelab", "explore", str(run), "--no-browser"]
    cookies = urllib.request.HTTPCookieProcessor(CookieJar())
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            for line in server.stdout or ():
                address = next((word for word in line.split() if word.startswith("http://")), None)
                if address is not None:
                    with urllib.request.build_opener(cookies).open(address) as page:
                        page.read()
                    return
            raise RuntimeError("`vaelab explore` has printed no address")
        finally:
            server.terminate()


def _pngs(bench: Bench, name: str, images: Images) -> Path:
    folder = bench.folder / "png" / f"{name}-{len(images)}"
    if not folder.is_dir():
        bench.say(f"writing {len(images):,} PNG files")
        write_pngs(folder, images)
    return folder


def _archive(bench: Bench, images: Images) -> Path:
    """The images as a user has them, in one file."""
    path = bench.folder / f"commands-{len(images)}.npz"
    if not path.is_file():
        np.savez(
            path, x_train=images.pixels[:, 0], y_train=images.labels,
            x_test=bench.test.pixels[:, 0], y_test=bench.test.labels,
        )  # fmt: skip
    return path
