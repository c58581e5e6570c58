"""The training loop."""

from dataclasses import dataclass
from math import isfinite
from time import monotonic

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from vaelab.data import Store
from vaelab.data.feed import Feed, resident
from vaelab.errors import BadValueError
from vaelab.figures import Drawer, Subject
from vaelab.metrics.bound import BoundMetric
from vaelab.models import FlatLatent
from vaelab.randomness import Purpose, generator
from vaelab.run import Row, Run
from vaelab.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from vaelab.training.display import Display
from vaelab.training.environment import describe_environment, write_environment
from vaelab.training.interrupt import Interrupt
from vaelab.training.meter import DivergedError, Meter
from vaelab.training.preview import Preview
from vaelab.training.step import TrainingStep


@dataclass(frozen=True)
class Outcome:
    """How a training ended: its run, and why it stopped before its last epoch, if it did."""

    run: Run
    stopped: str | None


class Loop:
    """Training of one run on one device, from where it was left.

    Noise, order and binarisation are functions of (seed, purpose, step), so the optimiser, the
    model and `Progress` are all there is to save.
    """

    def __init__(
        self, run: Run, store: Store, model: FlatLatent, fabric: Fabric, display: Display
    ) -> None:
        experiment = run.experiment
        self.run, self.store, self.model, self.display = run, store, model, display
        self.config = experiment.training
        self.objective = experiment.objective
        self.pixels = experiment.data.pixels
        self.fabric = fabric

        model.to(fabric.device)
        # convolutions and norms take a quarter to two fifths less time in this layout
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        step = TrainingStep(model, self.objective, self.pixels)
        optimizer = self.config.optimizer.build(step.parameters())
        self.step, self.optimizer = fabric.setup(step, optimizer)
        self.images: Tensor = resident(store.train.images, fabric.device)
        self.labels: Tensor = resident(store.train.labels, fabric.device)
        self.valid = Feed(store.valid, self.pixels, model.classes, fabric.device)
        self.starts = batch_starts(len(self.images), self.config.batch_size)
        self.steps_per_epoch = len(self.starts) - 1
        self.meter = Meter.empty(self.config.log_every, fabric.device)
        self.progress = Progress(threads=torch.get_num_threads())
        self.facts = describe_environment(fabric.device, store.checksum)

    def restore(self) -> None:
        """Go on from resume.safetensors, with the thread count it was made with."""
        self.progress = load_checkpoint(
            self.run.resume_path, self.model, self.optimizer, self.meter
        )
        torch.set_num_threads(self.progress.threads)

    def train(self, interrupt: Interrupt, drawer: Drawer) -> Outcome:
        """Train until the last epoch, a wish to stop, or the end of the budget.

        Raises:
            BadValueError: the loss is no longer a finite number.
            StorageError: the disk is full.
        """
        self.run.truncate_metrics(self.progress.step)
        preview = Preview(self.run.figures / "preview.png", self.model, self._previewed())
        self.began = self.saved = monotonic()
        self.seconds_before = self.progress.seconds
        self.display.begin(self.config.epochs * self.steps_per_epoch, self.progress.step)
        if self.progress.step == 0:
            self._draw(drawer)
        self._save()
        try:
            while self.progress.epoch < self.config.epochs:
                order = self._order()
                self.model.train()
                while self.progress.batch < self.steps_per_epoch:
                    if stopped := self._wish_to_stop(interrupt):
                        self._save()
                        return Outcome(self.run, stopped)
                    first, last = self.starts[self.progress.batch : self.progress.batch + 2]
                    self._take_step(order[first:last])
                    if self.config.preview:
                        preview.refresh()
                    # the end of an epoch saves by itself, after its row of validation
                    ended = self.progress.batch == self.steps_per_epoch
                    if not ended and monotonic() - self.saved > 60 * self.config.save_minutes:
                        self._save()
                self._finish_epoch()
                self._draw(drawer)
        except DivergedError as error:
            raise BadValueError(self._advice(error)) from error
        return Outcome(self.run, None)

    def _take_step(self, index: Tensor) -> None:
        progress, seed, device = self.progress, self.config.seed, self.fabric.device
        epoch = progress.epoch + progress.batch / self.steps_per_epoch
        rate = self._learning_rate(epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        controls = {
            name: torch.tensor(schedule(epoch), device=device)
            for name, schedule in self.objective.controls.items()
        }
        draws = generator(seed, Purpose.POSTERIOR, progress.step, device)
        shape = (self.objective.num_samples, len(index), *self.model.latent_shape)
        noise = torch.randn(shape, generator=draws, device=device)
        images, labels = self.images[index], self.labels[index]
        uniform = None
        if self.pixels.dynamic:
            draws = generator(seed, Purpose.PIXELS, progress.step, device)
            uniform = torch.rand(images.shape, generator=draws, device=device)

        outputs = self.step(images, labels, noise, uniform, controls)
        self.optimizer.zero_grad()
        self.fabric.backward(outputs["loss"])
        self.optimizer.step()

        progress.step += 1
        progress.batch += 1
        self.meter.add(outputs, len(index))
        if self.meter.full or progress.batch == self.steps_per_epoch:
            self._read_meter(epoch, rate, {name: float(value) for name, value in controls.items()})
        self.display.step(progress.step, len(index), progress.epoch + 1, self.config.epochs)

    def _read_meter(self, epoch: float, rate: float, controls: dict[str, float]) -> None:
        progress = self.progress
        sums, images = self.meter.totals(progress.step)
        self.meter.clear()
        progress.loss_sum += sums["loss"]
        progress.images += images
        terms = {f"{name}_nats": total / images for name, total in sums.items()}
        terms["elbo_nats"] = -terms["distortion_nats"] - terms["rate_nats"]
        self._log("train", epoch + 1 / self.steps_per_epoch, terms, controls, rate)
        self.display.terms(terms)
        self.latest = terms

    def _finish_epoch(self) -> None:
        progress = self.progress
        progress.epoch += 1
        progress.batch = 0
        train_loss = progress.loss_sum / progress.images
        progress.loss_sum, progress.images = 0.0, 0
        if len(self.valid):
            numbers = self._validate()
            watch = self.config.learning_rate_schedule.watched
            progress.watched.append(-numbers["elbo_nats"] if watch == "valid" else train_loss)
            better = progress.best_elbo is None or numbers["elbo_nats"] > progress.best_elbo
            if better:
                progress.best_elbo, progress.best_epoch = numbers["elbo_nats"], progress.epoch
        else:
            progress.watched.append(train_loss)
            better, progress.best_epoch = True, progress.epoch
            self.display.epoch(progress.epoch, self.config.epochs, "train", self.latest)
        if better:
            about = {"epoch": progress.epoch, "step": progress.step,
                     "valid_elbo_nats": progress.best_elbo}  # fmt: skip
            self.run.save_weights(self.model, self.store.classes, about)
        self._save()

    def _validate(self) -> dict[str, float]:
        self.model.eval()
        measured = BoundMetric()(self.model, self.valid)
        numbers = {name: number.value for name, number in measured.items()}
        if not isfinite(numbers["elbo_nats"]):
            raise DivergedError(
                f"the validation ELBO after step {self.progress.step:,} is not finite"
            )
        self._log("valid", self.progress.epoch, numbers)
        self.display.epoch(self.progress.epoch, self.config.epochs, "valid", numbers)
        return numbers

    def _log(
        self,
        split: str,
        epoch: float,
        terms: dict[str, float],
        controls: dict[str, float] | None = None,
        rate: float | None = None,
    ) -> None:
        row: Row = {"step": self.progress.step, "epoch": round(epoch, 6), "split": split, **terms}
        row |= controls or {}
        row |= {} if rate is None else {"learning_rate": rate}
        self.run.append_metrics([row])

    def _learning_rate(self, epoch: float) -> float:
        schedule = self.config.learning_rate_schedule
        factor = schedule(epoch, self.config.epochs, self.progress.watched)
        return self.config.optimizer.learning_rate * factor

    def _order(self) -> Tensor:
        draws = generator(self.config.seed, Purpose.ORDER, self.progress.epoch)
        return torch.randperm(len(self.images), generator=draws).to(self.fabric.device)

    def _wish_to_stop(self, interrupt: Interrupt) -> str | None:
        if interrupt.requested:
            return "stopped as you asked"
        minutes = self.config.max_minutes
        if minutes is not None and monotonic() - self.began > 60 * minutes:
            return f"the budget of training.max_minutes={minutes:g} is spent"
        return None

    def _save(self) -> None:
        if self.meter.sizes:
            self.meter.totals(self.progress.step)  # refuses to save a state that has diverged
        self.progress.seconds = self.seconds_before + monotonic() - self.began
        save_checkpoint(self.run.resume_path, self.progress, self.model, self.optimizer, self.meter)
        path, threads = self.run.environment_path, self.progress.threads
        write_environment(path, self.facts, threads, self.progress.seconds)
        self.saved = monotonic()

    def _draw(self, drawer: Drawer) -> None:
        config, epoch = self.run.experiment.figures, self.progress.epoch
        if not config.every_epoch or (epoch % config.interval and epoch < self.config.epochs):
            return
        self.model.eval()
        subject = Subject(
            self.run.experiment.task_name, self.model, self.store, self.pixels,
            self.run.metrics(), self.progress.epoch, self.run.plane(),
        )  # fmt: skip
        for figure in config.every_epoch:
            drawer.submit(figure, figure.compute(subject), self.run.figures)
        if self.model.latent != 2:
            subject.plane.save(self.run.plane_path)

    def _previewed(self) -> Feed:
        split = self.store.valid if len(self.store.valid) else self.store.train
        return Feed(split.select(np.arange(1)), self.pixels, self.model.classes, self.fabric.device)

    def _advice(self, error: DivergedError) -> str:
        kept = "no weights had been saved yet"
        if self.run.weights_path.is_file():
            kept = f"the weights of epoch {self.progress.best_epoch} are kept in {self.run.path}"
        return (
            f"{error}; {kept}. Try a smaller training.optimizer.learning_rate, a larger "
            "likelihood scale or floor, or a warm-up of objective.beta"
        )


def batch_starts(images: int, size: int) -> list[int]:
    """Where batches begin, and the end; a single last image joins the batch before it."""
    starts = list(range(0, images, size))
    if len(starts) > 1 and images - starts[-1] == 1:
        starts.pop()
    return [*starts, images]
