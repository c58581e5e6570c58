"""How the cost of a step grows with images, their size, the code and the batch."""

from collections.abc import Sequence

from benchmarks.bench import Bench
from benchmarks.images import Images, blobs
from benchmarks.ours import multiply_adds
from benchmarks.report import Result, Row

Case = tuple[str, str, Sequence[str], Images]
"""Name, config, overrides, images."""


def measure(bench: Bench) -> Result:
    """Four axes, one changed at a time; their ends alone where it has to be quick."""
    digits = bench.train
    # the shipped kernels fit 28 x 28 only; null takes the smallest that reach the image
    fitting = ["model.decoder.kernels=null"]
    rows = _grown(
        bench,
        "images in memory",
        [(f"{count:,}", "simple", [], blobs(count, 28)) for count in (6_000, 60_000, 600_000)],
    )
    rows += _grown(
        bench,
        "image side",
        [(str(side), "vae_kl", fitting, blobs(2_000, side)) for side in (28, 64, 128)],
    )
    for name in ("simple",) if bench.quick else ("simple", "vae_kl"):
        rows += _grown(
            bench,
            "latent dimension",
            [(str(size), name, [f"model.latent={size}"], digits) for size in (2, 32, 256)],
        )
        rows += _grown(
            bench,
            "batch size",
            [
                (str(size), name, [f"training.batch_size={size}"], digits)
                for size in (16, 64, 256, 1024)
            ],
            per_image=True,
        )
    return Result(
        "growth",
        "time of one of our steps / that of the first case of its axis (for the batch size: time "
        "per image), everything else as in the shipped config, on as many threads as the "
        "training chooses. Images in memory and image side: synthetic blobs, uint8; the other "
        f"axes: {digits.name}.",
        rows,
    )


def _grown(bench: Bench, axis: str, cases: Sequence[Case], per_image: bool = False) -> list[Row]:
    if bench.quick:
        cases = [cases[0], cases[-1]]
    work = [
        sum(map(sum, multiply_adds(config, overrides, data.pixels.shape[1:])))
        for _, config, overrides, data in cases
    ]
    with bench.sides() as started:
        sides = [
            started.start(name, "ours", {
                "config": config, "overrides": overrides, "data": bench.file(data),
                "folder": bench.place("runs"),
            }) for name, config, overrides, data in cases
        ]  # fmt: skip
        rounds = bench.compare(axis, sides, rounds=bench.few_rounds)
    rows, first = [], sides[0]
    below = rounds.milliseconds(first.name)
    for side, case, amount in zip(sides[1:], cases[1:], work[1:], strict=True):
        above, grown = rounds.milliseconds(side.name), amount / work[0]
        factor = int(first.name) / int(side.name) if per_image else 1.0
        rows.append(
            Row(
                f"{case[1]}, {axis}",
                f"{side.name} / {first.name}" + (", time per image" if per_image else ""),
                rounds.ratio(side.name, first.name, factor),
                f"{above:.2f} / {below:.2f} ms per step; multiply-adds per image x {grown:.2f}",
                {"ms_per_step": above, "first_ms_per_step": below, "multiply_adds_ratio": grown},
                {side.name: side.threads, first.name: first.threads},
            )
        )
    return rows
