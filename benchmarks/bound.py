"""The importance weighted bound: a share of the whole job, and its decoder's products."""

from benchmarks.bench import Bench
from benchmarks.ours import multiply_adds
from benchmarks.report import Result, Row
from benchmarks.roofline import SHAPE

SAMPLES = 500
WHOLE = 10_000
"""Images of the whole job."""


def measure(bench: Bench) -> Result:
    """Both models."""
    return Result(
        "bound",
        "GFLOP/s of the IWAE bound, counting nothing but the decoder's products (2 x its "
        "multiply-adds per sample) / GFLOP/s of the fastest float32 matrix product on as many "
        f"threads: 1 is the roof. A share of the whole job of {WHOLE:,} images x {SAMPLES} "
        "samples, which is scaled from it. On as many threads as PyTorch has. "
        f"Untrained weights; images: {bench.test.name}.",
        [_row(bench, name) for name in ("simple", "vae_kl")],
    )


def _row(bench: Bench, name: str) -> Row:
    images = bench.test.first(20 if bench.quick else 100)
    _, decoder = multiply_adds(name, [], SHAPE)
    flop = 2 * sum(decoder) * SAMPLES * len(images)
    settings = {"config": name, "data": bench.file(images), "samples": SAMPLES}
    with bench.sides() as sides:
        bound = sides.start("bound", "bound", settings, count=1)
        bound.ready()
        bound.block()
        search = {"threads": bound.threads, "seconds": bench.block_seconds}
        product = sides.start("product", "product", search, count=1)
        rounds = bench.compare(name, [bound, product], rounds=bench.few_rounds)
    seconds = rounds.milliseconds("bound") / 1e3
    whole = seconds * WHOLE / len(images)
    reached, roof = flop / seconds / 1e9, 1e-6 / rounds.milliseconds("product")
    return Row(
        f"{name}, {len(images)} images x {SAMPLES} samples",
        f"bound / product, {bound.threads} thread{'s' * (bound.threads > 1)}",
        rounds.ratio("product", "bound", flop),
        f"{reached:.1f} / {roof:.1f} GFLOP/s; {seconds:.2f} s, "
        f"scaled to {WHOLE:,} images {whole:.0f} s",
        {
            "bound_gflop_per_s": reached,
            "product_gflop_per_s": roof,
            "seconds": seconds,
            "whole_job_scaled_s": whole,
        },
        {"both": bound.threads},
    )
