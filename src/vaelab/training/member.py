"""One run under training: its draws, its schedules, its log and its files."""

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vaelab.bundle import BundleWriter
from vaelab.data import Split, Store
from vaelab.data.batches import Part
from vaelab.data.feed import Feed
from vaelab.distributed.world import Portion, World
from vaelab.experiment import Change
from vaelab.figures import Drawer, Subject
from vaelab.files import may_be_there
from vaelab.loggers import Loggers
from vaelab.models import FlatLatent, LatentVariableModel
from vaelab.pictures import suited
from vaelab.randomness import Purpose, generator
from vaelab.records import Row
from vaelab.run import Run
from vaelab.training import log
from vaelab.training.changes import Changes
from vaelab.training.checkpoint import Progress, load_checkpoint, read_progress, save_checkpoint
from vaelab.training.folder import TrainingFolder
from vaelab.training.keeping import Keeper, begin_anew, is_better, kept
from vaelab.training.meter import DivergedError, Meter
from vaelab.training.preview import Preview
from vaelab.training.update import Inputs


class Member:
    """A run, its model and how far it has come; trained alone or together with others.

    Noise, order and binarisation are functions of (seed, purpose, step), so the optimiser, the
    model and `Progress` are all there is to save.

    Args:
        run: whose config says how.
        store: the data.
        model: on the training device.
        world: the processes that train it; its rank 0 alone writes.
        folder: the run's, locked by rank 0.
    """

    def __init__(
        self,
        run: Run,
        store: Store,
        model: LatentVariableModel,
        world: World | None = None,
        folder: TrainingFolder | None = None,
    ) -> None:
        self.run, self.store, self.model = run, store, model
        self.folder = folder
        self.world = world or World()
        self.experiment = run.experiment
        self.config = run.experiment.training
        self.objective = run.experiment.objective
        self.pixels = run.experiment.data.pixels
        self.device = next(model.parameters()).device
        self.meter = Meter.empty(self.config.log_every, self.device)
        self.progress = Progress()
        self.changes = Changes(self.config.changes)
        self.latest: dict[str, float] = {}
        self.loggers = Loggers()
        split = store.valid if len(store.valid) else store.train
        self.previewed = self._feed(split.select(np.arange(1)))
        self.valid = self._feed(store.valid)
        self.keeper = Keeper(self.experiment, self.valid, store.training_images, self.world)
        self.bundle: BundleWriter | None = None
        if isinstance(model, FlatLatent) and self.world.leads:
            self.bundle = BundleWriter(
                run.bundle, self.experiment.task_name, self.experiment, store, model
            )

    @property
    def replaced(self) -> Path | None:
        """The run that this one replaces, for as long as this one has no weights."""
        return None if self.folder is None else self.folder.replaced

    @property
    def saved_step(self) -> int:
        """Steps done when it was last saved."""
        path = self.run.resume_path
        return read_progress(path).step if may_be_there(path) else 0

    def inputs(self, part: Part, epoch: float) -> Inputs:
        """Part of a batch with its noise and the controls of this step.

        Args:
            part: the images; their noise is that of their places in the whole batch.
            epoch: with its fraction.
        """
        seed, step = self.config.seed, self.progress.step
        portion = Portion(part.first, len(part.images), part.size)
        images, labels, mine = _computed(part)
        draws = generator(seed, Purpose.POSTERIOR, step, self.device)
        shape = (self.objective.num_samples, part.size, *self.model.latent_shape)
        noise = torch.randn(shape, generator=draws, device=self.device)[:, mine]
        uniform = None
        if self.pixels.dynamic:
            draws = generator(seed, Purpose.PIXELS, step, self.device)
            pixels = (part.size, *part.images.shape[1:])
            uniform = torch.rand(pixels, generator=draws, device=self.device)[mine]
        controls = {
            name: torch.tensor(value, device=self.device)
            for name, value in self.controls(epoch, step).items()
        }
        return Inputs(images, labels, noise, uniform, controls, portion)

    def controls(self, epoch: float, step: int) -> dict[str, float]:
        """The objective's settings."""
        scheduled = {name: schedule(epoch) for name, schedule in self.objective.controls.items()}
        return scheduled | self.changes.controls(step)

    def learning_rate(self, epoch: float, step: int) -> float:
        """The learning rate."""
        changed = self.changes.learning_rate(step)
        if changed is not None:
            return changed
        schedule = self.config.learning_rate_schedule
        factor = schedule(epoch, self.config.epochs, self.progress.watched)
        return self.config.optimizer.learning_rate * factor

    def change(self, change: Change) -> None:
        """Note what a person changes at this step, so that the run can be repeated."""
        self.changes.add(change)
        self.run.save_changes(self.changes.all)

    def read_meter(self, epoch: float, step_of_epoch: float) -> None:
        """Log the mean terms since the last reading.

        Args:
            epoch: at the start of the last step.
            step_of_epoch: a step's part of an epoch.
        """
        progress = self.progress
        sums, images = self.meter.totals(progress.step)
        self.meter.clear()
        progress.loss_sum += sums["loss"]
        progress.images += images
        terms = {f"{name}_nats": total / images for name, total in sums.items()}
        terms["elbo_nats"] = -terms["distortion_nats"] - terms["rate_nats"]
        last = progress.step - 1
        settings = self.controls(epoch, last) | {"learning_rate": self.learning_rate(epoch, last)}
        self._log("train", epoch + step_of_epoch, terms | settings)
        self.latest = terms

    def finish_epoch(self) -> None:
        """Validate, and keep the weights if they are the best so far, or the last are kept."""
        progress = self.progress
        progress.epoch += 1
        progress.batch = 0
        train_loss = progress.loss_sum / progress.images
        progress.loss_sum, progress.images = 0.0, 0
        controls = self._controls_at_end(progress.epoch)
        changed = begin_anew(progress, controls)
        measured = self._validate(controls) if len(self.valid) else {}
        self.latest = measured or self.latest
        loss = measured.get("loss_nats")
        watches_valid = self.config.learning_rate_schedule.watched == "valid"
        progress.watched.append(loss if watches_valid and loss is not None else train_loss)
        settled = controls == self._controls_at_end(self.config.epochs)
        if changed and progress.epoch == self.config.epochs:
            settled = False  # it was changing to the end
        rule = self.keeper.rule(controls, settled)
        if is_better(progress, rule, loss):
            about = kept(progress, rule, measured)
            if self.world.leads:
                self._check_folder()
                self.run.save_weights(self.model, self.store.classes, about)
            if self.folder is not None:
                self.folder.settle()

    def save(self, optimizer: Mapping[str, Tensor], seconds: float) -> None:
        """Write everything needed to go on.

        Args:
            optimizer: the state of the optimiser.
            seconds: spent training in all.

        Raises:
            DivergedError: a loss was not finite; nothing was written.
            RunGoneError: the run's folder has vanished.
        """
        self._check_folder()
        if self.meter.sizes:
            self.meter.totals(self.progress.step)
        self.progress.seconds = seconds
        self.progress.log_bytes = log.sync(self.run)
        save_checkpoint(self.run.resume_path, self.progress, self.model, optimizer, self.meter)

    def restore(self, load_optimizer: Callable[[Mapping[str, Tensor]], object]) -> None:
        """Go on from what was saved, if anything was."""
        path = self.run.resume_path
        if may_be_there(path):
            self.progress = load_checkpoint(path, self.model, load_optimizer, self.meter)
        changed = self.changes.go_on_from(self.progress.step)
        if changed and self.world.leads:
            self.run.save_changes(self.changes.all)

    def draw(self, drawer: Drawer) -> None:
        """Hand the pictures of this epoch over, if any are due."""
        config, epoch = self.experiment.figures, self.progress.epoch
        figures = suited(config.every_epoch, self.experiment.model)
        if not figures or (epoch % config.interval and epoch < self.config.epochs):
            return
        self.model.eval()
        self._check_folder()
        subject = Subject(
            self.experiment.task_name, self.model, self.store, self.pixels,
            self.run.metrics(), epoch, self.run.plane(),
        )  # fmt: skip
        panels = [(figure, figure.compute(subject)) for figure in figures]
        # before the panels: drawn again after a kill, they are turned as they were
        if isinstance(self.model, FlatLatent) and self.model.latent != 2:
            subject.plane.save(self.run.plane_path)
        for figure, panel in panels:
            folder = self.run.figures
            drawer.submit(figure, panel, folder)
            picture, name = folder / f"{panel.name}.png", f"every_epoch/{figure.kind}"
            self.loggers.expect(picture, name, self.progress.step)

    def log_pictures(self, written: Iterable[Path]) -> None:
        """Show the loggers what was drawn when training was over."""
        for path in written:
            if path.suffix == ".png":
                self.loggers.expect(path, f"at_end/{path.stem}", self.progress.step)

    def rewind(self) -> bool:
        """Forget what log and bundle tell of steps that are about to be made again.

        Returns:
            Whether the log has lost rows of steps that were done.
        """
        if self.bundle is not None:
            self.bundle.rewind(self.progress.step)
        return log.rewind(self.run, self.progress.step, self.progress.log_bytes)

    def keep(self, steps_per_epoch: int) -> Row | None:
        """Keep this step in the bundle, if there is one; its place in the manifest."""
        if self.bundle is None:
            return None
        self._check_folder()
        return self.bundle.keep(self.progress.step, self.progress.step / steps_per_epoch)

    def preview(self) -> Preview:
        """The picture that is kept fresh while training."""
        return Preview(self.run.figures / "preview.png", self.model, self.previewed)

    def advice(self) -> str:
        """What to do about a loss that is not a number."""
        kept = "no weights had been saved yet"
        if self.run.weights_path.is_file():
            kept = f"the weights of epoch {self.progress.best_epoch} are kept in {self.run.path}"
        return (
            f"{kept}. Try a smaller training.optimizer.learning_rate, a larger "
            "likelihood scale or floor, or a warm-up of objective.beta"
        )

    def _controls_at_end(self, epoch: int) -> dict[str, float]:
        """The objective's settings at the last step of an epoch."""
        steps = self.progress.step // self.progress.epoch
        return self.controls(epoch - 1 / steps, epoch * steps - 1)

    def _validate(self, controls: dict[str, float]) -> dict[str, float]:
        self.model.eval()
        numbers = self.keeper.measure(self.model, controls)
        if not isfinite(numbers["elbo_nats"]):
            raise DivergedError(
                f"the validation ELBO after step {self.progress.step:,} is not finite"
            )
        self._log("valid", self.progress.epoch, numbers)
        return numbers

    def _log(self, split: str, epoch: float, numbers: dict[str, float]) -> None:
        if not self.world.leads:
            return
        self._check_folder()
        row: Row = {"step": self.progress.step, "epoch": round(epoch, 6), "split": split, **numbers}
        log.append(self.run, [row])
        self.loggers.log(row)

    def _check_folder(self) -> None:
        if self.folder is not None:
            self.folder.check()

    def _feed(self, split: Split) -> Feed:
        return Feed(split, self.pixels, self.model.classes, self.device)


def _computed(part: Part) -> tuple[Tensor, Tensor, slice]:
    """Images, labels and their places in the batch; of no image, one that counts for nothing."""
    if len(part.images):
        return part.images, part.labels, slice(part.first, part.first + len(part.images))
    return part.images.new_zeros(1, *part.images.shape[1:]), part.labels.new_zeros(1), slice(1)
