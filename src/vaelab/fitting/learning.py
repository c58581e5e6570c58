"""Learning p(z) from codes by maximum likelihood, until the validation images say stop."""

from collections.abc import Sequence
from math import inf, isfinite

import torch
from torch import Tensor

from vaelab.data.feed import Feed
from vaelab.errors import BadValueError
from vaelab.experiment import PriorFitConfig
from vaelab.fitting.codes import Codes, Encoder, mean_rate
from vaelab.fitting.log import Log
from vaelab.optimizers import AdamConfig, CosineRate
from vaelab.priors import MixturePrior, Prior
from vaelab.randomness import Purpose, generator
from vaelab.training.interrupt import Interrupt

MOST = 20_000
"""Codes that expectation-maximisation is given."""


def learn(
    prior: Prior,
    encoder: Encoder,
    train: Feed,
    valid: Sequence[Codes],
    settings: PriorFitConfig,
    log: Log,
    interrupt: Interrupt,
) -> None:
    """Maximise the mean of log p(z) over fresh codes of the training images.

    The prior is in no other part of the ELBO, so that this is training on the ELBO with everything
    else kept. What is kept is the best p(z) of the validation images, or the last if there are
    none.

    Args:
        prior: to be learned.
        encoder: of the model that it is for.
        train: the training images.
        valid: codes of the validation images; there may be none.
        settings: how.
        log: told of each pass.
        interrupt: a person's wish to stop.

    Raises:
        BadValueError: a density is no finite number, or there are too few codes.
    """
    if isinstance(prior, MixturePrior):
        some = torch.linspace(0, len(train) - 1, min(MOST, len(train))).round().long()
        codes = encoder.draw(train.images(some), train.labels[some], settings.seed, 0)
        prior.start_at(codes.z, settings.seed)
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
