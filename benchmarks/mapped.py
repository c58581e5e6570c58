"""Training on images that stay in their file, against the same in memory."""

import numpy as np

from benchmarks.bench import Bench
from benchmarks.images import blobs
from benchmarks.processes import ONE_THREAD
from benchmarks.report import Result, Row

COUNT, SIDE = 600_000, 28
CONFIGS = ("simple", "vae_kl")


def measure(bench: Bench) -> Result:
    """Steps with read-ahead from a mapped file and from memory, by both shipped networks."""
    bench.say(f"writing {COUNT:,} images")
    images = blobs(COUNT, SIDE)
    path = bench.folder / "images.npy"
    np.save(path, images.pixels)
    data = bench.file(images)
    rows = [
        _row(bench, name, size, str(path), data, threads)
        for name in (CONFIGS[:1] if bench.quick else CONFIGS)
        for size in (64, 512)
        for threads in ("one thread", "threads by choice")
    ]
    return Result(
        "mapped",
        f"steps per second with the {COUNT:,} images of {SIDE} x {SIDE} in a mapped file (its "
        "pages cached by the system), read by a thread ahead of the training / with the images in "
        "memory: 1 would cost nothing. On one thread, which leaves a core to the reading, and on "
        "as many as the training chooses. Images: "
        f"{images.name}.",
        rows,
    )


def _row(bench: Bench, name: str, size: int, path: str, data: str, threads: str) -> Row:
    common = {
        "config": name, "overrides": [f"training.batch_size={size}"],
        "folder": bench.place("runs"),
    }  # fmt: skip
    environment = ONE_THREAD if threads == "one thread" else None
    with bench.sides() as sides:
        pair = [
            sides.start(side, kind, common | {"data": file}, environment=environment)
            for side, kind, file in (("memory", "ours", data), ("mapped", "mapped", path))
        ]
        rounds = bench.compare(f"{name}, batch {size}, {threads}", pair)
    speeds = {side.name: 1e3 / rounds.milliseconds(side.name) for side in pair}
    return Row(
        f"{name}, batch {size}, {threads}",
        "steps per second, mapped / in memory",
        rounds.ratio("memory", "mapped"),
        f"{speeds['mapped']:,.0f} / {speeds['memory']:,.0f} steps per second",
        {f"{side}_steps_per_second": speed for side, speed in speeds.items()},
        {side.name: side.threads for side in pair},
    )
