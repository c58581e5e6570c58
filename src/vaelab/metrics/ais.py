"""The log-likelihood by annealed importance sampling."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import log
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution

from vaelab.data.feed import Batch, Feed, class_context
from vaelab.errors import BadCombinationError
from vaelab.metrics.base import BaseMetric, Number
from vaelab.metrics.hmc import LogDensity, hmc
from vaelab.metrics.iwae import DECODED_AT_ONCE, importance_sampled
from vaelab.models import VAE, LatentVariableModel
from vaelab.randomness import Purpose, generator, seeded

BATCH = 500
FIRST_STEP, GAIN = 0.1, 0.1
ACCEPTANCE = 0.65
"""Which the step sizes are adapted to; Neal (2011), section 4.4."""
STEEPNESS = 4.0


class AISMetric(BaseMetric):
    """An upper bound on -log p(x) that does without the encoder: from the prior to the posterior.

    K chains for each image go through the densities p(z) p(x|z)^beta, beta from 0 to 1, and
    collect log w = sum over t of (beta_t - beta_(t-1)) log p(x|z_t), so that E w = p(x):
    "Annealed importance sampling" (Neal, 2001, eq. 11, arXiv physics/9803008); of decoders: "On
    the quantitative analysis of decoder-based generative models" (Wu et al., 2017, arXiv
    1611.04273). The chains' step sizes come from other chains, so that E w = p(x) is exact.
    Use it to check the importance weighted bound, on some images, as it is slow: that bound loses
    the gap between the two, and what this one loses itself, because the encoder's posterior is not
    the true one. A gap below 0 says that the chains, not the encoder, are what is loose.
    """

    kind: Literal["ais"] = "ais"
    images: int = Field(default=100, ge=1)
    """Of a larger split this many are taken, evenly spread."""
    chains: int = Field(default=8, ge=1, le=1_000)
    """K, chains for each image."""
    distributions: int = Field(default=500, ge=2, le=100_000)
    """Steps of beta, closest together at both ends."""
    leapfrogs: int = Field(default=10, ge=1, le=1_000)
    """Of each transition of Hamiltonian Monte Carlo."""
    samples: int = Field(default=100, ge=1)
    """K of the importance weighted bound it is set beside."""
    seed: int = Field(default=0, ge=0)
    """Of all draws."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, feed: Feed) -> dict[str, Number]:
        """`nll_ais{chains}_nats`, and `iwae{K}_gap_nats`: how much lower it is on the same images.

        Raises:
            BadCombinationError: the model has no flat code with a density p(z).
        """
        if not isinstance(model, VAE):
            raise BadCombinationError(
                f"annealed importance sampling needs one flat code with a density p(z), which "
                f"{type(model).__name__} has not; leave it away"
            )
        draws = generator(self.seed, Purpose.EVALUATION, 5, feed.device)
        annealed, weighted = [], []
        with seeded(self.seed, Purpose.SAMPLES):
            for batch in _spread(feed, self.images, max(1, DECODED_AT_ONCE // self.chains)):
                annealed.append(self._log_mean(model, batch))
                weighted.append(importance_sampled(model, batch, self.samples, draws)[0])
        nll, gap = -torch.cat(annealed), torch.cat(annealed) - torch.cat(weighted)
        images = f"{len(nll):,} images"
        chains = f"{self.chains} chains of {self.distributions} distributions, {images}"
        against = f"{self.samples} samples against {self.chains} chains, {images}"
        return {
            f"nll_ais{self.chains}_nats": Number.mean(nll, "nats", chains),
            f"iwae{self.samples}_gap_nats": Number.mean(gap, "nats", against),
        }

    def _log_mean(self, model: VAE, batch: Batch) -> Float[Tensor, " b"]:
        """Log 1/K sum w for each image."""
        prior = model.prior(batch.context)

        def log_likelihood(z: Tensor) -> Tensor:
            log_prob: Tensor = model.decode(z, batch.context).log_prob(batch.x)
            return log_prob

        # the measured chains must not choose their own steps, or E w would not be p(x)
        _, steps = self._anneal(prior, log_likelihood, self._start(prior, len(batch.x), 1))
        start = self._start(prior, len(batch.x), self.chains)
        log_weights, _ = self._anneal(prior, log_likelihood, start, steps)
        return torch.logsumexp(log_weights, 0) - log(self.chains)

    def _start(self, prior: Distribution, images: int, chains: int) -> Float[Tensor, "k b d"]:
        each = () if prior.batch_shape else (images,)  # a prior of each class is a batch by itself
        return prior.sample(torch.Size([chains, *each]))

    def _anneal(
        self,
        prior: Distribution,
        log_likelihood: LogDensity,
        z: Float[Tensor, "k b d"],
        steps: Sequence[Float[Tensor, " b"]] | None = None,
    ) -> tuple[Float[Tensor, "k b"], list[Float[Tensor, " b"]]]:
        """Log weights of chains from prior to posterior, and the steps: those given, or adapted."""
        log_weights = z.new_zeros(z.shape[:-1])
        step = z.new_full(z.shape[1:-1], FIRST_STEP)
        taken = []
        for number, (before, beta) in enumerate(pairwise(schedule(self.distributions))):
            log_weights = log_weights + (beta - before) * log_likelihood(z)
            step = step if steps is None else steps[number]
            taken.append(step)

            def log_density(z: Tensor, beta: float = beta) -> Tensor:
                log_prob: Tensor = prior.log_prob(z) + beta * log_likelihood(z)
                return log_prob

            z, acceptance = hmc(log_density, z, step, self.leapfrogs)
            step = step * (GAIN * (acceptance.mean(0) - ACCEPTANCE)).exp()
        return log_weights, taken


def schedule(distributions: int) -> list[float]:
    """Beta from 0 to 1: a sigmoid of evenly spaced numbers from -4 to 4, Wu et al. (2017)."""
    sigmoid = torch.linspace(
        -STEEPNESS, STEEPNESS, distributions + 1, dtype=torch.float64
    ).sigmoid()
    return ((sigmoid - sigmoid[0]) / (sigmoid[-1] - sigmoid[0])).tolist()


def _spread(feed: Feed, count: int, size: int) -> Iterator[Batch]:
    """`count` images or all there are, evenly spread over the split, `size` at a time."""
    count = min(count, len(feed))
    chosen = torch.arange(count, device=feed.device) * len(feed) // count
    images, labels = [], []
    for first, batch in zip(range(0, len(feed), BATCH), feed.batches(BATCH), strict=True):
        within = chosen[(chosen >= first) & (chosen < first + BATCH)] - first
        images.append(batch.x[within])
        labels.append(batch.labels[within])
    x, label = torch.cat(images), torch.cat(labels)
    for first in range(0, count, size):
        part = slice(first, first + size)
        yield Batch(x[part], label[part], class_context(label[part], feed.classes))
