"""How near a training step comes to the machine's matrix product."""

from collections.abc import Sequence

from benchmarks.bench import Bench
from benchmarks.ours import multiply_adds
from benchmarks.report import Result, Row

SHAPE = (1, 28, 28)


def step_flop(encoder: Sequence[int], decoder: Sequence[int]) -> int:
    """FLOP of a training step for one image, from the multiply-adds of each layer.

    Two per multiply-add, for each of forward, gradient of the input and gradient of the weights;
    the first layer's input has no gradient.
    """
    first = next(count for count in encoder if count)
    return 6 * (sum(encoder) + sum(decoder)) - 2 * first


def measure(bench: Bench) -> Result:
    """Both models at both batch sizes."""
    sizes = (64,) if bench.quick else (64, 256)
    rows = [_row(bench, name, size) for name in ("simple", "vae_kl") for size in sizes]
    return Result(
        "roofline",
        "GFLOP/s of a training step / GFLOP/s of the fastest float32 matrix product of several "
        "shapes from 512 to 2048, on as many threads, measured in the same rounds: 1 is the roof. "
        "FLOP of a step = 2 x multiply-adds of the layer specs x 3 (forward, gradient of inputs, "
        "gradient of weights), less the first layer's input gradient; loss, Adam and batch "
        "assembly count as time but not as FLOP. On as many threads as the training chooses.",
        rows,
    )


def _row(bench: Bench, name: str, batch_size: int) -> Row:
    subject = f"{name}, batch {batch_size}"
    encoder, decoder = multiply_adds(name, [], SHAPE)
    flop = batch_size * step_flop(encoder, decoder)
    own = {"config": name, "overrides": [f"training.batch_size={batch_size}"],
           "data": bench.file(bench.train), "folder": bench.place("runs")}  # fmt: skip
    with bench.sides() as sides:
        ours = sides.start("step", "ours", own)
        ours.ready()
        ours.block()  # chooses its number of threads
        search = {"threads": ours.threads, "seconds": bench.block_seconds}
        product = sides.start("product", "product", search, count=1)
        rounds = bench.compare(subject, [ours, product])
    step = flop / rounds.milliseconds("step") / 1e6
    roof = 1e-6 / rounds.milliseconds("product")
    return Row(
        subject,
        f"step / product, {ours.threads} thread{'s' * (ours.threads > 1)}",
        rounds.ratio("product", "step", flop),
        f"{step:.1f} / {roof:.1f} GFLOP/s; {flop / 1e6:.1f} MFLOP per step",
        {"step_gflop_per_s": step, "product_gflop_per_s": roof, "flop_per_step": flop},
        {"both": ours.threads},
    )
