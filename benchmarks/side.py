"""One side of a comparison, in a process of its own that takes orders.

Run as `python -m benchmarks.side KIND SETTINGS`, the settings of its kind as JSON. It says
`{}` when it is ready; to each line `run COUNT` it does so many units of its work and answers
`{"seconds": seconds per unit, "threads": N}`; it ends with its input. While it waits for a line it
uses no processor, and what one side does to its process (the allocator, the garbage collector, the
number of threads) is nothing to another.
"""

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import IO

from benchmarks.prepare import prepare

KINDS = {
    "ours": ("ours", "steps"),
    "mapped": ("ours", "mapped_steps"),
    "picture": ("ours", "pictures"),
    "bound": ("ours", "bounds"),
    "plain": ("plain_loop", "steps"),
    "plain plots": ("plain_loop", "plots"),
    "reading": ("plain_loop", "reading"),
    "seed": ("seed_loop", "steps"),
    "seed plots": ("seed_loop", "plots"),
    "extraction": ("seed_files", "extraction"),
    "product": ("gemm", "products"),
}
"""Module and function of each kind; the function takes the settings and returns the work."""

Work = Callable[[int], float]
"""Does so many units of work and returns the seconds of one."""


def serve(kind: str, settings: str, answers: IO[str]) -> None:
    """Build a side and do what it is told until its input ends."""
    module, name = KINDS[kind]
    if module == "ours":
        prepare()
    work: Work = getattr(import_module(f"benchmarks.{module}"), name)(**json.loads(settings))
    import torch

    _say(answers, {})
    for line in sys.stdin:
        order, count = line.split()
        if order != "run":
            raise ValueError(f"the order {order} is not `run`")
        _say(answers, {"seconds": work(int(count)), "threads": torch.get_num_threads()})


def _say(answers: IO[str], content: dict[str, float]) -> None:
    print(json.dumps(content), file=answers, flush=True)


if __name__ == "__main__":
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed goes with the errors
    serve(sys.argv[1], sys.argv[2], channel)
