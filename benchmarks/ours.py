"""vaelab's side: everything that knows its internals.

The other files ask for a `Stepper` (the project's own training loop, step by step), a bound to
measure, and the multiply-adds of a network.
"""

import gc
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from benchmarks.images import CLASSES, Images, load
from benchmarks.timing import timed
from vaelab.console import Console
from vaelab.data import Store
from vaelab.data.loading import training_batches
from vaelab.data.loading.batches import BatchPart, RankShare
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.data.mapped import open_images
from vaelab.data.store import ImageSpec, Split
from vaelab.figures import Drawer, FigureContext
from vaelab.figures.latent import LatentFigure
from vaelab.metrics import IWAEMetric
from vaelab.models.base import ConditionalDistribution
from vaelab.runs.lookup import load_experiment
from vaelab.runs.run import Run
from vaelab.training import Training, build_model, replicas
from vaelab.training.display import ProgressBar
from vaelab.training.loop import Request, request
from vaelab.training.precision import choose_place
from vaelab.training.threads import ThreadThrottle
from vaelab.training.train import start_engine


class Stepper:
    """The project's training loop, driven for some steps at a time.

    Args:
        config: a shipped config's name.
        overrides: of its keys; `training.replicas` trains several at once.
        images: to train on; none are held out.
        folder: for the runs' files.
        test: the test images, for pictures.
    """

    def __init__(
        self,
        config: str,
        overrides: Sequence[str],
        images: Images,
        folder: Path,
        test: Images | None = None,
    ) -> None:
        self.experiment, _ = load_experiment(config, overrides)
        names = tuple(map(str, range(CLASSES)))
        train, none = _split(images), _split(images.first(0))
        tested = none if test is None else _split(test)
        self.store = Store(images.name, train, none, tested, names, "0" * 64)
        place = choose_place(self.experiment.training)
        directory = Path(tempfile.mkdtemp(dir=folder))
        bar = ProgressBar(Console(quiet=True), self.experiment.training.replicas)
        size = self.experiment.training.batch_size
        batches = training_batches(self.store, size, place.device, RankShare())
        self.trainings = []
        for one in replicas(self.experiment):
            model = build_model(one, self.store.image_spec).to(place.device)
            run = Run.create(directory / one.task_name, one)
            throttle = [ThreadThrottle()] if place.device.type == "cpu" else []
            self.trainings.append(Training(run, one, self.store, batches, model, [*throttle, bar]))
        self.engine = start_engine(self.trainings, place)
        self._begun = False

    def begin(self) -> None:
        """Do what the loop does before its first step; only the first call does anything."""
        if self._begun:
            return
        self._begun = True
        for training in self.trainings:
            training.begin()
        self._parts = [self._read(training) for training in self.trainings]
        gc.collect()
        gc.freeze()

    def steps(self, count: int) -> None:
        """Take so many steps."""
        self.begin()
        for training in self.trainings:
            training.model.train()
        for _ in range(count):
            asked = self.ask()
            terms, _ = self.engine.step(
                [one.inputs for one in asked], [one.learning_rate for one in asked]
            )
            for training, row in zip(self.trainings, terms, strict=True):
                training.meter.add(row, self._size)
                if training.meter.full:
                    training.read_meter()
                training.call("on_step")

    def ask(self) -> list[Request]:
        """What the next step takes, going on to the next epoch's order where one ends."""
        if self.trainings[0].progress.batch == self.trainings[0].steps_per_epoch:
            self._next_epoch()
        asked = []
        for training, part in zip(self.trainings, self._parts, strict=True):
            training.call("before_step")
            asked.append(request(training, batch := next(part)))
            training.progress.step += 1
            training.progress.batch += 1
        self._size = batch.size
        return asked

    def latent_picture(self) -> float:
        """Seconds the trainer's process spends on a picture of the test images' codes.

        That is computing it and handing it over; the drawing process is waited for afterwards.
        """
        self.begin()
        training, pixels = self.trainings[0], self.experiment.data.pixels
        training.model.eval()
        context = FigureContext("benchmark", training.model, self.store, pixels, epoch=1)
        figure, folder = LatentFigure(), training.run.figures
        with Drawer(lambda words: None) as drawer:
            return timed(lambda: drawer.submit(figure, figure.compute(context), folder))

    def _next_epoch(self) -> None:
        for training in self.trainings:
            training.progress.epoch = (training.progress.epoch + 1) % training.config.epochs
            training.progress.batch = 0
        self._parts = [self._read(training) for training in self.trainings]

    @staticmethod
    def _read(training: Training) -> Iterator[BatchPart]:
        progress = training.progress
        return training.batches.epoch(training.config.seed, progress.epoch, progress.batch)


def steps(config: str, overrides: Sequence[str], data: str, folder: str) -> Callable[[int], float]:
    """Steps of the training loop, for a side of that kind."""
    return _work(Stepper(config, overrides, load(data), Path(folder)))


def mapped_steps(
    config: str, overrides: Sequence[str], data: str, folder: str
) -> Callable[[int], float]:
    """The same of images that stay in a .npy file."""
    pixels = cast(np.ndarray, open_images(Path(data)))  # has what is asked of one
    images = Images("mapped", pixels, np.arange(len(pixels)) % CLASSES)
    return _work(Stepper(config, overrides, images, Path(folder)))


def _work(stepper: Stepper) -> Callable[[int], float]:
    def work(count: int) -> float:
        stepper.begin()
        return timed(lambda: stepper.steps(count)) / count

    return work


def pictures(config: str, data: str, test: str, folder: str) -> Callable[[int], float]:
    """Latent pictures, one at a time, for a side of that kind."""
    stepper = Stepper(config, [], load(data), Path(folder), load(test))
    return lambda _count: stepper.latent_picture()


def bounds(config: str, data: str, samples: int, device: str = "cpu") -> Callable[[int], float]:
    """The importance weighted bound of an untrained model, for a side of that kind."""
    experiment, _ = load_experiment(config)
    split = _split(load(data))
    model = build_model(experiment, ImageSpec(split.image_shape, CLASSES)).eval().to(device)
    loader = EvalLoader(split, experiment.data.pixels, model.classes, device)
    metric = IWAEMetric(samples=samples)
    return lambda count: sum(timed(lambda: metric(model, loader)) for _ in range(count)) / count


def multiply_adds(
    config: str, overrides: Sequence[str], shape: tuple[int, int, int]
) -> tuple[list[int], list[int]]:
    """Multiply-adds for one image of each layer of the encoder and of the decoder."""
    experiment, _ = load_experiment(config, overrides)
    model = build_model(experiment, ImageSpec(shape, CLASSES))
    encoder, decoder = (
        [layer.multiply_adds for network in (part.trunk, *part.heads) for layer in network.layers]
        for part in (model.encoder, model.decoder)
        if isinstance(part, ConditionalDistribution)
    )
    return encoder, decoder


def first_step() -> None:
    """Everything up to the first training step of `digits`."""
    experiment, _ = load_experiment("digits")
    train = experiment.data.load().train
    with tempfile.TemporaryDirectory() as folder:
        images = Images("digits", cast(np.ndarray, train.images), train.labels)
        Stepper("digits", [], images, Path(folder)).steps(1)


def _split(images: Images) -> Split:
    return Split(images.pixels, images.labels.astype(np.int64))
