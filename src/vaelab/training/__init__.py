"""Training: one loop, its run directory, and what it needs to go on."""

from pathlib import Path

from rich.console import Console

from vaelab.data import Store
from vaelab.data.store import Outline
from vaelab.experiment import Experiment
from vaelab.figures import Drawer
from vaelab.models import FlatLatent
from vaelab.pictures import draw_run, drawn
from vaelab.randomness import Purpose, seeded
from vaelab.training.display import Display
from vaelab.training.interrupt import interruptible
from vaelab.training.loop import Loop, Outcome
from vaelab.training.precision import default_dtype, make_fabric
from vaelab.training.start import Start, epochs_done, open_run

__all__ = ["Outcome", "Start", "train"]


def train(
    experiment: Experiment,
    folder: Path,
    start: Start = Start.NEW,
    console: Console | None = None,
) -> Outcome:
    """Train a model and draw its pictures.

    Args:
        experiment: what to train.
        folder: the run's directory is made in it, named by task_name.
        start: what to do if that directory is there already.
        console: where progress is shown; none: nowhere.

    Returns:
        The run, and whether it was stopped before its last epoch.

    Raises:
        UserError: a setting, the data or the run directory is not right; nothing was overwritten.
    """
    console = Console(quiet=True) if console is None else console
    display = Display(console)
    store = experiment.data.load()
    with default_dtype(experiment.training.precision):
        fabric = make_fabric(experiment.training)
        model = build_model(experiment, store.outline)
        run = open_run(experiment, folder / experiment.task_name, start, store.checksum)
        if (done := epochs_done(run)) >= experiment.training.epochs:
            display.say(
                f"{run.path} is finished: {done} epochs; to go on, ask for more, e.g. "
                f"`vaelab train {run.path} --resume training.epochs={2 * done}`"
            )
            missing = [figure for figure in run.experiment.figures.at_end if not drawn(run, figure)]
            if missing:  # it was killed after its last epoch
                draw_run(run, missing, store, console)
            return Outcome(run, None)
        display.say(_summary(experiment, store, model))
        with display, interruptible() as interrupt, Drawer(display.say) as drawer:
            loop = Loop(run, store, model, fabric, display)
            if run.resume_path.is_file():
                loop.restore()
            outcome = loop.train(interrupt, drawer)
    if outcome.stopped:
        display.say(f"{outcome.stopped}; to go on: vaelab train {run.path} --resume")
    else:
        draw_run(run, run.experiment.figures.at_end, store, console)
    return outcome


def build_model(experiment: Experiment, images: Outline) -> FlatLatent:
    """The model with the parameters that its seed gives it."""
    with seeded(experiment.training.seed, Purpose.INITIALISATION):
        return experiment.model.build(
            images.image_shape, experiment.data.pixels.domain, images.classes
        )


def _summary(experiment: Experiment, store: Store, model: FlatLatent) -> str:
    channels, height, width = store.image_shape
    parameters = sum(parameter.numel() for parameter in model.parameters())
    valid = f"{len(store.valid):,} for validation"
    if not len(store.valid):
        valid = "none for validation, so the last weights are kept"
    return (
        f"{experiment.task_name}: {store.name}, {len(store.train):,} images of "
        f"{channels} x {height} x {width} to train on, {valid}, {len(store.test):,} for the test; "
        f"{parameters:,} parameters, {model.latent} latent dimensions"
    )
