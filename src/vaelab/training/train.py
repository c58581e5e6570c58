"""A training from its config to its pictures."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from pathlib import Path

from vaelab.background import BackgroundProcess
from vaelab.console import Console
from vaelab.data import Store
from vaelab.data.loading import training_batches
from vaelab.data.loading.batches import RankShare
from vaelab.data.store import ImageSpec
from vaelab.distributed import barrier, check_same, is_main, local_rank, rank, size
from vaelab.engine import Engine, TrainingStep, build_engine
from vaelab.errors import StorageError
from vaelab.experiment import Experiment
from vaelab.figures import Drawer
from vaelab.loggers import Loggers
from vaelab.models import LatentVariableModel
from vaelab.randomness import Purpose, seeded
from vaelab.runs.run import Run
from vaelab.training.callback import Callback
from vaelab.training.callbacks import KeptSteps, Pictures, Preview, opened_loggers
from vaelab.training.display import ProgressBar
from vaelab.training.folder import TrainingFolder
from vaelab.training.interrupt import Interrupt, interruptible
from vaelab.training.loop import take_steps
from vaelab.training.output_bias import start_at_mean
from vaelab.training.precision import Place, choose_place, number_format
from vaelab.training.replicas import check_alike, gains_by_batching
from vaelab.training.report import finish, spread, summary
from vaelab.training.shared import check_folder, check_shared, facts
from vaelab.training.start import Start, check_start, open_folders, progress_of
from vaelab.training.threads import ThreadThrottle, computing
from vaelab.training.training import Training


@dataclass(frozen=True)
class Outcome:
    """How a training ended: why before its last epoch, and by which signal, where it did."""

    run: Run
    stopped: str | None
    signal: int | None = None


@dataclass(frozen=True)
class _Due:
    """A run that has epochs to be trained."""

    run: Run
    experiment: Experiment
    model: LatentVariableModel
    folder: TrainingFolder | None
    loggers: Loggers


def train(
    experiment: Experiment,
    folder: Path,
    start: Start = Start.NEW,
    console: Console | None = None,
    callbacks: Sequence[Callback] = (),
    process: BackgroundProcess | None = None,
) -> Outcome:
    """Train a model and draw its pictures, as `train_together`."""
    return train_together([experiment], folder, start, console, callbacks, process)[0]


def train_together(
    experiments: Sequence[Experiment],
    folder: Path,
    start: Start = Start.NEW,
    console: Console | None = None,
    callbacks: Sequence[Callback] = (),
    process: BackgroundProcess | None = None,
) -> list[Outcome]:
    """Train experiments that differ in seed, learning rate or beta alone, in step with each other.

    Each gets what it would get by itself, up to rounding, and a run directory of its own. They are
    one batched model where that is faster.

    Args:
        experiments: one or more; `replicas` makes them from one with `training.replicas`.
        folder: the run's directory is made in it, named by task_name.
        start: what to do if that directory is there already.
        console: where progress is shown; none: nowhere.
        callbacks: what watches or changes it, called in this order, for each run in turn.
        process: draws the pictures, if it has been started before; None: one is started.

    Returns:
        For each its run, and whether it was stopped before its last epoch.

    Raises:
        UserError: a setting, the data or the run directory is not right, and nothing was
            overwritten; or the experiments cannot be trained together.
    """
    folders: list[TrainingFolder] = []
    console = console if console and is_main() else Console(quiet=True)
    check_alike(experiments)
    check_shared(experiments)
    config = experiments[0].training
    with ExitStack() as stack, _vanished(folders):
        with number_format(config.precision):
            store = _load(experiments[0])
            place = choose_place(config, local_rank())
            models = [_start_model(one, store).to(place.device) for one in experiments]
            paths = [folder / one.task_name for one in experiments]
            for one, path in zip(experiments, paths, strict=True):
                check_start(one, path, start, store.checksum)
            if size() > 1:
                check_same(facts(experiments, paths, store.checksum))
                check_folder(folder)
            if is_main():
                for opened in open_folders(experiments, paths, start, store.checksum):
                    folders.append(stack.enter_context(opened))
            barrier()  # the main process makes the folders before the others look
            runs = [_run(path, one, console) for path, one in zip(paths, experiments, strict=True)]
            loggers = stack.enter_context(
                opened_loggers(runs if is_main() else [], config.loggers, console.say)
            )
            due = [
                _Due(run, one, model, locked, told or Loggers())
                for run, one, model, locked, told in zip_longest(
                    runs, experiments, models, folders, loggers
                )
                if progress_of(run).epoch < config.epochs
            ]
            drawer = stack.enter_context(Drawer(console.say, process))
            stopped = signal = None
            trainings: list[Training] = []
            if due:
                names = [one.experiment.task_name for one in due]
                console.say(summary(names, due[0].model, store))
                again = "".join(f"; to go on: vaelab train {one.run.typed} --resume" for one in due)
                with interruptible(again if is_main() else "") as interrupt:
                    for group, until in _levels(due):
                        trainings = _take_steps(
                            group, store, place, console, callbacks, interrupt, drawer, until
                        )
                        if stopped := trainings[0].stopped:
                            break
                    signal = interrupt.signal if stopped else None
        trained = {one.run.path: one for one in due}
        for run in runs if is_main() else []:
            if stopped and run.path in trained:
                console.say(f"{stopped}; to go on: vaelab train {run.typed} --resume")
                locked = trained[run.path].folder
                if locked is not None and (aside := locked.replaced):
                    console.say(f"until it has weights, what it replaces is kept in {aside}")
            else:
                told = trained[run.path].loggers if run.path in trained else None
                with _interruption_told(run, console):
                    finish(run, told, store, console, drawer)
    if len(due) > 1 and not stopped:
        console.say(spread(trainings))
    return [
        Outcome(run, stopped, signal) if run.path in trained else Outcome(run, None) for run in runs
    ]


@contextmanager
def _interruption_told(run: Run, console: Console) -> Iterator[None]:
    """In this block pictures are drawn; whoever interrupts that is told how they are made."""
    try:
        yield
    except KeyboardInterrupt:
        again = f"vaelab train {run.typed} --resume"
        console.say(f"stopped as you asked, and {run.path} is saved; to draw the rest: {again}")
        raise


@contextmanager
def _vanished(folders: Sequence[TrainingFolder]) -> Iterator[None]:
    """What cannot be written in this block may be in a folder that is no longer there."""
    try:
        yield
    except StorageError:
        for folder in folders:
            folder.check()
        raise


def _take_steps(
    group: Sequence[_Due],
    store: Store,
    place: Place,
    console: Console,
    callbacks: Sequence[Callback],
    interrupt: Interrupt,
    drawer: Drawer,
    until: int | None,
) -> list[Training]:
    """Train runs that have come equally far, together, until a step or to their last."""
    config = group[0].experiment.training
    batches = training_batches(store, config.batch_size, place.device, RankShare(rank(), size()))
    gives_way = place.device.type == "cpu" and config.threads is None and size() == 1
    bar = ProgressBar(console, len(group))
    watching: list[Callback] = [*([ThreadThrottle()] if gives_way else []), bar]
    trainings = []
    for one in group:
        preview = [Preview()] if config.preview else []
        own = [Pictures(drawer, one.loggers), *preview, KeptSteps()]
        trainings.append(
            Training(
                one.run, one.experiment, store, batches, one.model,
                [*watching, *own, *callbacks], interrupt, one.folder, console.say,
            )
        )  # fmt: skip
    engine = start_engine(trainings, place)
    with bar, computing(trainings):
        take_steps(trainings, engine, until)
    return trainings


def start_engine(trainings: Sequence[Training], place: Place) -> Engine:
    """The engine of trainings, each as it was left; all processes start alike."""
    first = trainings[0]
    steps = [
        TrainingStep(one.model, one.objective, one.pixels, one.batches.images).to(place.device)
        for one in trainings
    ]
    config = first.config
    batched = gains_by_batching(first.experiment, place.device)
    engine = build_engine(
        config.engine, steps, config.optimizer, place.products, batched, first.say
    )
    for number, training in enumerate(trainings):
        training.restore(engine, number)
    engine.start_alike()
    return engine


def _load(experiment: Experiment) -> Store:
    """The data; the main process first, so that the others find what it downloads or imports."""
    if not is_main():
        barrier()
    store = experiment.data.load()
    if is_main():
        barrier()
    return store


def build_model(experiment: Experiment, images: ImageSpec) -> LatentVariableModel:
    """The model with the parameters that its seed gives it."""
    pixels = experiment.data.pixels
    with seeded(experiment.training.seed, Purpose.INITIALISATION):
        model = experiment.model.build(images.image_shape, pixels.domain, images.classes)
    model.pixels = pixels
    return model


def _start_model(experiment: Experiment, store: Store) -> LatentVariableModel:
    model = build_model(experiment, store.image_spec)
    if experiment.training.output_bias == "mean":
        start_at_mean(model, store.train.images)
    return model


def _run(path: Path, experiment: Experiment, console: Console) -> Run:
    """A run as it is to be trained; as it is on the disk if it has had all its epochs."""
    run = Run(path, experiment)
    if (done := progress_of(run).epoch) < (asked := experiment.training.epochs):
        return run
    fewer = f", and {asked} would be fewer" if asked < done else ""
    console.say(
        f"{path} is finished: {done} epoch{'s' * (done != 1)}{fewer}; to go on, ask for more, e.g. "
        f"`vaelab train {run.typed} --resume training.epochs={2 * done}`"
    )
    return Run(path, Run(path).experiment.holding(experiment))


def _levels(due: Sequence[_Due]) -> Iterator[tuple[list[_Due], int | None]]:
    """Groups to train, and until which step: first those behind, then all together.

    One that was gone on with by itself is ahead of the others.
    """
    for behind, ahead in pairwise(sorted({progress_of(one.run).step for one in due})):
        # those that were further behind have come as far by now
        yield [one for one in due if progress_of(one.run).step == behind], ahead
    yield [*due], None
