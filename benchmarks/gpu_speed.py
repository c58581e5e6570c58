"""How fast a GPU trains, and how near it comes to its own products."""

from collections.abc import Iterator
from functools import partial
from typing import cast

import torch

from benchmarks import ours
from benchmarks.gpu_lab import TRAINED, Lab, Steps, Work, spread
from benchmarks.images import Images, blobs, digits, mnist_folder
from benchmarks.report import Row, short
from benchmarks.timing import Rounds, Spread
from vaelab.engine import PlainEngine, TrainingStep
from vaelab.runs.lookup import load_experiment
from vaelab.training import train
from vaelab.training.precision import number_format
from vaelab.training.state import read_progress

MODELS = ("simple", "vae_kl", "mnist")
AIM_MS, AIM_REPLICAS = 60, 2.0
"""An epoch of `simple` at batch 64; a joint step of 64 replicas in steps of one."""
ROOF = (
    "FLOP/s: products and convolutions of a step (torch.utils.flop_counter) / its time, beside the "
    "fastest large product in the same number format in the same process. Memory: most that a "
    "side took at once, its images included. Host: the part of the time in which Python was still "
    "asking for work; near 1, it is what everything waits for. "
)
EPOCHS = (
    f"steps of an epoch of {TRAINED:,} images of 28 x 28, batches drawn and loss noted, without "
    "validation; plain: PyTorch's own operations one by one; fast: one CUDA graph. " + ROOF
)
RESNET = "a step on images of 64 x 64, otherwise as `epochs`."
MANY = (
    "one joint step of R replicas / a step of one, batch 64 each, float32: R would be no gain. "
    "Loop: with each run's batch, noise and records. Engine: gradient and optimiser alone, of the "
    "same inputs again and again."
)
BOUND = "the whole job of the IWAE bound, untrained weights, float32: share of the fastest product."
TRAINING = "whole epochs of `vaelab train` in this process, validation and kept steps included."
COMPILED = (
    "a step of `plain` under torch.compile / one of `fast`; the compiler's own time is beside it. "
    "TF32 is left out: torch.compile reads an older switch for it, which refuses the newer one."
)


def epochs(lab: Lab) -> Iterator[Work]:
    """Every model at every batch size, in every number format."""
    for size in (64, 256) if lab.quick else (64, 256, 1024, 4096):
        for name in MODELS:
            yield f"{name}, batch {size}", partial(_epoch, lab, name, size)


def _epoch(lab: Lab, name: str, size: int, left: float) -> Iterator[Row]:
    return _steps(lab, name, size, lab.images.first(len(lab.images) // size * size), TRAINED)


def resnet(lab: Lab) -> Iterator[Work]:
    """A residual network on images of 64 x 64."""
    images = blobs(128 if lab.quick else 8_192, 64)
    for size in (32,) if lab.quick else (64, 512):
        yield f"resnet, batch {size}", partial(_wide, lab, size, images)


def _wide(lab: Lab, size: int, images: Images, left: float) -> Iterator[Row]:
    widths, blocks = ("[4, 8]", 1) if lab.quick else ("[16, 32, 64, 128]", 2)
    wide = f"model.encoder.widths={widths}", f"model.encoder.blocks={blocks}"
    return _steps(lab, "resnet", size, images, len(images), *wide)


def _steps(
    lab: Lab, name: str, size: int, images: Images, epoch: int, *overrides: str
) -> Iterator[Row]:
    """Both engines in every number format, as epochs of so many images."""
    sides = {
        (number, engine): lab.steps(
            name, images, f"training.batch_size={size}", *overrides, precision=number, engine=engine
        )
        for number in lab.formats
        for engine in ("plain", "fast")
    }
    flop = lab.flop(lambda: sides["float32", "plain"](1))
    rounds = lab.compare({" ".join(key): side for key, side in sides.items()})
    for number in lab.formats:
        fast, seconds = sides[number, "fast"], rounds.seconds[f"{number} fast"]
        plain, steps = rounds.seconds[f"{number} plain"], -(-epoch // size)
        step = Spread.over(seconds).median
        numbers = {
            "fast_ms_per_epoch": 1e3 * steps * step,
            "plain_ms_per_epoch": 1e3 * steps * Spread.over(plain).median,
            "fast_images_per_s": size / step, "fast_flop_per_s": flop / step,
            "peak_flop_per_s": lab.peak(number), "fast_memory_MB": fast.memory / 1e6,
            "plain_memory_MB": sides[number, "plain"].memory / 1e6,
            "fast_host_part": fast.host / seconds[-1], "flop_per_step": flop,
        }  # fmt: skip
        words = (
            f"{spread(plain, 1e3 * steps)} / {spread(seconds, 1e3 * steps)} ms an epoch, "
            f"{short(1e3 * step)} ms a step, host {fast.host / seconds[-1]:.2f}; "
            f"{short(flop / step / 1e12)} of {short(lab.peak(number) / 1e12)} TFLOP/s"
        )
        if lab.on_gpu:
            words += "; {plain_memory_MB:,.0f} / {fast_memory_MB:,.0f} MB".format(**numbers)
        if (name, size, number) == ("simple", 64, "float32"):
            words += _aim(numbers["fast_ms_per_epoch"], AIM_MS, "ms")
        ratio = rounds.ratio(f"{number} plain", f"{number} fast")
        yield Row(f"{name}, batch {size}, {number}", "plain / fast", ratio, words, numbers)


def many(lab: Lab) -> Iterator[Work]:
    """Replicas of a small and of a convolutional net."""
    counts = (1, 4) if lab.quick else (1, 4, 16, 64, 256)
    yield "replicas of simple", partial(_replicas, lab, "simple", counts)
    yield "replicas of vae_kl", partial(_replicas, lab, "vae_kl", counts[:3])


def _replicas(lab: Lab, name: str, counts: tuple[int, ...], left: float) -> Iterator[Row]:
    size = "training.batch_size=64"
    trained = {n: lab.steps(name, lab.images, size, f"training.replicas={n}") for n in counts}
    sides = {f"{n} loop": steps for n, steps in trained.items()}
    alone = {f"{n} engine": partial(_engine, lab, steps) for n, steps in trained.items()}
    rounds = lab.compare({**sides, **alone})
    for n in counts[1:]:
        for way in ("loop", "engine"):
            above, below = rounds.milliseconds(f"{n} {way}"), rounds.milliseconds(f"1 {way}")
            words = f"{short(above)} / {short(below)} ms; {1e3 * above / n:,.1f} us per replica"
            if lab.on_gpu and way == "loop":
                words += f"; {trained[n].memory / 1e6:,.0f} MB"
            if (n, name) == (64, "simple"):
                words += _aim(above / below, AIM_REPLICAS, "steps of one")
            yield Row(
                f"{n} replicas of {name}, {way}", "joint step / step of one",
                rounds.ratio(f"{n} {way}", f"1 {way}"), words,
                {"joint_ms_per_step": above, "one_ms_per_step": below},
            )  # fmt: skip


def _engine(lab: Lab, steps: Steps, count: int) -> float:
    asked = steps.stepper.ask()
    inputs, rates = [one.inputs for one in asked], [one.learning_rate for one in asked]
    work = lambda: [steps.stepper.engine.step(inputs, rates) for _ in range(count)]  # noqa: E731
    return lab.seconds(work)[0] / count


def bound(lab: Lab) -> Iterator[Work]:
    """The whole job of two models."""
    for name in ("simple", "vae_kl"):
        yield name, partial(_bound, lab, name)


def _bound(lab: Lab, name: str, left: float) -> Iterator[Row]:
    count, samples = (20, 20) if lab.quick else (10_000, 500)
    path = lab.folder / "test.npz"
    digits("test").first(count).save(path)
    work = ours.bounds(name, str(path), samples, lab.device.type)
    with number_format("float32"):
        flop = lab.flop(lambda: work(1))
        seconds = [lab.seconds(lambda: work(1))[0] for _ in range(1 if lab.quick else 3)]
    peak = lab.peak("float32")
    median = Spread.over(seconds).median
    yield Row(
        f"{name}, {count:,} images x {samples} samples", "bound / product",
        Spread.over(flop / one / peak for one in seconds),
        f"{spread(seconds)} s; {short(flop / median / 1e12)} of {short(peak / 1e12)} TFLOP/s",
        {"seconds": median, "flop": flop, "peak_flop_per_s": peak},
    )  # fmt: skip


def training(lab: Lab) -> Iterator[Work]:
    """`vaelab train`, where the real MNIST is."""
    for name in ("digits",) if lab.quick else MODELS:
        yield f"train {name}", partial(_training, lab, name)


def _training(lab: Lab, name: str, left: float) -> Iterator[Row]:
    if mnist_folder() is None and not lab.quick:
        yield Row(name, "skipped", None, "VAELAB_MNIST does not name the folder of MNIST's files")
        return
    count = 1 if lab.quick else 10
    settings = [f"training.epochs={count}", f"training.device={lab.device.type}"]
    run = train(load_experiment(name, settings)[0], lab.folder).run
    seconds = read_progress(run.resume_path).seconds / count
    words = f"{1e3 * seconds:,.0f} ms an epoch at the config's batch size, mean of {count}"
    words += f"; validation elbo {run.metrics()[-1]['elbo_nats']:,.1f} nats"
    yield Row(f"train {name}", "a whole training", None, words, {"seconds_per_epoch": seconds})


def compiled(lab: Lab) -> Iterator[Work]:
    """Small batches and large ones, each compiled by itself."""
    for size in (64,) if lab.quick else (64, 1024):
        for name in MODELS[:1] if lab.quick else MODELS:
            yield f"{name}, batch {size}", partial(_compiled, lab, name, size)


def _compiled(lab: Lab, name: str, size: int, left: float) -> Iterator[Row]:
    images = lab.images.first(len(lab.images) // size * size)
    batch = f"training.batch_size={size}"
    sides = {engine: lab.steps(name, images, batch, engine=engine) for engine in ("plain", "fast")}
    sides["compiled"] = lab.steps(name, images, batch, engine="plain")
    engine = cast(PlainEngine, sides["compiled"].stepper.engine)
    engine.steps = [cast(TrainingStep, torch.compile(step, dynamic=False)) for step in engine.steps]
    compiler = sides["compiled"](1)
    rounds: Rounds = lab.compare(dict(sides))
    ms = {side: rounds.milliseconds(side) for side in sides}
    words = " / ".join(f"{side} {short(ms[side])}" for side in ("compiled", "fast", "plain"))
    yield Row(
        f"{name}, batch {size}, float32", "compiled / fast", rounds.ratio("compiled", "fast"),
        f"{words} ms a step; compiled in {compiler:.0f} s",
        {f"{side}_ms_per_step": value for side, value in ms.items()} | {"compiler_s": compiler},
    )  # fmt: skip


def _aim(value: float, aim: float, unit: str) -> str:
    return f"; AIM: within {aim:g} {unit}, {'met' if value <= aim else 'missed'} at {short(value)}"
