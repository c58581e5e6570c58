"""vaelab's side: everything that knows its internals.

The other files ask for a `Stepper` (the project's own training loop, step by step), a bound to
measure, and the multiply-adds of a network.
"""

import gc
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from benchmarks.images import CLASSES, Images, load
from benchmarks.timing import timed
from vaelab.data import Store
from vaelab.data.feed import Feed
from vaelab.data.mapped import open_images
from vaelab.data.store import Outline, Split
from vaelab.distributed.world import World
from vaelab.figures import Drawer, Subject
from vaelab.figures.latent import LatentFigure
from vaelab.library import load_experiment
from vaelab.metrics import IWAEMetric
from vaelab.models.base import NetworkDistribution
from vaelab.run import Run
from vaelab.training import build_model, replicas
from vaelab.training.display import Display
from vaelab.training.interrupt import Interrupt
from vaelab.training.loop import Loop
from vaelab.training.member import Member
from vaelab.training.precision import choose_place
from vaelab.training.shared import synchronise
from vaelab.training.threads import Pace


class Stepper:
    """The project's training loop, driven for some steps at a time.

    Args:
        config: a shipped config's name.
        overrides: of its keys; `training.replicas` trains several at once.
        images: to train on; none are held out.
        folder: for the runs' files.
        test: the test images, for pictures.
        world: the processes that share every batch, if there are several.
    """

    def __init__(
        self,
        config: str,
        overrides: Sequence[str],
        images: Images,
        folder: Path,
        test: Images | None = None,
        world: World | None = None,
    ) -> None:
        world = world or World()
        self.experiment, _ = load_experiment(config, overrides)
        names = tuple(map(str, range(CLASSES)))
        train, none = _split(images), _split(images.first(0))
        tested = none if test is None else _split(test)
        self.store = Store(images.name, train, none, tested, names, "0" * 64)
        place = choose_place(self.experiment.training)
        directory = Path(tempfile.mkdtemp(dir=folder))
        self.members = []
        for one in replicas(self.experiment):
            model = build_model(one, self.store.outline)
            synchronise(model, world)
            run = Run.create(directory / one.task_name, one)
            self.members.append(Member(run, self.store, model.to(place.device), world))
        display = Display(Console(quiet=True), len(self.members))
        self.loop = Loop(self.members, self.store, place, display, world=world)
        self._parts = [self.loop._read(member) for member in self.members]
        self._begun = False

    def begin(self) -> None:
        """Do what the loop does before its first step; only the first call does anything."""
        if self._begun:
            return
        self._begun = True
        loop = self.loop
        loop._compute_with(torch.get_num_threads())
        loop.pace = Pace(loop.progress.threads)
        loop.display.begin(loop.steps_per_epoch, 0)
        gc.collect()
        gc.freeze()

    def steps(self, count: int) -> None:
        """Take so many steps, going on to the next epoch's order where one ends."""
        self.begin()
        loop, progress = self.loop, self.loop.progress
        for member in self.members:
            member.model.train()
        for _ in range(count):
            if progress.batch == loop.steps_per_epoch:
                self._next_epoch()
            loop._take_step([next(part) for part in self._parts], Interrupt())

    def latent_picture(self) -> float:
        """Seconds the trainer's process spends on a picture of the test images' codes.

        That is computing it and handing it over; the drawing process is waited for afterwards.
        """
        self.begin()
        member, pixels = self.members[0], self.experiment.data.pixels
        member.model.eval()
        subject = Subject("benchmark", member.model, self.store, pixels, epoch=1)
        figure, folder = LatentFigure(), member.run.figures
        with Drawer(lambda words: None) as drawer:
            return timed(lambda: drawer.submit(figure, figure.compute(subject), folder))

    def _next_epoch(self) -> None:
        for member in self.members:
            member.progress.epoch = (member.progress.epoch + 1) % member.config.epochs
            member.progress.batch = 0
        self._parts = [self.loop._read(member) for member in self.members]


def steps(config: str, overrides: Sequence[str], data: str, folder: str) -> Callable[[int], float]:
    """Steps of the training loop, for a side of that kind."""
    return _work(Stepper(config, overrides, load(data), Path(folder)))


def mapped_steps(
    config: str, overrides: Sequence[str], data: str, folder: str
) -> Callable[[int], float]:
    """The same of images that stay in a .npy file."""
    pixels = open_images(Path(data))
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


def bounds(config: str, data: str, samples: int) -> Callable[[int], float]:
    """The importance weighted bound of an untrained model, for a side of that kind."""
    experiment, _ = load_experiment(config)
    split = _split(load(data))
    model = build_model(experiment, Outline(split.image_shape, CLASSES)).eval()
    feed = Feed(split, experiment.data.pixels, model.classes)
    metric = IWAEMetric(samples=samples)
    return lambda count: sum(timed(lambda: metric(model, feed)) for _ in range(count)) / count


def multiply_adds(
    config: str, overrides: Sequence[str], shape: tuple[int, int, int]
) -> tuple[list[int], list[int]]:
    """Multiply-adds for one image of each layer of the encoder and of the decoder."""
    experiment, _ = load_experiment(config, overrides)
    model = build_model(experiment, Outline(shape, CLASSES))
    encoder, decoder = (
        [layer.multiply_adds for network in (part.trunk, *part.heads) for layer in network.layers]
        for part in (model.encoder, model.decoder)
        if isinstance(part, NetworkDistribution)
    )
    return encoder, decoder


def first_step() -> None:
    """Everything up to the first training step of the demonstration."""
    experiment, _ = load_experiment("digits")
    train = experiment.data.load().train
    with tempfile.TemporaryDirectory() as folder:
        images = Images("digits", train.images, train.labels)
        Stepper("digits", [], images, Path(folder)).steps(1)


def _split(images: Images) -> Split:
    return Split(images.pixels, images.labels.astype(np.int64))
