"""One run under training: its schedules, its log, its validation and its files."""

from collections.abc import Callable, Sequence
from functools import partial
from math import isfinite
from time import monotonic
from typing import Any

from vaelab.bundle import BundleWriter
from vaelab.data import Split, Store
from vaelab.data.loading.batches import Batches
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.distributed import is_main, is_orphaned, size
from vaelab.engine import Engine
from vaelab.errors import BadCombinationError, UserError
from vaelab.experiment import Change, Experiment
from vaelab.files import may_be_there, put_in_place
from vaelab.models import Explorable, LatentVariableModel
from vaelab.runs.records import Row
from vaelab.runs.run import Run
from vaelab.training import log
from vaelab.training.callback import Callback, CallbackError
from vaelab.training.changes import Changes
from vaelab.training.environment import describe_environment, write_environment
from vaelab.training.folder import TrainingFolder
from vaelab.training.interrupt import Interrupt
from vaelab.training.keeping import Keeper, begin_anew, is_better, kept
from vaelab.training.state import DivergedError, Meter, Progress, load_checkpoint, save_checkpoint


class Training:
    """One run under training.

    Noise, order and binarisation are functions of (seed, purpose, step), so that the model, the
    optimiser, `progress` and `meter` are all there is to save.

    Args:
        run: its folder, which the main process alone writes.
        experiment: its config.
        store: its data.
        batches: the training images.
        model: on the training device.
        callbacks: in the order in which they are called, in the main process alone.
        interrupt: a person's wish to stop.
        folder: the run's, locked by the main process.
        say: shows a line to the user.

    Attributes:
        progress: how far it has come.
        latest: the last terms read, of validation images after an epoch, nats per image.
        bundle: the steps kept for the explorer, where the model has a plane of codes.
        stopped: why it ended before its last epoch; None: it did not.
    """

    def __init__(
        self,
        run: Run,
        experiment: Experiment,
        store: Store,
        batches: Batches,
        model: LatentVariableModel,
        callbacks: Sequence[Callback] = (),
        interrupt: Interrupt | None = None,
        folder: TrainingFolder | None = None,
        say: Callable[[str], object] = lambda words: None,
    ) -> None:
        self.run, self.experiment, self.store, self.model = run, experiment, store, model
        self.batches, self.steps_per_epoch = batches, len(batches)
        self.config, self.objective = experiment.training, experiment.objective
        self.pixels, self.callbacks = experiment.data.pixels, list(callbacks)
        self.device = next(model.parameters()).device
        self.progress, self.latest = Progress(), dict[str, float]()
        self.meter = Meter.empty(self.config.log_every, self.device)
        self.changes = Changes(self.config.changes)
        self.keeper = Keeper(experiment, self.loader(store.valid), store.training_images)
        self.bundle: BundleWriter | None = None
        if experiment.model.explorable and isinstance(model, Explorable) and is_main():
            self.bundle = BundleWriter(run.bundle, experiment.task_name, experiment, store, model)
        self.stopped: str | None = None
        self.say = say
        self._asked_to_stop: str | None = None
        self._interrupt, self._folder = interrupt or Interrupt(), folder
        self._facts = describe_environment(self.device, store.checksum, experiment)
        self._rows: list[Row] = []
        self._save_best: Callable[[], None] | None = None  # weights not yet on the disk
        self._began = monotonic()
        self._seconds_before = 0.0

    def restore(self, engine: Engine, number: int) -> None:
        """Go on from what was saved, if anything was; `engine` has the model as its `number`-th.

        Log and bundle forget what they tell of steps about to be made again.
        """
        self._optimizer_state = partial(engine.optimizer_state, number)
        path = self.run.resume_path
        if may_be_there(path):
            load = partial(engine.load_optimizer_state, number)
            self.progress = load_checkpoint(path, self.model, load, self.meter)
        self.progress.check(path, self.steps_per_epoch)
        if self.changes.go_on_from(self.progress.step) and is_main():
            self.run.save_changes(self.changes.all)
        self._seconds_before = self.progress.seconds
        if is_main() and self.bundle is not None:
            self.bundle.rewind(self.progress.step)
        if is_main() and log.rewind(self.run, self.progress.step, self.progress.log_bytes):
            self.say(
                f"warning: {self.run.metrics_path} has lost rows of steps that were done (a "
                "damaged disk, or it was edited); training goes on without them"
            )

    def begin(self) -> None:
        """Start."""
        self._began = monotonic()
        self.call("on_start")
        self.save()
        self._write_environment()

    def end(self, reason: str | None) -> None:
        """End, saved, after the last epoch, or before for a reason ("": to go on at once)."""
        self.stopped = reason or None
        self._write_environment()
        self.call("on_stop")

    def change(
        self, beta: float | None = None, learning_rate: float | None = None, stop: bool = False
    ) -> None:
        """Change a setting from the next step on, or note a stop, so that the run is repeatable.

        Raises:
            BadCombinationError: several processes train, of which only this one would know.
        """
        if size() > 1:
            raise BadCombinationError(
                f"{size()} processes train {self.run.path}; a setting is changed while training on "
                "one process alone: train without --devices, or set a schedule"
            )
        step = self.progress.step
        self.changes.add(Change(step=step, beta=beta, learning_rate=learning_rate, stop=stop))
        self.run.save_changes(self.changes.all)

    def stop(self, reason: str) -> None:
        """Ask to stop before the next step, saved and ready to go on; `reason` is said."""
        self._asked_to_stop = self._asked_to_stop or reason

    @property
    def asked_to_stop(self) -> str | None:
        """Why to stop before the next step, if this process has been asked to."""
        minutes = self.config.max_minutes
        if self._interrupt.requested:
            return "stopped as you asked"
        if is_orphaned():
            return "stopped, since the command that had started it is gone"
        if minutes is not None and monotonic() - self._began > 60 * minutes:
            return f"the budget of training.max_minutes={minutes:g} is spent"
        return self._asked_to_stop

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

    def loader(self, split: Split) -> EvalLoader:
        """Batches of images to evaluate on, on the training device."""
        return EvalLoader(split, self.pixels, self.model.classes, self.device)

    def save(self) -> None:
        """Write everything needed to go on."""
        self.prepare()
        self.put_in_place()

    def prepare(self) -> None:
        """Write the best weights if they are new, and under another name what `save` writes.

        Raises:
            DivergedError: a loss was not finite; nothing was written.
        """
        if not is_main():
            return
        self.check_folder()
        if self.meter.sizes:
            self.meter.totals(self.progress.step)
        if self._save_best is not None:
            self._save_best()
            self._save_best = None
            if self._folder is not None:
                self._folder.settle()
        progress = self.progress
        progress.seconds = self._seconds_before + monotonic() - self._began
        progress.log_bytes = log.sync(self.run)
        done, state = progress.epoch == self.config.epochs, self._optimizer_state()
        save_checkpoint(self.run.prepared_path, progress, self.model, state, self.meter, done)

    def put_in_place(self) -> None:
        """Go on from what was prepared, whenever that may be."""
        if is_main():
            put_in_place(self.run.prepared_path, self.run.resume_path)

    def _write_environment(self) -> None:
        if is_main():
            done = self.progress
            write_environment(self.run.environment_path, self._facts, done.threads, done.seconds)

    def check_folder(self) -> None:
        """See that the run's folder is still there."""
        if self._folder is not None:
            self._folder.check()

    def read_meter(self) -> None:
        """Log the mean terms since the last reading."""
        progress, last = self.progress, self.progress.step - 1
        sums, images = self.meter.totals(progress.step)
        self.meter.clear()
        progress.loss_sum += sums["loss"]
        progress.images += images
        terms = {f"{name}_nats": total / images for name, total in sums.items()}
        terms["elbo_nats"] = -terms["distortion_nats"] - terms["rate_nats"]
        epoch = progress.epoch + (progress.batch - 1) / self.steps_per_epoch
        settings = self.controls(epoch, last) | {"learning_rate": self.learning_rate(epoch, last)}
        self._log("train", epoch + 1 / self.steps_per_epoch, terms | settings)
        self.latest = terms
        self._report()

    def finish_epoch(self) -> None:
        """Validate, and keep the weights if they are the best so far, or the last are kept."""
        progress = self.progress
        progress.epoch += 1
        progress.batch = 0
        train_loss = progress.loss_sum / progress.images
        progress.loss_sum, progress.images = 0.0, 0
        controls = self._controls_at_end(progress.epoch)
        changed = begin_anew(progress, controls)
        self.model.eval()
        measured = self.keeper.measure(self.model, controls) if len(self.store.valid) else {}
        if not isfinite(measured.get("elbo_nats", 0.0)):
            raise DivergedError(f"the validation ELBO after step {progress.step:,} is not finite")
        if measured:
            self._log("valid", progress.epoch, measured)
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
            weights = {name: one.clone() for name, one in self.model.state_dict().items()}
            self._save_best = partial(
                self.run.save_weights, self.model, self.store.classes, about, weights
            )
        self._report()

    def _controls_at_end(self, epoch: int) -> dict[str, float]:
        """The objective's settings at the last step of an epoch."""
        steps = self.progress.step // self.progress.epoch
        return self.controls(epoch - 1 / steps, epoch * steps - 1)

    def _log(self, split: str, epoch: float, numbers: dict[str, float]) -> None:
        if not is_main():
            return
        self.check_folder()
        row: Row = {"step": self.progress.step, "epoch": round(epoch, 6), "split": split, **numbers}
        log.append(self.run, [row])
        self._rows.append(row)

    def _report(self) -> None:
        """Tell callbacks of rows once all is such that it could be saved."""
        while self._rows:
            self.call("on_log", self._rows.pop(0))

    def call(self, hook: str, *arguments: Any) -> None:
        """Call a method of every callback.

        Raises:
            CallbackError: one that is not vaelab's own failed; `take_steps` saves the run.
        """
        callbacks = self.callbacks if hook != "before_step" else self.callbacks[::-1]
        for callback in callbacks if is_main() else []:
            try:
                getattr(callback, hook)(self, *arguments)
            except Exception as error:
                if isinstance(error, UserError) or type(callback).__module__.startswith("vaelab."):
                    raise
                raise CallbackError(callback, hook, self, error) from error
