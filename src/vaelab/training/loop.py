"""The training loop."""

import gc
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from time import monotonic

import torch

from vaelab.bundle import kept_steps
from vaelab.data import Store
from vaelab.data.batches import Part, Share
from vaelab.data.reading import training_batches
from vaelab.distributed.world import World
from vaelab.errors import BadValueError
from vaelab.experiment import Change
from vaelab.figures import Drawer
from vaelab.training.checkpoint import Progress
from vaelab.training.conductor import Conductor, Unattended
from vaelab.training.display import Display
from vaelab.training.environment import describe_environment, write_environment
from vaelab.training.interrupt import Interrupt
from vaelab.training.member import Member
from vaelab.training.meter import DivergedError, DivergedRunError
from vaelab.training.precision import Place
from vaelab.training.step import TrainingStep
from vaelab.training.threads import Pace
from vaelab.training.update import Update


class Loop:
    """Training of one run, or of several together, from where they were left.

    Args:
        members: the runs, all at the same step, alike in everything but seed, learning rate and
            the objective's controls.
        store: their data.
        place: device and number format.
        display: what a person sees.
        conductor: someone who watches and steers, if anyone does.
        world: the processes that share every batch; None: this one alone.
    """

    def __init__(
        self,
        members: Sequence[Member],
        store: Store,
        place: Place,
        display: Display,
        conductor: Conductor | None = None,
        world: World | None = None,
    ) -> None:
        self.world = world or World()
        self.members, self.display = members, display
        self.conductor: Conductor = conductor or Unattended()
        self.config = members[0].config
        self.device = place.device
        self.batches = training_batches(
            store, self.config.batch_size, place.device, Share(self.world.rank, self.world.size)
        )
        self.steps_per_epoch = len(self.batches)
        steps = [
            TrainingStep(one.model, one.objective, one.pixels, self.batches.images, self.world)
            for one in members
        ]
        steps = [step.to(place.device) for step in steps]
        self.update = Update(steps, self.config.optimizer, place, self.world)
        total = self.config.epochs * self.steps_per_epoch
        self.kept = kept_steps(total, members[0].experiment.explorer.keep)
        self.facts = describe_environment(place.device, store.checksum, members[0].experiment)
        self.facts["processes"] = self.world.size
        for index, member in enumerate(members):
            member.restore(partial(self.update.load_optimizer_state, index))
            member.progress.check(member.run.resume_path, self.steps_per_epoch)
        self.update.start_alike()

    @property
    def progress(self) -> Progress:
        """How far all members have come."""
        return self.members[0].progress

    def train(self, interrupt: Interrupt, drawer: Drawer, until: int | None = None) -> str | None:
        """Train until the last epoch, a wish to stop, or the end of the budget.

        Args:
            interrupt: a person's wish to stop.
            drawer: where pictures of the epochs go.
            until: stop silently after this step.

        Returns:
            Why it stopped before its end, if it did.

        Raises:
            BadValueError: a loss is no longer a finite number.
            StorageError: the disk is full.
        """
        threads = torch.get_num_threads()
        fixed, alike = self.config.threads, self.progress.processes == self.world.size
        self._compute_with(fixed or (self.progress.threads if alike else 0) or threads)
        gives_way = self.device.type == "cpu" and fixed is None and self.world.size == 1
        self.pace = Pace(self.progress.threads if gives_way else 1)
        try:
            self._begin(drawer)
            gc.collect()
            gc.freeze()  # what is there now stays: no need to look through it every time
            stopped = self._epochs(interrupt, drawer, until)
            self.conductor.end(self, stopped)
            return stopped
        finally:
            gc.unfreeze()
            torch.set_num_threads(threads)

    def change(
        self, beta: float | None = None, learning_rate: float | None = None, stop: bool = False
    ) -> None:
        """Change a setting from the next step on, or note a stop; logged with its step."""
        for member in self.members:
            step = member.progress.step
            member.change(Change(step=step, beta=beta, learning_rate=learning_rate, stop=stop))

    def _compute_with(self, threads: int) -> None:
        torch.set_num_threads(threads)
        for member in self.members:
            member.progress.threads = threads
            member.progress.processes = self.world.size

    def _begin(self, drawer: Drawer) -> None:
        self.began = self.saved = monotonic()
        self.stopped: str | None = None
        self.seconds_before = self.progress.seconds
        self.display.begin(self.config.epochs * self.steps_per_epoch, self.progress.step)
        for member in self.members if self.world.leads else []:
            if member.rewind():
                self.display.say(
                    f"warning: {member.run.metrics_path} has lost rows of steps that were done "
                    "(a damaged disk, or it was edited); training goes on without them"
                )
            if member.progress.step == 0:
                member.draw(drawer)
        self._save()
        self._keep()
        self.conductor.begin(self)

    def _epochs(self, interrupt: Interrupt, drawer: Drawer, until: int | None) -> str | None:
        progress = self.progress
        leading = self.members if self.world.leads else []
        previews = [member.preview() for member in leading if member.config.preview]
        while progress.epoch < self.config.epochs and progress.step != until:
            for member in self.members:
                member.model.train()
            with ExitStack() as reading:
                parts = [reading.enter_context(closing(self._read(one))) for one in self.members]
                while progress.batch < self.steps_per_epoch and progress.step != until:
                    if stopped := self.conductor.before_step(self) or self._stop(interrupt):
                        self._save()
                        self._keep(always=True)
                        return stopped
                    self._take_step([next(part) for part in parts], interrupt)
                    for preview in previews:
                        preview.refresh()
                    # the end of an epoch saves by itself, after its validation and pictures
                    ended = progress.batch == self.steps_per_epoch
                    if not ended:
                        self._look()
                        if monotonic() - self.saved > 60 * self.config.save_minutes:
                            self._save()
            if progress.batch == self.steps_per_epoch:
                self._finish_epoch()
                for member in leading:
                    member.draw(drawer)
                self._look()
                self._save()  # the last: what a kill before it swallows is made again
        if progress.step == until:
            self._save()
        return None

    def _look(self) -> None:
        """A step is done, with its epoch if it was the last: keep it if it is one to keep."""
        self._keep()
        self.conductor.after_step(self)

    def _keep(self, always: bool = False) -> None:
        if not self.kept or not (always or self.progress.step in self.kept):
            return
        for member in self.members:
            try:
                if (entry := member.keep(self.steps_per_epoch)) is not None:
                    self.conductor.kept(self, entry)
            except BadValueError as error:
                self.display.say(f"step {self.progress.step:,} is not kept for explore: {error}")

    def _read(self, member: Member) -> Generator[Part]:
        progress = member.progress
        return self.batches.epoch(member.config.seed, progress.epoch, progress.batch)

    def _take_step(self, parts: Sequence[Part], interrupt: Interrupt) -> None:
        self.pace.begin()
        epoch = self.progress.epoch + self.progress.batch / self.steps_per_epoch
        inputs = [
            member.inputs(part, epoch) for member, part in zip(self.members, parts, strict=True)
        ]
        rates = [member.learning_rate(epoch, member.progress.step) for member in self.members]
        wish = self._wish_to_stop(interrupt)
        terms, anyone = self.update(inputs, rates, wish is not None)
        self.stopped = (wish or "another process was stopped") if anyone else None
        for member, row in zip(self.members, terms, strict=True):
            member.progress.step += 1
            member.progress.batch += 1
            member.meter.add(row, parts[0].size)
        if self.members[0].meter.full or self.progress.batch == self.steps_per_epoch:
            self._read_meters(epoch)
        if self.pace.end():
            self._compute_with(self.pace.threads)
            self.display.say(
                "another program uses the processor: going on with "
                f"{self.pace.threads} thread{'s' * (self.pace.threads > 1)}, which is faster now"
            )
        images = sum(part.size for part in parts)
        self.display.step(self.progress.step, images, self.progress.epoch + 1, self.config.epochs)

    def _read_meters(self, epoch: float) -> None:
        for member in self.members:
            with self._advising(member):
                member.read_meter(epoch, 1 / self.steps_per_epoch)
        self.display.terms([member.latest for member in self.members])

    def _finish_epoch(self) -> None:
        for member in self.members:
            with self._advising(member):
                member.finish_epoch()
        split = "valid" if len(self.members[0].valid) else "train"
        latest = [member.latest for member in self.members]
        self.display.epoch(self.progress.epoch, self.config.epochs, split, latest)

    def _stop(self, interrupt: Interrupt) -> str | None:
        """Why to stop before the next step, known to all processes."""
        if self.members[0].changes.stops(self.progress.step):
            return f"stopped after step {self.progress.step:,}, as training.changes says"
        return self._wish_to_stop(interrupt) if self.world.size == 1 else self.stopped

    def _wish_to_stop(self, interrupt: Interrupt) -> str | None:
        """Why this process wants to stop; the others hear of it within two steps."""
        if interrupt.requested:
            return "stopped as you asked"
        minutes = self.config.max_minutes
        if minutes is not None and monotonic() - self.began > 60 * minutes:
            return f"the budget of training.max_minutes={minutes:g} is spent"
        return None

    def _save(self) -> None:
        if not self.world.leads:
            return
        seconds = self.seconds_before + monotonic() - self.began
        for index, member in enumerate(self.members):
            with self._advising(member):
                member.save(self.update.optimizer_state(index), seconds)
            write_environment(
                member.run.environment_path, self.facts, member.progress.threads, seconds
            )
        self.saved = monotonic()

    @contextmanager
    def _advising(self, member: Member) -> Iterator[None]:
        try:
            yield
        except DivergedError as error:
            run = member.experiment.task_name
            name = f"{run}: " if len(self.members) > 1 else ""
            raise DivergedRunError(run, f"{name}{error}; {member.advice()}") from error
