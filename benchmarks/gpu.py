"""vaelab on a GPU: `python -m benchmarks.gpu`. What it computes is checked first, then timed.

Every part is a process of its own, so that one that crashes, hangs or spoils the device ends
nothing else. Its rows are kept as it goes, and the JSON is written after each part. What the time
does not allow is dropped, and said. `--device cpu --quick` tries the script where there is no GPU.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from rich.console import Console

from benchmarks import gpu_checks, gpu_speed, machine
from benchmarks.gpu_lab import WRONG, Lab, Work
from benchmarks.processes import ROOT, run_process
from benchmarks.report import Result, Row, absent, save, show
from benchmarks.timing import Spread

BUDGET = 470.0
"""Seconds of all parts: eight minutes less the table."""
GRACE = 10.0
"""Seconds that a part has to finish what it is at, before it is killed."""


SLOWER = 4
"""Times as long may a part take on a CPU."""


@dataclass(frozen=True)
class Part:
    """Some comparisons, how to read them, and the seconds after which the rest is dropped."""

    works: Callable[[Lab], Iterator[Work]]
    seconds: float
    explanation: str


PARTS = {
    "right": Part(gpu_checks.works, 100, gpu_checks.EXPLANATION),
    "tests": Part(gpu_checks.tests, 150, "the tests marked `gpu`, and pytest's closing line."),
    "epochs": Part(gpu_speed.epochs, 190, gpu_speed.EPOCHS),
    "replicas": Part(gpu_speed.many, 90, gpu_speed.MANY),
    "resnet": Part(gpu_speed.resnet, 60, gpu_speed.RESNET),
    "bound": Part(gpu_speed.bound, 40, gpu_speed.BOUND),
    "training": Part(gpu_speed.training, 40, gpu_speed.TRAINING),
    "compile": Part(gpu_speed.compiled, 120, gpu_speed.COMPILED),
}
"""In the order they run: what comes last is what a short budget drops."""


def main() -> int:
    """Run the parts, print the table, write the JSON.

    Returns:
        0, or 1 where something is wrong or could not be measured.
    """
    options = _options()
    if options.part:
        _child(options)
        return 0
    begun, results, facts = monotonic(), list[Result](), _facts(options.device)
    console, asked = Console(), {"device": options.device, "quick": options.quick}
    with suppress(KeyboardInterrupt):
        for name in options.only:
            left = begun + options.seconds - monotonic()
            print(f"{name} ...", file=sys.stderr, flush=True)
            results.append(_part(name, left, options))
            save(options.json, results, facts, asked)
    show(results, facts, console)
    console.print(f"written to {options.json}", markup=False, highlight=False)
    rows = [row for result in results for row in result.rows]
    failed = any(row.ratio_of == "not measured" or WRONG in row.beside for row in rows)
    return int(failed or len(results) < len(options.only))


def _part(name: str, left: float, options: argparse.Namespace) -> Result:
    """A part in a process of its own, which is killed where it overruns."""
    part, begun, why = PARTS[name], monotonic(), None
    allowed = part.seconds * (1 if options.device == "cuda" else SLOWER)
    seconds = min(allowed, left - GRACE)
    if seconds <= 0:
        why = f"the {options.seconds:.0f} s of all parts were spent"
        return Result(name, part.explanation, [Row(name, "dropped", None, why)])
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        path = Path(folder) / "rows"
        words = ["--device", options.device, *(["--quick"] if options.quick else [])]
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.gpu", *words, "--part", name,
             "--seconds", str(seconds), "--json", str(path)], cwd=ROOT, stdout=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": folder, "VAELAB_CACHE": str(Path(folder) / "cache")},
            start_new_session=True,
        )  # fmt: skip
        try:
            if code := child.wait(seconds + GRACE):
                why = f"its process ended with code {code}; its last words are above"
        except subprocess.TimeoutExpired:
            why = f"its process was killed after {seconds + GRACE:.0f} s"
        finally:
            with suppress(ProcessLookupError):  # with it whatever it has started
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
    rows = [_row(json.loads(line)) for line in text.split("\n")[:-1]]  # the last is not whole
    return Result(
        name, part.explanation, [*rows, *([absent(name, why)] if why else [])], monotonic() - begun
    )


def _row(fields: dict[str, Any]) -> Row:
    ratio = fields.pop("ratio")
    return Row(**fields, ratio=None if ratio is None else Spread(**ratio))


def _child(options: argparse.Namespace) -> None:
    """Do the comparisons of one part, and write each row as soon as there is one."""
    end = monotonic() + options.seconds
    with (
        tempfile.TemporaryDirectory(prefix="benchmarks-") as folder,
        options.json.open("w", encoding="utf-8") as file,
    ):
        lab = Lab(torch.device(options.device), options.quick, Path(folder))
        for subject, work in PARTS[options.part].works(lab):
            print(f"  {subject}", file=sys.stderr, flush=True)
            try:
                late = Row(subject, "dropped", None, f"its {options.seconds:.0f} s were spent")
                rows = list(work(max(0.0, end - monotonic()))) if monotonic() < end else [late]
            except Exception as error:
                words = " ".join(f"{type(error).__name__}: {error}".split())
                rows = [absent(subject, words[:500])]
            for row in rows:
                print(json.dumps(asdict(row)), file=file, flush=True)
            lab.clear()


def _facts(device: str) -> dict[str, Any]:
    """Of the machine and its card, which a process of its own asks: some let in one at a time."""
    card = json.loads(run_process(["-m", "benchmarks.gpu_lab"])) if device == "cuda" else {}
    return machine.facts() | {"device": device} | card


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description="Checks, and then times, vaelab on an NVIDIA GPU, within eight minutes. "
        "VAELAB_MNIST names the folder of MNIST's four IDX files; else images are made up.",
    )
    add = parser.add_argument
    add("--device", choices=["cuda", "cpu"], default="cuda", help="cpu: try the script itself")
    add("--quick", action="store_true", help="tiny sizes, to try the script")
    add("--only", type=_names, default=list(PARTS), metavar="NAME,...", help=", ".join(PARTS))
    add("--seconds", type=float, default=BUDGET, help="of all parts (default %(default)g)")
    add("--json", type=Path, default=Path("benchmarks/gpu.json"), metavar="PATH",
        help="where the numbers are written (default %(default)s)")  # fmt: skip
    add("--part", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("PyTorch finds no NVIDIA GPU here; --device cpu --quick tries the script")
    return options


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        raise argparse.ArgumentTypeError(
            f"there is no part `{unknown[0]}`; there are {', '.join(PARTS)}"
        )
    return [name for name in PARTS if name in names]


if __name__ == "__main__":
    sys.exit(main())
