"""Run the benchmarks: `python -m benchmarks [--quick] [--only NAME,...] [--rounds N]`."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import machine
from benchmarks.bench import Bench
from benchmarks.report import Result, absent, save, show

SECTIONS = {
    "commands": "commands",
    "loops": "against",
    "quality": "quality",
    "roofline": "roofline",
    "growth": "growth",
    "mapped": "mapped",
    "replicas": "replicas",
    "sweep": "sweep",
    "scaling": "scaling",
    "memory": "memory",
    "start-up": "startup",
    "stall": "stall",
    "bound": "bound",
    "crowded": "crowded",
    "watched": "watched",
}
"""Name of each section and its module, in the order they run."""
FAILED = "not measured"


def main() -> int:
    """Measure, print the table, write the JSON.

    Returns:
        0, or 1 where a section could not be measured.
    """
    options = _options()
    console = Console()
    facts = machine.facts()
    if facts["omp_num_threads"] != "not set":
        print("OMP_NUM_THREADS is set; it is not passed on to what is timed", file=sys.stderr)
    results: list[Result] = []
    failed = False
    columns = (TextColumn("{task.description}"), BarColumn(20), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory(prefix="benchmarks-") as folder,
        Progress(*columns, TextColumn("{task.fields[what]}"), console=Console(stderr=True),
                 transient=True) as progress,
    ):  # fmt: skip
        os.environ["VAELAB_CACHE"] = str(Path(folder) / "cache")  # the user's is left alone
        task = progress.add_task("benchmarks", total=len(options.only), what="")
        bench = Bench(
            options.quick, options.rounds, Path(folder),
            lambda what: progress.update(task, what=what),
        )  # fmt: skip
        try:
            for name in options.only:
                progress.update(task, description=name)
                begun = perf_counter()
                result = _measured(name, bench)
                results.append(replace(result, seconds=perf_counter() - begun))
                progress.advance(task)
        except KeyboardInterrupt:
            failed = True
            progress.console.print("stopped; here is what was measured until then")
    failed |= any(result.explanation == FAILED for result in results)
    show(results, facts, console)
    asked = {"quick": options.quick, "rounds": options.rounds, "only": options.only}
    save(options.json, results, facts, asked)
    console.print(f"written to {options.json}", markup=False, highlight=False)
    return int(failed)


def _measured(name: str, bench: Bench) -> Result:
    """A section's result; what goes wrong in one does not lose the others."""
    try:
        measure = cast(
            Callable[[Bench], Result], import_module(f"benchmarks.{SECTIONS[name]}").measure
        )
        return measure(bench)
    except Exception as error:
        return Result(name, FAILED, [absent(name, f"{type(error).__name__}: {error}")])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Ratios between vaelab, a plain PyTorch loop and the seed's program, each "
        "in a process of its own, measured in turn. VAELAB_MNIST names the folder of MNIST's four "
        "IDX files.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="short blocks and fewer cases: three minutes"
    )
    parser.add_argument(
        "--only", type=_names, default=list(SECTIONS), metavar="NAME,...",
        help=f"some sections, of {', '.join(SECTIONS)}",
    )  # fmt: skip
    parser.add_argument(
        "--rounds", type=_positive, default=None, help="of every comparison; 5, or 3 with --quick"
    )
    parser.add_argument(
        "--json", type=Path, default=Path("benchmarks/results.json"), metavar="PATH",
        help="where the numbers are written (default %(default)s)",
    )  # fmt: skip
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 5)
    return options


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in SECTIONS:
            raise argparse.ArgumentTypeError(
                f"there is no section `{name}`; there are {', '.join(SECTIONS)}"
            )
    return [name for name in SECTIONS if name in names]


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} rounds; at least 1 is needed")
    return number


if __name__ == "__main__":
    sys.exit(main())
