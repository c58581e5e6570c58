"""Training: one loop, its run directory, and what it needs to go on."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from math import prod, sqrt
from pathlib import Path
from statistics import fmean, stdev

import torch

from vaelab.console import Console
from vaelab.data import Store
from vaelab.data.store import Outline
from vaelab.distributed.world import World
from vaelab.errors import StorageError
from vaelab.experiment import Experiment
from vaelab.figures import Drawer, film_is_stale
from vaelab.models import LatentVariableModel
from vaelab.pictures import draw_missing, draw_run, drawn, suited
from vaelab.randomness import Purpose, seeded
from vaelab.records import kept_words
from vaelab.run import Run
from vaelab.training.conductor import Conductor
from vaelab.training.display import Display
from vaelab.training.folder import TrainingFolder
from vaelab.training.interrupt import interruptible
from vaelab.training.logged import catch_up, logged
from vaelab.training.loop import Loop
from vaelab.training.member import Member
from vaelab.training.meter import DivergedRunError
from vaelab.training.output_bias import start_at_mean
from vaelab.training.precision import choose_place, number_format
from vaelab.training.replicas import check_alike, replicas
from vaelab.training.shared import check_folder, check_shared, facts, synchronise
from vaelab.training.start import Start, check_start, epochs_done, open_folders

__all__ = [
    "DivergedRunError",
    "Outcome",
    "Start",
    "check_alike",
    "interruptible",
    "replicas",
    "train",
    "train_together",
]


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes:
        run: what was trained.
        stopped: why it stopped before its last epoch, if it did.
        signal: number of the signal that stopped it; None: nothing, or another reason.
    """

    run: Run
    stopped: str | None
    signal: int | None = None


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
    return train_together([experiment], folder, start, console)[0]


def train_together(
    experiments: Sequence[Experiment],
    folder: Path,
    start: Start = Start.NEW,
    console: Console | None = None,
    conductor: Conductor | None = None,
    world: World | None = None,
) -> list[Outcome]:
    """Train experiments that differ in seed, learning rate or beta alone as one batched model.

    Each gets what it would get by itself, up to rounding, and a run directory of its own.

    Args:
        experiments: one or more; `replicas` makes them from one with `training.replicas`.
        folder: as for `train`.
        start: as for `train`.
        console: as for `train`.
        conductor: someone who watches and steers, step by step.
        world: the processes that share every batch, each of which calls this; None: this one alone.

    Returns:
        For each its run, and whether it was stopped before its last epoch.

    Raises:
        UserError: as for `train`; or the experiments cannot be trained together.
    """
    folders: list[TrainingFolder] = []
    try:
        return _train(experiments, folder, start, console, conductor, world or World(), folders)
    except StorageError:
        for one in folders:
            one.check()  # a folder that has vanished is why
        raise


def _train(
    experiments: Sequence[Experiment],
    folder: Path,
    start: Start,
    console: Console | None,
    conductor: Conductor | None,
    world: World,
    folders: list[TrainingFolder],
) -> list[Outcome]:
    console = console if console and world.leads else Console(quiet=True)
    display = Display(console, len(experiments))
    check_alike(experiments)
    check_shared(experiments, world.size)
    training = experiments[0].training
    with ExitStack() as logs:
        with world.watching(), number_format(training.precision):
            store = _load(experiments[0], world)
            place = choose_place(training, world.local_rank)
            models = _build_models(experiments, store, place.device, world)
            paths = [folder / one.task_name for one in experiments]
            for one, path in zip(experiments, paths, strict=True):
                check_start(one, path, start, store.checksum)
            if world.size > 1:
                world.agree(facts(experiments, paths, store.checksum))
                check_folder(folder, world)
            if world.leads:
                for opened in open_folders(experiments, paths, start, store.checksum):
                    folders.append(logs.enter_context(opened))
            world.wait()  # rank 0 makes the folders before the others look
            runs = [Run(path) for path in paths]
            members = [
                Member(run, store, model, world, folder)
                for run, model, one, folder in zip_longest(runs, models, experiments, folders)
                if not _is_finished(run, one.training.epochs, display)
            ]
            trained = {member.run.path: member for member in members}
            for run in runs if world.leads else []:
                if run.path not in trained:
                    catch_up(run, training.loggers, display.say)
            logs.enter_context(logged(members if world.leads else [], display.say))
            stopped = signal = None
            if members:
                display.say(_summary(members, store))
                with display, interruptible() as interrupt, Drawer(display.say) as drawer:
                    for group, until in _level(members):
                        loop = Loop(group, store, place, display, conductor, world)
                        stopped = stopped or loop.train(interrupt, drawer, until)
                    signal = interrupt.signal if stopped else None
        for run in runs if world.leads else []:
            if stopped and run.path in trained:
                display.say(f"{stopped}; to go on: vaelab train {run.path} --resume")
                if aside := trained[run.path].replaced:
                    display.say(f"until it has weights, what it replaces is kept in {aside}")
            else:
                if run.path in trained:
                    about = run.about_weights()
                    display.say(
                        f"{run.path}: kept are the weights of epoch {about['epoch']} of "
                        f"{run.experiment.training.epochs}: {kept_words(about)}"
                    )
                _draw_at_end(run, trained.get(run.path), store, display)
    if len(members) > 1 and not stopped:
        display.say(_spread(members))
    return [
        Outcome(run, stopped, signal) if run.path in trained else Outcome(run, None) for run in runs
    ]


def _load(experiment: Experiment, world: World) -> Store:
    """The data; rank 0 first, so that the others find what it downloads or imports."""
    if not world.leads:
        world.wait()
    store = experiment.data.load()
    if world.leads:
        world.wait()
    return store


def _build_models(
    experiments: Sequence[Experiment], store: Store, device: torch.device, world: World
) -> list[LatentVariableModel]:
    models = [build_model(one, store.outline) for one in experiments]
    for model in models:
        if experiments[0].training.output_bias == "mean":
            start_at_mean(model, store.train.images)
        synchronise(model, world)
    return [model.to(device) for model in models]


def _draw_at_end(run: Run, member: Member | None, store: Store, display: Display) -> None:
    """Draw the pictures of a run that is over; one without a member was so before."""
    wanted, model = run.experiment.figures.at_end, run.experiment.model
    pictures = fitting = suited(wanted, model)
    if member is None:  # it may have been killed after its last epoch
        pictures = tuple(figure for figure in pictures if not drawn(run, figure))
    draw_missing(run)
    if pictures or film_is_stale(run.figures):
        written = draw_run(run, pictures, store, display.console)
        if member is not None:
            member.log_pictures(written)
    if left_out := [figure.kind for figure in wanted if figure not in fitting]:
        display.say(
            f"without {', '.join(left_out)}, which are made of codes that are one vector: "
            f"model `{model.kind}` has none"
        )


def build_model(experiment: Experiment, images: Outline) -> LatentVariableModel:
    """The model with the parameters that its seed gives it."""
    with seeded(experiment.training.seed, Purpose.INITIALISATION):
        return experiment.model.build(
            images.image_shape, experiment.data.pixels.domain, images.classes
        )


def _spread(members: list[Member]) -> str:
    names = ("elbo", "distortion", "rate")
    texts = []
    for name in names:
        values = [member.latest[f"{name}_nats"] for member in members]
        error = stdev(values) / sqrt(len(values))
        texts.append(f"{name} {fmean(values):.2f} +- {error:.2f}")
    images = "validation images, 1 posterior sample each"
    if not len(members[0].valid):
        images = "training images of the last log interval"
    return (
        f"{len(members)} runs, last epoch, {images}: {', '.join(texts)} nats "
        "(mean and standard error over runs)"
    )


def _is_finished(run: Run, epochs: int, display: Display) -> bool:
    done = epochs_done(run)
    if done < epochs:
        return False
    display.say(
        f"{run.path} is finished: {done} epochs; to go on, ask for more, e.g. "
        f"`vaelab train {run.path} --resume training.epochs={2 * done}`"
    )
    return True


def _level(members: list[Member]) -> Iterator[tuple[list[Member], int | None]]:
    """Groups to train, and until which step: first those behind, then all together.

    A kill while the runs are saved one after the other leaves some a save behind the others.
    """
    steps = sorted({member.saved_step for member in members})
    for behind, ahead in pairwise(steps):
        yield [member for member in members if member.saved_step == behind], ahead
    yield members, None


def _summary(members: list[Member], store: Store) -> str:
    channels, height, width = store.image_shape
    model = members[0].model
    parameters = sum(parameter.numel() for parameter in model.parameters())
    valid = f"{len(store.valid):,} for validation"
    if not len(store.valid):
        valid = "none for validation, so the last weights are kept"
    names = ", ".join(member.experiment.task_name for member in members)
    together = f" each, {len(members)} trained together" if len(members) > 1 else ""
    return (
        f"{names}: {store.name}, {store.training_images:,} images of "
        f"{channels} x {height} x {width} to train on, {valid}, {len(store.test):,} for the test; "
        f"{parameters:,} parameters, {prod(model.latent_shape):,} latent dimensions{together}"
    )
