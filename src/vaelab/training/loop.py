"""The training loop: batches, step, validation, the best weights kept, everything saved."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from time import monotonic

import torch
from torch import Tensor

from vaelab.data.loading.batches import BatchPart
from vaelab.distributed import BatchSlice, size
from vaelab.engine import Engine, Inputs
from vaelab.errors import BadValueError
from vaelab.randomness import Purpose, generator
from vaelab.training.callback import CallbackError
from vaelab.training.state import DivergedError
from vaelab.training.training import Training

MAX_LOST_SECONDS = 2.0
"""Of whole epochs that a kill may undo; within an epoch `training.save_minutes` says how much."""


class DivergedRunError(BadValueError):
    """Training cannot go on, because the loss of the run of this name is not a number."""

    def __init__(self, run: str, explanation: str) -> None:
        super().__init__(f"{run}: {explanation}")
        self.run = run


@dataclass(frozen=True)
class Request:
    """What the loop asks of an engine: one optimiser step."""

    inputs: Inputs
    learning_rate: float


def train_loop(training: Training) -> Generator[Request | None, Tensor | str | None, None]:
    """Train one run to its last epoch.

    It yields what each optimiser step needs, and is sent what the step gave: loss, distortion and
    rate of the batch, nats per image. Sent a reason to stop instead, it ends. After a step it
    yields None: everything is such that it can be saved. So `take_steps` can take the steps of
    several runs at once, and save them together.
    """
    config, progress, steps_per_epoch = training.config, training.progress, training.steps_per_epoch
    training.begin()
    while progress.epoch < config.epochs:
        training.model.train()
        epoch = training.batches.epoch(config.seed, progress.epoch, progress.batch)
        with closing(epoch) as batches:
            for batch in batches:
                training.call("before_step")
                terms = yield request(training, batch)  # the engine takes the step
                if not isinstance(terms, Tensor):
                    training.end(terms)
                    return
                progress.step += 1
                progress.batch += 1
                training.meter.add(terms, batch.size)
                epoch_ends = progress.batch == steps_per_epoch
                if training.meter.full or epoch_ends:
                    try:
                        training.read_meter()
                    except CallbackError:
                        if epoch_ends:  # within it there is nothing to go on with
                            training.finish_epoch()
                        raise
                if epoch_ends:
                    training.finish_epoch()  # validates, keeps the best weights
                    training.call("on_epoch")
                training.call("on_step")
                yield None  # saved now and then
    training.end(None)


def request(training: Training, batch: BatchPart) -> Request:
    """The batch with its noise, and the controls and the learning rate of this step.

    Noise is drawn for the whole batch; a process that has some of its images takes theirs.
    """
    seed, step = training.config.seed, training.progress.step
    device, objective = training.device, training.objective
    epoch = training.progress.epoch + training.progress.batch / training.steps_per_epoch
    images, labels, mine = _computed(batch)
    draws = generator(seed, Purpose.POSTERIOR, step, device)
    shape = (objective.num_samples, batch.size, *training.model.latent_shape)
    noise = torch.randn(shape, generator=draws, device=device)[:, mine]
    uniform = None
    if training.pixels.dynamic:
        draws = generator(seed, Purpose.PIXELS, step, device)
        pixels = (batch.size, *batch.images.shape[1:])
        uniform = torch.rand(pixels, generator=draws, device=device)[mine]
    controls = {
        name: torch.full((), value, device=device)  # a copy would wait for the GPU
        for name, value in training.controls(epoch, step).items()
    }
    share = BatchSlice(batch.first, len(batch.images), batch.size) if size() > 1 else None
    inputs = Inputs(images, labels, noise, uniform, controls, share)
    return Request(inputs, training.learning_rate(epoch, step))


def _computed(part: BatchPart) -> tuple[Tensor, Tensor, slice]:
    """Images, labels and their places in the batch; of no image, one that counts for nothing."""
    if len(part.images):
        return part.images, part.labels, slice(part.first, part.first + len(part.images))
    return part.images.new_zeros(1, *part.images.shape[1:]), part.labels.new_zeros(1), slice(1)


def take_steps(trainings: Sequence[Training], engine: Engine, until: int | None = None) -> None:
    """Run the loops of runs in step with each other to their end, or saved `until` a step.

    Raises:
        DivergedRunError: a loss is no longer a finite number.
        CallbackError: a callback failed; all runs are saved at the same step.
    """
    try:
        _take_steps(trainings, engine, until)
    except CallbackError:
        _save(trainings)
        raise


def _take_steps(trainings: Sequence[Training], engine: Engine, until: int | None) -> None:
    loops = [train_loop(training) for training in trainings]
    pairs = list(zip(trainings, loops, strict=True))
    first, reason, saved_at = trainings[0], None, monotonic()
    while steps := [step for pair in pairs if (step := _advance(*pair, None)) is not None]:
        asked = next((why for one in trainings if (why := one.asked_to_stop)), None)
        reason = asked if size() == 1 else reason
        if first.progress.step == until:
            reason = ""
        elif reason is None and first.changes.stops(first.progress.step):
            reason = f"stopped after step {first.progress.step:,}, as training.changes says"
        if reason is not None:
            _save(trainings)
            for pair in pairs:
                _advance(*pair, reason)
            return
        inputs, rates = zip(*((step.inputs, step.learning_rate) for step in steps), strict=True)
        terms, stop = engine.step(inputs, rates, asked is not None)
        if size() > 1 and stop:  # every process knows it by now
            reason = asked or "another process was stopped"
        failed = list[CallbackError]()
        for pair, row in zip(pairs, terms, strict=True):
            try:
                _advance(*pair, row)
            except CallbackError as error:  # the others finish the step
                failed.append(error)
        if failed:
            raise failed[0]
        if _save_is_due(first, monotonic() - saved_at):
            _save(trainings)
            saved_at = monotonic()


def _save_is_due(training: Training, seconds: float) -> bool:
    """Whether to save after this step, so long after the last time."""
    allowed = 60 * training.config.save_minutes
    if training.progress.batch == 0:
        allowed = min(allowed, MAX_LOST_SECONDS)
    return seconds > allowed or training.progress.epoch == training.config.epochs


def _save(trainings: Sequence[Training]) -> None:
    """Save runs such that a kill leaves each as far as the others, or so that it can be made so."""
    for training in trainings:
        _explained(training, training.prepare)
    for training in trainings:
        training.put_in_place()


def _advance(
    training: Training,
    loop: Generator[Request | None, Tensor | str | None, None],
    answer: Tensor | str | None,
) -> Request | None:
    """What the loop asks for next; None: nothing now, or it is over."""
    return _explained(training, lambda: loop.send(answer))


def _explained(training: Training, act: Callable[[], Request | None]) -> Request | None:
    """Do something for a run; a loss that is not a number is said with the run's name."""
    try:
        return act()
    except StopIteration:
        return None
    except DivergedError as error:
        name = training.experiment.task_name
        raise DivergedRunError(name, f"{error}; {_advice(training)}") from error


def _advice(training: Training) -> str:
    """What to do about a loss that is not a number."""
    saved = "no weights had been saved yet"
    if training.run.weights_path.is_file():
        epoch = training.progress.best_epoch
        saved = f"the weights of epoch {epoch} are kept in {training.run.path}"
    if own := training.objective.own:
        return (
            f"{saved}. Look first at your own objective `{own}`: whether it may divide by 0, take "
            "the logarithm or the root of a number that is not above 0, or grow without bound"
        )
    return (
        f"{saved}. Try a smaller training.optimizer.learning_rate, a larger likelihood scale or "
        "floor, or a warm-up of objective.beta"
    )
