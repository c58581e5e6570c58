"""Which weights are kept: those that do best, on validation images, at what the run optimises."""

from collections.abc import Mapping
from math import ceil

import torch

from vaelab.data.loading.evaluation import EvalLoader
from vaelab.distributed import all_sum_, rank, size
from vaelab.experiment import Experiment
from vaelab.metrics.bound import BoundMetric
from vaelab.models import LatentVariableModel
from vaelab.randomness import Purpose, generator
from vaelab.runs.records import KeptBy, Row
from vaelab.training.state import Progress


class Keeper:
    """Measures a run's validation images, and says by what its weights are kept."""

    def __init__(self, experiment: Experiment, valid: EvalLoader, images: int) -> None:
        self._config, self._objective = experiment.training, experiment.objective
        self._keeps_last = experiment.keeps_last
        self.valid, self._images = valid, float(images)

    def rule(self, controls: Mapping[str, float], settled: bool) -> KeptBy:
        """What weights are kept by.

        Args:
            controls: settings of the objective at the end of an epoch.
            settled: whether they are those of the end of the training and stay so for a while;
                losses under others do not compare, so that until then the last weights are kept.
        """
        if self._keeps_last or not len(self.valid) or not settled:
            return "last"
        is_bound = self._objective.linear and self._objective.rate_price(controls) == 1
        return "valid_elbo" if is_bound else "valid_loss"

    def measure(
        self, model: LatentVariableModel, controls: Mapping[str, float]
    ) -> dict[str, float]:
        """The bound on the validation images, and `loss_nats`, nats per image.

        The loss leaves out what the model needs besides, which is no part of what is aimed at; it
        is absent where it is that of a batch and there is one image.
        """
        measured = BoundMetric().shared(model, self.valid)
        numbers = {name: number.value for name, number in measured.items()}
        price = self._objective.rate_price(controls)
        if self._objective.linear and price is not None:
            numbers["loss_nats"] = (price - 1) * numbers["rate_nats"] - numbers["elbo_nats"]
        elif len(self.valid) > 1 or not self._objective.couples:
            numbers["loss_nats"] = self._loss(model, controls)
        return numbers

    @torch.no_grad()
    def _loss(self, model: LatentVariableModel, controls: Mapping[str, float]) -> float:
        """The mean over batches about as large as those of training, dealt out to the processes."""
        valid, objective = self.valid, self._objective
        images = ceil(len(valid) / max(1, len(valid) // self._config.batch_size))
        settings = {
            name: torch.tensor(value, device=valid.device)
            for name, value in {**controls, "images": self._images}.items()
        }
        draws = generator(0, Purpose.BOUND, device=valid.device)
        place = valid.device if size() > 1 else "cpu"
        sums = torch.zeros(ceil(len(valid) / images), dtype=torch.float64, device=place)
        counted = 0
        for number, part in enumerate(valid.batches(images)):
            shape = (objective.num_samples, len(part.x), *model.latent_shape)
            noise = torch.randn(shape, generator=draws, device=valid.device, dtype=part.x.dtype)
            if objective.couples and len(part.x) < 2:
                continue
            counted += len(part.x)
            if number % size() == rank():
                terms = model.terms(part.x, part.context, noise=noise)
                sums[number] = len(part.x) * objective(terms, settings).item()
        return all_sum_(sums).sum().item() / counted


def begin_anew(progress: Progress, controls: dict[str, float]) -> bool:
    """Forget the losses of another objective, which those of this one do not compare with.

    Whether it was another one at the end of the epoch before.
    """
    changed = progress.controls not in (None, controls)
    if changed:
        progress.watched.clear()
        progress.best_elbo = progress.best_loss = None
    progress.controls = controls
    return changed


def is_better(progress: Progress, rule: KeptBy, loss: float | None) -> bool:
    """Whether the weights of the epoch just finished take the place of those kept."""
    best = progress.best_loss
    if best is None and rule == "valid_elbo" and progress.best_elbo is not None:
        best = -progress.best_elbo  # an earlier version kept no other
    return rule == "last" or best is None or loss is None or loss < best


def kept(progress: Progress, rule: KeptBy, measured: Mapping[str, float]) -> Row:
    """Note that the weights of this epoch are kept; what their file says of them."""
    progress.best_epoch = progress.epoch
    progress.best_elbo, progress.best_loss = measured.get("elbo_nats"), measured.get("loss_nats")
    values = {"valid_elbo": progress.best_elbo, "valid_loss": progress.best_loss}
    return {
        "epoch": progress.epoch, "step": progress.step, "valid_elbo_nats": progress.best_elbo,
        "kept_by": rule, "kept_value_nats": values.get(rule),
    }  # fmt: skip
