"""Learning p(z) from codes by maximum likelihood, until the validation images say stop."""

from collections.abc import Mapping, Sequence
from math import inf, isfinite

import torch
from torch import Tensor

from vaelab.console import Console
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.errors import BadValueError
from vaelab.experiment import PriorFitConfig
from vaelab.metrics import Number
from vaelab.optim import AdamConfig, CosineRate
from vaelab.priors import Prior
from vaelab.randomness import Purpose, generator
from vaelab.runs.records import Row
from vaelab.training.fit_prior.codes import CodeBatch, Encoder, mean_rate
from vaelab.training.interrupt import Interrupt


class Log:
    """Rows of metrics.jsonl, at epoch 0 those of the prior `before`, and lines on a console."""

    def __init__(
        self, console: Console, epochs: int, before: Mapping[str, Mapping[str, Number]]
    ) -> None:
        self._console, self._epochs, self._before = console, epochs, before
        self.rows: list[Row] = []
        self._note(0, 0, {split: one["rate_nats"].value for split, one in before.items()})

    def __call__(self, step: int, epoch: int, rates: Mapping[str, float]) -> None:
        """A pass is over."""
        self._note(step, epoch, rates)
        last = self.rows[-1]
        if epoch % max(1, self._epochs // 20) == 0 or epoch == self._epochs:
            self._console.print(
                f"epoch {epoch:>3}/{self._epochs}  {last['split']}: "
                f"rate {last['rate_nats']:.2f}  elbo {last['elbo_nats']:.2f} nats",
                highlight=False,
            )

    def _note(self, step: int, epoch: int, rates: Mapping[str, float]) -> None:
        for split, rate in rates.items():
            distortion = self._before[split]["distortion_nats"].value
            self.rows.append({
                "step": step, "epoch": epoch, "split": split, "distortion_nats": distortion,
                "rate_nats": rate, "elbo_nats": -distortion - rate,
            })  # fmt: skip


def learn(
    prior: Prior,
    encoder: Encoder,
    train: EvalLoader,
    valid: Sequence[CodeBatch],
    settings: PriorFitConfig,
    log: Log,
    interrupt: Interrupt,
) -> None:
    """Maximise the mean of log p(z) over fresh codes of the training images.

    The prior is in no other part of the ELBO, so that this is training on the ELBO with everything
    else kept. What is kept is the best p(z) of the validation images, or the last if there are
    none.
    """
    if prior.start_codes:
        count = min(prior.start_codes, len(train))
        some = torch.linspace(0, len(train) - 1, count).round().long()
        codes = encoder.draw(train.images(some), train.labels[some], settings.seed, 0)
        prior.fit_start(codes.z, settings.seed)
    parameters = list(prior.parameters())
    optimizer = AdamConfig().build(parameters)
    best, waited, kept = (mean_rate(prior, valid) if valid else inf), 0, _copy(prior)
    step = 0
    for epoch in range(settings.epochs):
        total = 0.0
        draws = generator(settings.seed, Purpose.ORDER, epoch)
        order = torch.randperm(len(train), generator=draws).to(train.device)
        speed = settings.learning_rate * CosineRate()(epoch, settings.epochs, ())
        for index in torch.split(order, settings.batch_size):
            step += 1
            codes = encoder.draw(train.images(index), train.labels[index], settings.seed, step)
            rates = codes.rates(prior)
            gradients = torch.autograd.grad(rates.mean(), parameters)
            optimizer.step(gradients, [speed] * len(parameters))
            total += rates.sum().item()
        latest = {"train": total / len(train)}
        if valid:
            latest["valid"] = mean_rate(prior, valid)
        if not all(map(isfinite, latest.values())):
            raise BadValueError(
                f"log p(z) is no finite number after pass {epoch + 1}; use a smaller "
                f"prior_fit.learning_rate than {settings.learning_rate:g}"
            )
        log(step, epoch + 1, latest)
        waited += 1
        if not valid or latest["valid"] < best:
            best, waited, kept = latest.get("valid", inf), 0, _copy(prior)
        if interrupt.requested or waited > settings.patience:
            break
    prior.load_state_dict(kept)


def _copy(prior: Prior) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in prior.state_dict().items()}
