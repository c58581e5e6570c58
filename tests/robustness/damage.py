"""Runs, bundles and sweeps of somebody else, or of a disk that has lost something."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.robustness.bench import (
    NONE,
    Bench,
    Way,
    bomb_npz,
    changed_header,
    changed_json,
    texts,
    ways,
)
from tests.robustness.trial import Trial

RUN = Path("runs/tiny")
RESUME = ("train", "runs/tiny", "--resume", "training.epochs=3", NONE)
COMMANDS = {
    "config.yaml": [("runs",), ("figures", "runs/tiny", "latent"), ("config", "show", "runs/tiny")],
    "weights.safetensors": [("doctor", "runs/tiny"), ("sample", "runs/tiny"),
                            ("evaluate", "runs/tiny", "--samples", "2"), RESUME],
    "resume.safetensors": [RESUME, ("export", "site", "runs/tiny", "site")],
    "metrics.jsonl": [("runs",), ("doctor", "runs/tiny"), RESUME,
                      ("figures", "runs/tiny", "curves")],
    "evaluation.json": [("runs",), ("compare", "runs/tiny", "runs/other")],
    "environment.json": [RESUME],
    "quality_pixels.json": [("doctor", "runs/tiny"), ("runs",)],
    "pca.npz": [("figures", "runs/tiny", "latent"), RESUME],
    "identity.json": [(*RESUME, "training.loggers=[tensorboard]")],
    ".writer.json": [("runs",), RESUME],
    ".lock": [RESUME],
    "output/latent.npz": [("figures", "runs/tiny", "latent")],
    "output/latent_epoch_1.npz": [("figures", "runs/tiny", "latent"), RESUME],
    "output/latent.png": [("figures", "runs/tiny", "latent")],
    "explorer/manifest.json": [("export", "site", "runs/tiny", "site"), RESUME],
    "explorer/labels.u8": [("export", "site", "runs/tiny", "site")],
    "explorer/thumbs.png": [("export", "site", "runs/tiny", "site.html", "--single-file")],
    "explorer/codes/0001.i16": [("export", "site", "runs/tiny", "site")],
    "explorer/weights/0001.f16": [("export", "site", "runs/tiny", "site")],
}  # fmt: skip
SWEEP = {"sweep.yaml": [("sweep", "status", "runs/digits_sweep"),
                        ("sweep", "best", "runs/digits_sweep")],
         "journal.log": [("sweep", "status", "runs/digits_sweep"),
                         ("sweep", "best", "runs/digits_sweep")]}  # fmt: skip


def trials(bench: Bench, draws: random.Random) -> Iterator[Trial]:
    """Every file of a run and of a sweep damaged in every way."""
    for name, commands in COMMANDS.items():
        some = [*ways(draws), *(texts(draws) if name.endswith((".json", ".jsonl")) else ())]
        for what, way in [*some, *_special(name)]:
            for words in commands:
                yield _trial(bench, f"runs/tiny/{name}", what, way, words)
    for name, commands in SWEEP.items():
        for what, way in [*ways(draws), *texts(draws), *_special(name)]:
            for words in commands:
                yield _trial(bench, f"runs/digits_sweep/{name}", what, way, words)
    yield from _folders(bench)


def _trial(bench: Bench, name: str, what: str, way: Way, words: tuple[str, ...]) -> Trial:
    def make(folder: Path) -> None:
        bench.run(folder)
        if "runs/other" in words:
            shutil.copytree(folder / RUN, folder / "runs/other")
        path = folder / name
        if not path.exists():
            path.write_text("{}\n")
        way(path)

    return Trial(f"{name} {what}: {' '.join(words[:3])}", words, make)


def _special(name: str) -> Iterator[tuple[str, Way]]:
    """What only a program that knows the file would write into it."""
    if name.endswith(".safetensors"):
        for key, value in [
            ("classes", 5), ("classes", ["a"] * 3), ("classes", [1, None]), ("image_shape", [8, 8]),
            ("image_shape", [1, 10**6, 10**6]), ("image_shape", "x"), ("image_shape", [1, -8, 8]),
            ("step", "x"), ("step", -1), ("step", 10**30), ("epoch", None), ("epoch", [1]),
            ("epoch", 1e308), ("progress", {"step": "x"}), ("progress", None), ("progress", {}),
            ("sizes", "x"), ("sizes", [-1] * 5), ("progress", {"step": 1, "batch": 10**9}),
            ("progress", {"watched": "xyz"}), ("progress", {"epoch": -5, "watched": [None]}),
        ]:  # fmt: skip
            yield (
                f"{key} is {str(value)[:30]}",
                partial(changed_header, change=partial(_put, key=key, value=value)),
            )
        yield "no keys", partial(changed_header, change=lambda about: about.clear())
        yield "NaN weights", _nan_weights
    if name == "metrics.jsonl":
        whole = {"step": 1, "epoch": 1, "split": "valid", "distortion_nats": 1.0,
                 "rate_nats": 1.0, "elbo_nats": -2.0}  # fmt: skip
        for key, value in [("step", "x"), ("step", -1), ("step", 10**400), ("epoch", "x"),
                           ("epoch", 1e308), ("epoch", None), ("split", []), ("split", "other"),
                           ("split", "\x1b]0;x"), ("elbo_nats", None), ("elbo_nats", "x"),
                           ("elbo_nats", float("nan")), ("rate_nats", float("inf")),
                           ("rate_z1_nats", [1]), ("beta", "x"), ("\x1b[31m", 1.0)]:  # fmt: skip
            row = json.dumps({**whole, key: value})
            yield f"a row whose {key} is {str(value)[:20]!r}", partial(_append, text=row + "\n")
        for key in whole:
            row = json.dumps({name: value for name, value in whole.items() if name != key})
            yield f"a row without {key}", partial(_append, text=row + "\n")
    if name in {"evaluation.json", "quality_pixels.json"}:
        for key, value in [("run", "\x1b]0;x\x07"), ("run", 5), ("numbers", {"elbo_nats": {}}),
                           ("images", "many"), ("measure", "x"), ("data_checksum", 5),
                           ("conditional", None), ("split", ["test"]), ("likelihood", {}),
                           ("numbers", {}), ("epoch", None), ("pixels", [1])]:  # fmt: skip
            change = partial(_put, key=key, value=value)
            yield f"{key} is {value!r}", partial(changed_json, change=change)
    if name == "environment.json":
        for value in (5, None, ["x"], "\x1b[31m", {"a": 1}):
            change = partial(_put, key="data_checksum", value=value)
            yield f"data_checksum is {value!r}", partial(changed_json, change=change)
    if name == "explorer/manifest.json":
        yield from _manifests()
    if name.endswith(".npz"):
        names = ("mean", "components", "explained", "points", "labels", "window", "words")
        for count in (2**28, 2**30):
            yield f"a bomb of {count}", partial(bomb_npz, names=names[:3], count=count)
        yield "a bomb of all", partial(bomb_npz, names=names, count=2**27)
        yield "other arrays", partial(bomb_npz, names=names, count=2**20)
        yield "none of the arrays", partial(bomb_npz, names=("x",), count=2**20)
    if name == "explorer/thumbs.png":
        yield "text", lambda path: path.write_text("secret")
    if name == "sweep.yaml":
        for text in ("settings: 5", "trials: -5", "trials: 100000000000", "search: x", "swept: []",
                     "swept: ['model.latent=1..2']", "settings: {task_name: '../x'}",
                     "swept: ['training.seed=0..1']", "settings: {data: {kind: x}}"):  # fmt: skip
            yield f"says {text}", partial(_append, text=f"\n{text}\n", replace=True)
    if name == "journal.log":
        for text in ('{"op_code": 99}', '{"op_code": 4, "worker_id": "x"}', "[]", "5",
                     '{"op_code": 8, "worker_id": "x", "trial_id": 0, "user_attr": {"terms": 5}}',
                     '{"op_code": 8, "worker_id": "x", "trial_id": 0, "user_attr": {"run": 5}}',
                     '{"op_code": 8, "worker_id": "x", "trial_id": 0, "user_attr": '
                     '{"run": "\\u001b]0;x"}}',
                     '{"op_code": 8, "worker_id": "x", "trial_id": 0, "user_attr": {"seed": "x"}}',
                     '{"op_code": 8, "worker_id": "x", "trial_id": 0, "user_attr": '
                     '{"run": "../../../secret"}}'):  # fmt: skip
            yield f"a line {text}", partial(_append, text=text + "\n")


def _manifests() -> Iterator[tuple[str, Way]]:
    for place, value in [
        (("steps", 0, "index"), "../../../../pwned"), (("steps", 0, "index"), 10_000),
        (("steps", 0, "index"), -1), (("steps", 0, "index"), 1.5), (("steps", 0, "index"), True),
        (("steps", 0, "index"), "0001"), (("steps", 0), 5), (("steps",), {}), (("steps",), []),
        (("steps", 0, "step"), "x"), (("steps", 0, "epoch"), "x"), (("steps", 0, "scale"), "x"),
        (("steps", 0, "loc_unit"), None), (("images",), []), (("images", "count"), "x"),
        (("images", "count"), -5), (("images", "count"), 10**15), (("images", "columns"), 0),
        (("latent",), "x"), (("latent",), -2), (("latent",), 10**12), (("weights",), 10**15),
        (("weights",), -1), (("unsupported",), "\x1b[31mx"), (("unsupported",), 5),
        (("data",), None), (("data", "shape"), [1, 8]), (("data", "shape"), "abc"),
        (("data", "shape"), [1, 10**9, 10**9]), (("data", "classes"), 5),
        (("data", "classes"), [5]), (("encoder",), None), (("encoder",), []),
        (("encoder", "ops"), 5), (("encoder", "ops", 0), 5), (("encoder", "ops", 0, "op"), "rm"),
        (("encoder", "ops", 0, "in"), [10**9]), (("encoder", "ops", 0, "shape"), ["x"]),
        (("encoder", "ops", 0, "weight"), [0, 10**12]), (("encoder", "inputs"), [5]),
        (("decoder", "ops", 0, "out"), "x"), (("version",), 99), (("version",), [1]),
        (("format",), None), (("metrics",), 5), (("golden",), []), (("run",), 5),
    ]:  # fmt: skip
        change = partial(put_at, place=place, value=value)
        yield f"{place} is {str(value)[:30]}", partial(changed_json, change=change)


def _put(about: dict[str, object], key: str, value: object) -> None:
    about[key] = value


def put_at(content: Any, place: tuple[str | int, ...], value: object) -> None:
    for key in place[:-1]:
        content = content[key]
    content[place[-1]] = value


def _append(path: Path, text: str, replace: bool = False) -> None:
    before = path.read_text()
    if replace:
        key = text.strip().partition(":")[0]
        lines = before.splitlines(keepends=True)
        first = next(n for n, line in enumerate(lines) if line.startswith(f"{key}:"))
        last = next(
            (n for n in range(first + 1, len(lines)) if lines[n][0] not in " -"), len(lines)
        )
        before = "".join([*lines[:first], *lines[last:]])
    path.write_text(before + text)


def _nan_weights(path: Path) -> None:
    """The last tensor's numbers are all NaN, and no checksum says that they were others."""
    changed_header(path, lambda about: None)
    content = path.read_bytes()
    path.write_bytes(content[:-64] + b"\xff\xff\xff\x7f" * 16)


def _folders(bench: Bench) -> Iterator[Trial]:
    """Folders that are links, cannot be read, or are something else."""

    def linked(name: str) -> Callable[[Path], None]:
        def make(folder: Path) -> None:
            bench.run(folder)
            (folder / RUN / name).rename(folder.parent / "home" / "elsewhere")
            (folder / RUN / name).symlink_to(folder.parent / "home" / "elsewhere")

        return make

    def private(name: str) -> Callable[[Path], None]:
        def make(folder: Path) -> None:
            bench.run(folder)
            shutil.copytree(folder / RUN, folder / "runs/other")
            (folder / RUN / name).chmod(0)

        return make

    for name in ("explorer", "explorer/codes", "explorer/weights", "output"):
        for words in (("export", "site", "runs/tiny", "site"), ("figures", "runs/tiny", "latent"),
                      RESUME, ("runs",)):  # fmt: skip
            yield Trial(f"{name} is a link: {' '.join(words[:2])}", words, linked(name))
    for name in ("", "config.yaml", "weights.safetensors", "metrics.jsonl", "evaluation.json",
                 "explorer", "output", "pca.npz"):  # fmt: skip
        for words in (
            ("runs",),
            ("doctor", "runs/tiny"),
            ("figures", "runs/tiny", "latent"),
            ("export", "site", "runs/tiny", "site"),
            ("config", "show", "runs/tiny"),
        ):
            yield Trial(f"{name or 'the run'} cannot be read: {' '.join(words[:2])}", words,
                        private(name))  # fmt: skip
