"""From Kaggle's CSV files to the final pictures, and the quality that was reached."""

import json
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.images import mnist_folder
from benchmarks.processes import ROOT, run_process
from benchmarks.report import Result, Row, absent
from benchmarks.timing import Rounds, Spread
from benchmarks.ways import EPOCHS, PLOTS, SHARE, Ways

CONFIG = ROOT / "configs" / "fast.yaml"
SEED_MSE = 0.1690
"""Of the seed's own program on the test images, pixels in [-1, 1]."""
SEED_ELBO = -15_494.0
"""Likewise, nats per image under a Gaussian of scale 0.0626."""
PARTS = {
    "seed": ("CSV to PNG", "seed steps", "seed plots"),
    "plain": ("CSV to array", "plain steps", "plain plots"),
}
NAME = "quality"


def measure(bench: Bench) -> Result:
    """The whole way for ours, and the estimated ways of the others."""
    if mnist_folder() is None:
        why = "VAELAB_MNIST does not name the folder of MNIST's four IDX files: skipped"
        return Result(NAME, why, [absent("time to quality", why)])
    if not CONFIG.is_file():
        raise FileNotFoundError(f"there is no {CONFIG.relative_to(ROOT)}, which it trains")
    ways = Ways(bench, CONFIG)
    with bench.sides() as started:
        rounds = bench.compare(
            "time to quality", ways.sides(started), rounds=1 if bench.quick else bench.few_rounds,
            warm=False,
        )  # fmt: skip
    return Result(
        NAME,
        "MNIST from Kaggle's CSV files to the final pictures, theirs / ours. Ours: the whole "
        "process `vaelab train configs/fast.yaml data.kind=csv data.pixels=signed`, start-up, "
        "import of the files into an empty cache and every picture included. Seed: an estimate, "
        "CSV to PNG files "
        f"({SHARE:,} images timed, scaled to 70,000) + {EPOCHS} epochs of vae_kl (a block of steps "
        f"timed, scaled) + {PLOTS} latent plots (one timed, scaled; the first is drawn before "
        "training); its start-up and its pictures after training are left out. Plain: likewise, "
        "CSV read with NumPy. Quality: on the 10,000 test images, one posterior sample each, "
        "read from `vaelab evaluate`; the ELBO compares under the seed's likelihood only.",
        [*(_time(bench, rounds, other) for other in PARTS), *_quality(ways)],
    )


def _time(bench: Bench, rounds: Rounds, other: str) -> Row:
    parts = PARTS[other]
    totals = [sum(values) for values in zip(*(rounds.seconds[part] for part in parts), strict=True)]
    pairs = zip(totals, rounds.seconds["ours"], strict=True)
    ratio = Spread.over(total / own for total, own in pairs)
    seconds = {part: rounds.milliseconds(part) / 1e3 for part in ("ours", *parts)}
    estimate = Spread.over(totals).median
    listed = " + ".join(f"{part} {seconds[part]:.0f}" for part in parts)
    return Row(
        "CSV to pictures",
        f"{other} (estimate) / ours",
        ratio,
        f"{estimate:.0f} / {seconds['ours']:.1f} s; {listed} s",
        {f"{other}_estimate_s": estimate}
        | {f"{part.replace(' ', '_')}_s": seconds[part] for part in seconds},
    )


def _quality(ways: Ways) -> list[Row]:
    words = ["-m", "vaelab", "evaluate", ways.run, "--samples", "1"]
    run_process(words, ways.cache)
    evaluation = json.loads(Path(ways.run / "evaluation.json").read_text(encoding="utf-8"))
    numbers = evaluation["numbers"]
    mse, elbo = numbers["mse_per_pixel"]["value"], numbers["elbo_nats"]["value"]
    likelihood = f"likelihood {evaluation['likelihood']}, pixels {evaluation['pixels']}"
    return [
        Row(
            "test MSE per pixel on [-1, 1]",
            "ours / seed: below 1, ours is better",
            Spread.over([mse / SEED_MSE]),
            f"{mse:.4f} / {SEED_MSE:.4f}; {likelihood}",
            {"ours_mse": mse, "seed_mse": SEED_MSE},
        ),
        Row(
            "test ELBO",
            "ours / seed: below 1, ours is better",
            Spread.over([elbo / SEED_ELBO]),
            f"{elbo:,.0f} / {SEED_ELBO:,.0f} nats, {elbo - SEED_ELBO:+,.0f}",
            {"ours_elbo_nats": elbo, "seed_elbo_nats": SEED_ELBO},
        ),
    ]
