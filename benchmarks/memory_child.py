"""One training in a process of its own, which prints the most memory it has had, MB.

Run as `python -m benchmarks.memory_child SIDE MODEL FOLDER STEPS`.
"""

import sys
from pathlib import Path

from benchmarks.prepare import prepare


def train(side: str, name: str, folder: Path, steps: int) -> None:
    """Take steps; what a side does not need is not imported."""
    if side == "ours":
        prepare()
        import numpy as np

        from benchmarks.images import Images
        from benchmarks.ours import Stepper

        # as the cache of imports opens its arrays
        pixels = np.load(folder / "pixels.npy", mmap_mode="c")
        images = Images("images", pixels, np.load(folder / "labels.npy"))
        Stepper(name, [], images, folder).steps(steps)
    elif side == "plain":
        import numpy as np

        from benchmarks.plain_loop import PlainLoop

        PlainLoop(name, np.load(folder / "pixels.npy", mmap_mode="c"), 64).steps(steps)
    elif side == "seed":
        from benchmarks.seed_files import PngFolder
        from benchmarks.seed_loop import SeedLoop

        data = PngFolder(folder / "png" / "train")
        SeedLoop(name, data, 64, folder, workers=0).epoch(steps)
    else:
        import torch  # noqa: F401


def peak_megabytes() -> float:
    """The most memory this process has had resident, MB of 10^6 bytes.

    Linux keeps a process's own high-water mark apart from its parent's only in /proc.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    train(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    print(peak_megabytes())
