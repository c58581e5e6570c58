"""What the parts of `benchmarks.gpu` share: a device, time on it, its memory and its peak."""

import gc
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.images import Images, digits
from benchmarks.ours import Stepper
from benchmarks.report import Row, short
from benchmarks.timing import Block, Rounds, Side, Spread, interleave, timed
from vaelab.training.precision import number_format

WRONG = "WRONG"
"""Marks a row whose check failed."""
TRAINED = 55_000
"""Images of an epoch, as the configs split MNIST."""

Work = tuple[str, Callable[[float], Iterable[Row]]]
"""What is compared, and the comparison; it is told how many seconds are left."""


@dataclass(frozen=True)
class Lab:
    """A device, and how much is measured on it."""

    device: torch.device
    quick: bool
    folder: Path

    @property
    def on_gpu(self) -> bool:
        """Whether it is one."""
        return self.device.type == "cuda"

    @property
    def formats(self) -> tuple[str, ...]:
        """The number formats of products; a CPU has no TF32."""
        return ("float32", "tf32", "bfloat16") if self.on_gpu else ("float32", "bfloat16")

    @cached_property
    def images(self) -> Images:
        """Those that are trained on."""
        return digits("train").first(1_000 if self.quick else TRAINED)

    def steps(
        self, config: str, images: Images, *overrides: str, precision: str = "float32",
        engine: str = "fast",
    ) -> "Steps":  # fmt: skip
        """A training, of which steps can be taken."""
        settings = f"training.device={self.device.type}", f"training.engine={engine}"
        return Steps(self, config, [*settings, *overrides], precision, images)

    def seconds(self, work: Callable[[], object]) -> tuple[float, float]:
        """Seconds until the device has done a piece of work, and until it had been asked for."""
        if not self.on_gpu:
            return (once := timed(work)), once
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
        begin.record()
        asked = timed(work)
        end.record()
        torch.cuda.synchronize()
        return begin.elapsed_time(end) / 1e3, asked

    def compare(self, sides: dict[str, Callable[[int], float]], rounds: int = 3) -> Rounds:
        """Time sides in turn, each in blocks of a quarter of a second."""
        blocks = [
            Side(name, Block(run, 0.03 if self.quick else 0.25)) for name, run in sides.items()
        ]
        return interleave(blocks, 1 if self.quick else rounds, True, lambda words: None, pause=0)

    def peak(self, precision: str) -> float:
        """FLOP/s of the fastest large product in this number format."""
        return _peak(self.device, precision, (256,) if self.quick else (4096, 8192))

    def flop(self, work: Callable[[], object]) -> int:
        """FLOP of the products and convolutions in it, forwards and backwards."""
        with FlopCounterMode(display=False) as counter:
            work()
        return int(counter.get_total_flops())

    def clear(self) -> None:
        """Free what is no longer used, and what a training has frozen for the collector."""
        gc.unfreeze()
        gc.collect()
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            with suppress(RuntimeError):  # a broken device says so at the next comparison
                torch.cuda.empty_cache()


class Steps:
    """Steps of one training loop in one number format.

    Attributes:
        stepper: the loop.
        memory: most bytes of the device that it took at once in its first four steps, by which
            the fast engine has recorded them; 0 on a CPU.
        host: seconds of a step, at its last block, until Python had asked for it.
    """

    def __init__(
        self, lab: Lab, config: str, overrides: Sequence[str], precision: str, images: Images
    ) -> None:
        self._lab, self._precision, self.host = lab, precision, 0.0
        if lab.on_gpu:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated() if lab.on_gpu else 0
        with number_format(precision):
            settings = [*overrides, f"training.precision={precision}"]
            self.stepper = Stepper(config, settings, images, lab.folder)
            self.stepper.steps(4)
        self.memory = torch.cuda.max_memory_allocated() - before if lab.on_gpu else 0

    def __call__(self, count: int) -> float:
        """Take so many; seconds of one."""
        with number_format(self._precision):
            done, asked = self._lab.seconds(lambda: self.stepper.steps(count))
        self.host = asked / count
        return done / count


@cache
def _peak(device: torch.device, precision: str, sides: Sequence[int]) -> float:
    kind, best = torch.bfloat16 if precision == "bfloat16" else torch.float32, 0.0
    lab = Lab(device, False, Path())
    with number_format(precision):
        for side in sides:
            a, b = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
            out = torch.empty_like(a)
            for _ in range(6):
                done, _ = lab.seconds(lambda: [torch.mm(a, b, out=out) for _ in range(5)])  # noqa: B023
                best = max(best, 10 * side**3 / done)
    return best


def card() -> dict[str, Any]:
    """What has to be known of the GPU."""
    about, (free, total) = torch.cuda.get_device_properties(0), torch.cuda.mem_get_info()
    return {
        "card": about.name,
        "compute_capability": f"{about.major}.{about.minor}",
        "multiprocessors": about.multi_processor_count,
        "memory_GB": round(total / 1e9, 1),
        "taken_GB": round((total - free) / 1e9, 1),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
    }


def spread(values: Sequence[float], factor: float = 1.0) -> str:
    """Median and range in words."""
    one = Spread.over(factor * value for value in values)
    return f"{short(one.median)} ({short(one.low)} to {short(one.high)})"


if __name__ == "__main__":
    print(json.dumps(card()))
