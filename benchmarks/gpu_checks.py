"""Whether a GPU computes what a CPU does: gradients, trainings, graphs and resumed runs."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from benchmarks.gpu_lab import WRONG, Lab, Work
from benchmarks.images import Images, digits
from benchmarks.ours import Stepper
from benchmarks.processes import ROOT
from benchmarks.report import Row
from benchmarks.timing import Spread
from vaelab.engine.fast import FastEngine
from vaelab.engine.step import Inputs
from vaelab.training.loop import Request
from vaelab.training.precision import number_format

EXPLANATION = (
    "distance / largest distance allowed, beyond 1 WRONG, on the same batches and noise, mostly "
    "drawn by a CPU. Distance: norm of the difference / norm, over all parameters. Gradients: "
    "of four steps at a learning rate of 0, of which the fast engine records and replays the last, "
    "against `plain` on the CPU in float64. Trainings: what 30 steps change. Graph: CUDA graphs "
    "against the same operations begun one by one. Resumed: a checkpoint written on one device "
    "and read on the other, and four steps of both after that."
)
MODELS = ("simple", "vae_kl", "mnist", "resnet")
ALLOWED = {"float64": 1e-9, "float32": 1e-4, "tf32": 2e-2, "bfloat16": 2e-1}
"""Distance of a gradient in each number format."""
LOOSER = 10
"""Times as far may `fast` be in float32: signs of activations near 0 flip, and whole pixels with
them."""
ROUNDED = 1e-5
"""Distance below which products cannot have been rounded to TF32 or bfloat16."""
STEPS = 30
State = dict[str, Tensor]


class Trained:
    """A model on a device, which takes the steps it is told."""

    def __init__(
        self, folder: Path, name: str, device: torch.device, precision: str, engine: str,
        images: Images, like: "Trained | None" = None,
    ) -> None:  # fmt: skip
        self.device, self.precision = device, precision
        settings = {"batch_size": 64, "device": device.type, "precision": precision}
        overrides = [f"training.{key}={value}" for key, value in settings.items()]
        with number_format(precision):
            kind = "fast" if engine == "eager" else engine
            self.stepper = Stepper(name, [*overrides, f"training.engine={kind}"], images, folder)
            self.stepper.begin()
        (self.training,), self.engine = self.stepper.trainings, self.stepper.engine
        if isinstance(self.engine, FastEngine) and engine == "eager":
            self.engine._gradient = self.engine._compute_gradient  # type: ignore[assignment]
        if like is not None:
            self.training.model.load_state_dict(like.training.model.state_dict())
        self.start = self.state()

    def draw(self, count: int) -> list[Request]:
        """What the next steps take; they are not taken."""
        with number_format(self.precision):
            return [one for _ in range(count) for one in self.stepper.ask()]

    def take(self, asked: Sequence[Request], factor: float = 1.0) -> "Trained":
        """Take steps drawn by another, at so many times their learning rate."""
        self.training.model.train()
        with number_format(self.precision):
            for one in asked:
                self.engine.step([self._here(one.inputs)], [factor * one.learning_rate])
        return self

    def state(self) -> State:
        """Parameters and moments of the gradient, on the CPU in float64."""
        state = self.engine.optimizer_state(0) | dict(self.training.model.named_parameters())
        return {
            name: one.detach().to("cpu", torch.float64, copy=True) for name, one in state.items()
        }

    @property
    def gradient(self) -> State:
        """The running mean of the gradient."""
        return {name: one for name, one in self.state().items() if name.startswith("exp_avg.")}

    @property
    def moved(self) -> State:
        """What the steps have changed in the parameters."""
        state = self.state()
        names = [name for name, _ in self.training.model.named_parameters()]
        return {name: state[name] - self.start[name] for name in names}

    @property
    def recorded(self) -> int:
        """Shapes of batches of which the fast engine has a recording: on a GPU, a CUDA graph."""
        return len(cast(FastEngine, self.engine)._gradient.replays)

    def _here(self, inputs: Inputs) -> Inputs:
        kind = torch.float64 if self.precision == "float64" else torch.float32

        def moved(one: Tensor) -> Tensor:
            return one.to(self.device, kind if one.is_floating_point() else one.dtype)

        uniform = None if inputs.uniform is None else moved(inputs.uniform)
        controls = {name: moved(one) for name, one in inputs.controls.items()}
        return replace(
            inputs, images=inputs.images.to(self.device), labels=inputs.labels.to(self.device),
            noise=moved(inputs.noise), uniform=uniform, controls=controls,
        )  # fmt: skip


def works(lab: Lab) -> Iterator[Work]:
    """Every check of every model."""
    for name in MODELS[:2] if lab.quick else MODELS:
        yield f"gradient of {name}", partial(_gradients, lab, name)
        yield f"training of {name}", partial(_trainings, lab, name)
        yield f"resumed {name}", partial(_resumed, lab, name)


def _gradients(lab: Lab, name: str, left: float) -> Iterator[Row]:
    images = digits("train").first(640)
    truth = Trained(lab.folder, name, torch.device("cpu"), "float64", "plain", images)
    asked = truth.draw(1) * 4
    wanted = truth.take(asked, 0.0).gradient
    for precision in ("float64", *lab.formats):
        for engine in ("plain", "fast"):
            one = Trained(lab.folder, name, lab.device, precision, engine, images, truth)
            far = distance(one.take(asked, 0.0).gradient, wanted)
            rounds = precision in ("tf32", "bfloat16")
            wrong = ""
            if engine == "fast" and not one.recorded:
                wrong = "no step was recorded"
            elif rounds and far < ROUNDED:
                wrong = f"nothing was rounded to {precision}"
            looser = LOOSER if (precision, engine) == ("float32", "fast") else 1
            words = f"gradient of {name}, {precision}, {engine}"
            yield _checked(words, far, looser * ALLOWED[precision], wrong)


def _trainings(lab: Lab, name: str, left: float) -> Iterator[Row]:
    images = digits("train").first(64 * STEPS)
    begun = partial(Trained, lab.folder, name, lab.device)
    exact = begun("float64", "plain", images)
    asked = exact.draw(STEPS)
    pairs = ("float64", "fast"), ("float64", "eager"), ("float32", "plain"), ("float32", "fast")
    ways = {pair: begun(*pair, images, exact) for pair in pairs}
    moved = {way: one.take(asked).moved for way, one in ways.items()}
    wanted = exact.take(asked).moved
    yield _checked(
        f"training of {name}, float64: fast against plain",
        distance(moved["float64", "fast"], wanted), 1e-6,
    )  # fmt: skip
    for engine in ("plain", "fast"):
        far = distance(moved["float32", engine], wanted)
        yield _checked(f"training of {name}, float32: {engine} against float64", far, 0.1)
    words = "CUDA graph" if lab.on_gpu else "recording (no GPU, so no CUDA graph)"
    yield _checked(
        f"training of {name}, float64: {words} against eager",
        distance(moved["float64", "fast"], moved["float64", "eager"]), 1e-9,
        "" if ways["float64", "fast"].recorded else "no step was recorded",
    )  # fmt: skip


def _resumed(lab: Lab, name: str, left: float) -> Iterator[Row]:
    images, cpu = digits("train").first(640), torch.device("cpu")
    for there, here in ((cpu, lab.device), (lab.device, cpu)):
        first, second = (
            Trained(lab.folder, name, device, "float64", "fast", images) for device in (there, here)
        )
        first.take(first.draw(5))
        first.training.save()
        shutil.copyfile(first.training.run.resume_path, second.training.run.resume_path)
        second.training.restore(second.engine, 0)
        words = f"{name}, {there.type} to {here.type}"
        far = distance(first.state(), second.state())
        yield _checked(f"resumed {words}: parameters and moments", far, 0.0)
        asked = (first if there == cpu else second).draw(4)
        far = distance(first.take(asked).state(), second.take(asked).state())
        yield _checked(f"resumed {words}: four steps later", far, 1e-9)


def tests(lab: Lab) -> Iterator[Work]:
    """The tests marked `gpu`."""
    yield "tests marked gpu", partial(_tests, lab)


def _tests(lab: Lab, left: float) -> Iterator[Row]:
    files = [path for path in ROOT.glob("tests/**/*.py") if "pytest.mark.gpu" in path.read_text()]
    together = ["--numprocesses", "4"] if find_spec("xdist") and lab.on_gpu else []
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", *together,
         *map(str, files)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=left)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)  # pytest still says how far it came
        with suppress(subprocess.TimeoutExpired):
            said, _ = process.communicate(timeout=5)
        process.kill()
        said += f"\nstopped after {left:.0f} s"
    lines = [line for line in said.splitlines() if line.strip()]
    closing = next((line for line in lines[::-1] if re.search(r" in \d+[.\d]*s", line)), lines[-1])
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    wrong = WRONG + ": " if process.returncode not in (0, 5) else ""
    yield Row("tests marked gpu", "pytest", None, "; ".join([wrong + closing, *failed[:10]]))


def distance(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> float:
    """Norm of the difference / norm, over all tensors."""
    a, b = (torch.cat([one[name].flatten() for name in wanted]) for one in (found, wanted))
    return float((a - b).norm() / b.norm())


def _checked(subject: str, far: float, allowed: float, wrong: str = "") -> Row:
    if not far <= allowed:  # nor where it is not a number
        wrong = wrong or "too far"
    ratio = far / allowed if allowed else float(far > 0)
    words = f"{WRONG}: {wrong}; " if wrong else ""
    return Row(
        subject, "distance / allowed", Spread.over([ratio]),
        f"{words}distance {far:.2g}, allowed {allowed:.2g}", {"distance": far, "allowed": allowed},
    )  # fmt: skip
