"""A training step by operation: `python -m benchmarks.operations [CONFIG] [--threads N]`.

Each operation is timed where the engine begins it, so that it has the caches that it has in a
training. PyTorch's profiler does not do for this: beside it an operation that writes a new tensor
of 800 kB takes five times as long as without.
"""

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from benchmarks.prepare import prepare

STEPS = 100
KINDS = {
    "products": ("mm", "addmm", "bmm", "baddbmm"),
    "batch norm": ("native_batch_norm", "native_batch_norm_backward"),
    "PyTorch's convolutions": ("convolution", "convolution_backward"),
    "gathers and scatters": ("index_select", "index_add_", "new_zeros", "clone", "copy_"),
    "activations": (
        "leaky_relu_", "leaky_relu_backward", "relu_", "threshold_backward", "sigmoid_", "tanh_",
        "tanh_backward", "sigmoid_backward", "mul_", "sub_",
    ),
    "Adam and the copy of gradients": ("_fused_adam_", "_fused_adamw_", "cat"),
}  # fmt: skip
"""Names of PyTorch's operations. What is none of these: loss, densities, sums, views."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("config", nargs="?", default="vae_kl")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    prepare()
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    from benchmarks.gemm import products
    from benchmarks.images import digits
    from benchmarks.ours import Stepper
    from vaelab.engine.fast import FastEngine

    spent: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    kinds = {name: kind for kind, names in KINDS.items() for name in names}

    class Timer(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
        ) -> Any:
            begun = perf_counter()
            value = func(*args, **(kwargs or {}))
            seconds = perf_counter() - begun
            name = func._schema.name.removeprefix("aten::")
            row = spent[kinds.get(name, "the rest")]
            row[0] += seconds
            row[1] += 1
            if name in KINDS["products"]:
                row[2] += 2 * args[-1].shape[-1] * args[-2].numel()
            return value

    torch.set_num_threads(options.threads)
    threads = [f"training.threads={options.threads}"]
    with tempfile.TemporaryDirectory() as folder:
        stepper = Stepper(options.config, threads, digits("train"), Path(folder))
        stepper.steps(20)
        begun = perf_counter()
        stepper.steps(STEPS)
        whole = (perf_counter() - begun) / STEPS
        engine = cast(FastEngine, stepper.engine)
        engine._gradient = engine._compute_gradient  # type: ignore[assignment]
        with Timer():
            stepper.steps(STEPS)
    roof = 1e-9 / products(options.threads, 2.0)(1)
    print(f"{options.config}, --threads {options.threads}: {1e3 * whole:.2f} ms a step as recorded")
    print(f"the fastest product of the machine: {roof:.0f} GFLOP/s")
    print(f"{'':32} {'ms':>6} {'number':>7} {'GFLOP/s':>8} {'of roof':>8}")
    for kind, (seconds, count, flop) in sorted(spent.items(), key=lambda row: -row[1][0]):
        rate = flop / seconds / 1e9
        reached = f"{rate:8.1f} {rate / roof:8.2f}" if flop else ""
        print(f"{kind:32} {1e3 * seconds / STEPS:6.2f} {count / STEPS:7.0f} {reached}")


if __name__ == "__main__":
    main()
