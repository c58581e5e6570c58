"""What watches every training: pictures, kept steps, trackers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
import torch

from vaelab.bundle import kept_steps
from vaelab.errors import BadValueError
from vaelab.experiment import USUAL_PICTURES
from vaelab.figures import Drawer, FigureContext
from vaelab.files import make_folder, write_bytes
from vaelab.imaging import png, to_image
from vaelab.loggers import BaseLoggerConfig, Logged, Loggers
from vaelab.networks.network import evaluating
from vaelab.runs.records import Row
from vaelab.runs.render import suited
from vaelab.runs.run import Run
from vaelab.tensorfile import read_tensors
from vaelab.training.callback import Callback
from vaelab.training.start import is_finished, progress_of

if TYPE_CHECKING:
    from vaelab.training.training import Training


class Pictures(Callback):
    """Has the pictures of the epochs drawn, and gives these and the log to experiment trackers."""

    def __init__(self, drawer: Drawer, loggers: Loggers) -> None:
        self.drawer, self.loggers = drawer, loggers

    def on_start(self, training: "Training") -> None:
        if training.progress.step == 0:
            self.on_epoch(training)

    def on_log(self, training: "Training", row: Row) -> None:
        self.loggers.log(row)

    def on_epoch(self, training: "Training") -> None:
        experiment, epoch = training.experiment, training.progress.epoch
        config = experiment.figures
        figures = suited(config.every_epoch, experiment.model)
        epochs = training.config.epochs
        interval = config.interval or ceil(epochs / USUAL_PICTURES)
        if not figures or (epoch % interval and epoch < epochs):
            return
        training.model.eval()
        training.check_folder()
        run = training.run
        context = FigureContext(
            experiment.task_name, training.model, training.store, training.pixels,
            run.metrics(), epoch, run.plane(),
        )  # fmt: skip
        panels = [(figure, figure.compute(context)) for figure in figures]
        # before the panels: drawn again after a kill, they are turned as they were
        context.save_plane(run.plane_path)
        for figure, panel in panels:
            self.drawer.submit(figure, panel, run.figures)
            picture = run.figures / f"{panel.name}.png"
            self.loggers.expect(picture, f"every_epoch/{figure.kind}", training.progress.step)


class KeptSteps(Callback):
    """Keeps some steps for the explorer."""

    def on_start(self, training: "Training") -> None:
        total = training.config.epochs * training.steps_per_epoch
        keep = training.experiment.explorer.keep
        if keep is None:
            keep = 0 if training.bundle is None else training.bundle.usual_steps
        self._steps = kept_steps(total, keep)
        self._left_out: list[tuple[int, str]] = []
        self._keep_scheduled(training)

    def on_step(self, training: "Training") -> None:
        self._keep_scheduled(training)

    def _keep_scheduled(self, training: "Training") -> None:
        if training.progress.step in self._steps:
            self._keep(training, training.progress.step)

    def on_stop(self, training: "Training") -> None:
        if training.stopped and self._steps:
            self._keep(training, training.progress.step)
        if self._steps:
            self._keep_best(training)
        if self._left_out:
            count, (step, why) = len(self._left_out), self._left_out[0]
            words = f"{count} steps are" if count > 1 else "1 step is"
            training.say(f"{words} not kept for explore, the first of them step {step:,}: {why}")

    def _keep_best(self, training: "Training") -> None:
        """Keep the run's own weights too, where they are not of a step that is kept."""
        best, bundle = training.run.about_weights().get("step"), training.bundle
        if best is None or bundle is None or best in {step["step"] for step in bundle.steps}:
            return
        weights, _ = read_tensors(training.run.weights_path)
        last = {name: one.clone() for name, one in training.model.state_dict().items()}
        training.model.load_state_dict(weights)
        self._keep(training, best)
        training.model.load_state_dict(last)

    def _keep(self, training: "Training", step: int) -> None:
        if training.bundle is None:
            return
        training.check_folder()
        try:
            training.bundle.keep(step, step / training.steps_per_epoch)
        except BadValueError as error:
            self._left_out.append((step, str(error)))


PREVIEW_SECONDS, PREVIEW_SIDE = 0.5, 128


class Preview(Callback):
    """A picture of the first validation image beside its reconstruction, twice a second at most."""

    def on_start(self, training: "Training") -> None:
        self._drawn = -PREVIEW_SECONDS
        split = training.store.valid if len(training.store.valid) else training.store.train
        self._batch = next(training.loader(split.select(np.arange(1))).batches(1))

    @torch.no_grad()
    def on_step(self, training: "Training") -> None:
        if monotonic() - self._drawn < PREVIEW_SECONDS:
            return
        self._drawn = monotonic()
        model, batch = training.model, self._batch
        with evaluating(model):
            output = model.reconstruct(batch.x, batch.context).mean
        pair = torch.cat([batch.x, output], dim=3)
        unit = training.pixels.to_unit(pair)[0].permute(1, 2, 0)
        grey = np.rint(unit.float().cpu().numpy() * 255).astype(np.uint8)
        make_folder(training.run.figures)
        write_bytes(training.run.figures / "preview.png", png(to_image(grey, PREVIEW_SIDE)))


@contextmanager
def opened_loggers(
    runs: Sequence[Run], configs: Sequence[BaseLoggerConfig], say: Callable[[str], object]
) -> Iterator[list[Loggers]]:
    """The trackers of runs inside the block; a finished run's get only what they lack."""
    opened, failed = list[Loggers](), True
    try:
        for run in runs:
            opened.append(_open(run, configs, say))
            if is_finished(run):
                opened[-1].close(failed=False)
        yield opened
        failed = False
    finally:
        for loggers in opened:
            loggers.close(failed)


def _open(run: Run, configs: Sequence[BaseLoggerConfig], say: Callable[[str], object]) -> Loggers:
    if not configs:
        return Loggers()
    name = run.experiment.task_name
    subject = Logged(name, run.identity(), run.path, run.experiment, progress_of(run).step)
    loggers = Loggers.open(configs, subject, run.metrics())
    for place in loggers.places:
        say(f"{name} is also logged to {place}")
    return loggers
