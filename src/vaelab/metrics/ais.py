"""The log-likelihood by annealed importance sampling."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import log
from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution

from vaelab.data.loading.evaluation import Batch, EvalLoader, class_context
from vaelab.data.store import evenly_spaced
from vaelab.errors import BadCombinationError
from vaelab.metrics.base import BaseMetric, Number
from vaelab.metrics.bound import DECODED_AT_ONCE, importance_sampled
from vaelab.models import LatentVariableModel, OneLevel
from vaelab.randomness import Purpose, generator, seeded

LogDensity = Callable[[Tensor], Tensor]


def hmc(
    log_density: LogDensity,
    z: Float[Tensor, "k b d"],
    step: Float[Tensor, " b"],
    leapfrogs: int,
) -> tuple[Float[Tensor, "k b d"], Float[Tensor, "k b"]]:
    """A transition that leaves exp(log_density) as it is, and the probability it was accepted with.

    H(z, p) = -log_density(z) + |p|^2 / 2, p ~ N(0, I): "MCMC using Hamiltonian dynamics" (Neal,
    2011, section 3.2, arXiv 1206.1901). There are k chains for each of b images.
    """
    momentum = torch.randn_like(z)
    step = step.unsqueeze(-1)
    density, slope = _with_gradient(log_density, z)
    energy = -density + momentum.square().sum(-1) / 2
    moved = z
    for _ in range(leapfrogs):
        momentum = momentum + step / 2 * slope
        moved = moved + step * momentum
        density, slope = _with_gradient(log_density, moved)
        momentum = momentum + step / 2 * slope
    change = energy + density - momentum.square().sum(-1) / 2
    acceptance = change.clamp(max=0).exp().nan_to_num(0)  # not a number where it flew apart
    accepted: Bool[Tensor, "k b"] = torch.rand_like(acceptance) < acceptance
    return torch.where(accepted.unsqueeze(-1), moved, z), acceptance


def _with_gradient(
    log_density: LogDensity, z: Float[Tensor, "k b d"]
) -> tuple[Float[Tensor, "k b"], Float[Tensor, "k b d"]]:
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        density = log_density(z)
        (slope,) = torch.autograd.grad(density.sum(), z)
    return density.detach(), slope


FIRST_STEP, GAIN = 0.1, 0.1
ACCEPTANCE = 0.65
"""Which the step sizes are adapted to; Neal (2011), section 4.4."""
STEEPNESS = 4.0


class AISMetric(BaseMetric):
    """An upper bound on -log p(x) that does without the encoder: from the prior to the posterior.

    K chains for each image go through the densities p(z) p(x|z)^beta, beta from 0 to 1, and collect
    log w = sum over t of (beta_t - beta_(t-1)) log p(x|z_t), so that E w = p(x): Neal (2001); of
    decoders: Wu et al. (2017). The chains' step sizes come from other chains, so that E w = p(x) is
    exact.
    """

    advice = """Use it to check the importance weighted bound, on some images, as it is slow: that
        bound loses the gap between the two, and what this one loses itself, because the encoder's
        posterior is not the true one. A gap below 0 says that the chains, not the encoder, are what
        is loose."""
    references = """
        "Annealed importance sampling" (Neal, 2001, eq. 11, arXiv physics/9803008); "On the
        quantitative analysis of decoder-based generative models" (Wu et al., 2017, arXiv
        1611.04273)"""

    kind: Literal["ais"] = "ais"
    images: int = Field(default=100, ge=1)
    """Images taken of a larger split, evenly spread."""
    chains: int = Field(default=8, ge=1, le=1_000)
    """K, chains for each image."""
    distributions: int = Field(default=500, ge=2, le=100_000)
    """Steps of beta, closest together at both ends."""
    leapfrogs: int = Field(default=10, ge=1, le=1_000)
    """Leapfrog steps of each transition of Hamiltonian Monte Carlo."""
    samples: int = Field(default=100, ge=1)
    """K of the importance weighted bound it is set beside."""
    seed: int = Field(default=0, ge=0)
    """Seed of all draws."""

    def with_samples(self, samples: int) -> "AISMetric":
        return self.model_copy(update={"samples": samples})

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, Number]:
        """`nll_ais{chains}_nats`, and `iwae{K}_gap_nats`: how much lower it is on these images."""
        if not isinstance(model, OneLevel) or model.certain:
            raise BadCombinationError(
                f"annealed importance sampling needs one flat code with a density p(z), which "
                f"{type(model).__name__} has not; leave it away"
            )
        draws = generator(self.seed, Purpose.AIS, device=loader.device)
        annealed, weighted = [], []
        with seeded(self.seed, Purpose.SAMPLES):
            for batch in _spread(loader, self.images, max(1, DECODED_AT_ONCE // self.chains)):
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

    def _log_mean(self, model: OneLevel, batch: Batch) -> Float[Tensor, " b"]:
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


def _spread(loader: EvalLoader, count: int, size: int) -> Iterator[Batch]:
    """`count` images or all there are, evenly spread over the split, `size` at a time."""
    count = min(count, len(loader))
    chosen = torch.from_numpy(evenly_spaced(len(loader), count)).to(loader.device)
    images, labels = [], []
    first = 0
    for batch in loader.batches():
        within = chosen[(chosen >= first) & (chosen < first + len(batch.x))] - first
        first += len(batch.x)
        images.append(batch.x[within])
        labels.append(batch.labels[within])
    x, label = torch.cat(images), torch.cat(labels)
    for first in range(0, count, size):
        part = slice(first, first + size)
        yield Batch(x[part], label[part], class_context(label[part], loader.classes))
