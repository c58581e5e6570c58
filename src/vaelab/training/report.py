"""What a training says before and after, and the pictures that it ends with."""

from collections.abc import Sequence
from math import ceil, prod, sqrt
from statistics import fmean, stdev

from vaelab.console import Console, with_error
from vaelab.data import Store
from vaelab.figures import Drawer, film_is_stale
from vaelab.loggers import Loggers
from vaelab.models import LatentVariableModel
from vaelab.runs.records import kept_words
from vaelab.runs.render import draw_missing, draw_run, drawn, suited
from vaelab.runs.run import Run
from vaelab.training.state import read_progress
from vaelab.training.training import Training


def summary(names: Sequence[str], model: LatentVariableModel, store: Store) -> str:
    """What is about to be trained on what."""
    channels, height, width = store.image_shape
    parameters = sum(parameter.numel() for parameter in model.parameters())
    valid = f"{len(store.valid):,} for validation"
    if not len(store.valid):
        valid = "none for validation, so the last weights are kept"
    together = f" each, {len(names)} trained together" if len(names) > 1 else ""
    return (
        f"{', '.join(names)}: {store.name}, {store.training_images:,} images of "
        f"{channels} x {height} x {width} to train on, {valid}, {len(store.test):,} for the test; "
        f"{parameters:,} parameters, {prod(model.latent_shape):,} latent dimensions{together}"
    )


def spread(trainings: Sequence[Training]) -> str:
    """Mean and standard error over runs of the last terms."""
    texts = []
    for name in ("elbo", "distortion", "rate"):
        values = [training.latest[f"{name}_nats"] for training in trainings]
        error = stdev(values) / sqrt(len(values))
        texts.append(f"{name} {with_error(fmean(values), error)}")
    images = "validation images, 1 posterior sample each"
    if not len(trainings[0].store.valid):
        images = "training images of the last log interval"
    return (
        f"{len(trainings)} runs, last epoch, {images}: {', '.join(texts)} nats "
        "(mean and standard error over runs)"
    )


def unfinished(run: Run) -> list[str]:
    """A line for each setting that would have gone on changing, had training been longer."""
    experiment, about = run.experiment, run.about_weights()
    epochs, objective = experiment.training.epochs, experiment.objective
    if any(change.beta is not None for change in experiment.training.changes):
        return []
    measured = about.get("valid_elbo_nats") is not None
    why = ""
    if measured and not experiment.keeps_last:
        why = ", and until then the last weights are kept instead of the best"
    return [
        f"{name} is still {schedule(epochs):.3g} after {epochs} epoch{'s' * (epochs != 1)}: its "
        f"schedule takes {schedule.length:g}{why}; to finish it: vaelab train {run.typed} "
        f"--resume training.epochs={ceil(schedule.length)}"
        for name, schedule in objective.unfinished(epochs).items()
    ]


def finish(
    run: Run, loggers: Loggers | None, store: Store, console: Console, drawer: Drawer
) -> None:
    """Say which weights are kept, and draw the pictures of a run that is over.

    Without loggers it was over before: what is there is neither said nor drawn again.
    """
    drawer.wait()
    if loggers is not None:
        about = run.about_weights()
        console.say(
            f"{run.path}: kept are the weights of epoch {about['epoch']} of "
            f"{run.experiment.training.epochs}: {kept_words(about)}"
        )
        for line in unfinished(run):
            console.say(line)
    wanted, model = run.experiment.figures.at_end, run.experiment.model
    pictures = fitting = suited(wanted, model)
    if loggers is None:  # it may have been killed after its last epoch
        pictures = tuple(figure for figure in pictures if not drawn(run, figure))
    draw_missing(run)
    if pictures or film_is_stale(run.figures):
        written = draw_run(run, pictures, store, console, drawer=drawer)
        step = read_progress(run.resume_path).step
        for path in written:
            if loggers is not None and path.suffix == ".png":
                loggers.expect(path, f"at_end/{path.stem}", step)
    if left_out := [figure.kind for figure in wanted if figure not in fitting]:
        console.say(
            f"without {', '.join(left_out)}, which are made of codes that are one vector: "
            f"model `{model.kind}` has none"
        )
