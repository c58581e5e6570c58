"""The ways in which traps are measured: both sides to what they show."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil
from typing import cast

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, Normal
from torch.nn.functional import binary_cross_entropy_with_logits

from vaelab.data import UnitPixels
from vaelab.data.loading.evaluation import Batch, EvalLoader
from vaelab.distributions import log_aggregate, rsample
from vaelab.errors import BadCombinationError
from vaelab.figures import FigureContext
from vaelab.likelihoods.bernoulli import ContinuousBernoulli
from vaelab.metrics import BoundMetric, Number
from vaelab.models import FlatLatent, Level, OneLevel
from vaelab.objectives.aggregate import log_aggregate_posterior
from vaelab.randomness import Purpose, generator

COLUMNS = 10
"""Pictures in a row."""

Rows = tuple[tuple[str, UInt8[np.ndarray, "n h w c"]], ...]
"""Rows of pictures, each with its name."""


@dataclass(frozen=True)
class Curve:
    """A number, in nats, at growing values of a setting, with the setting's name."""

    name: str
    at: tuple[int, ...]
    nats: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Evidence:
    """A number that one side of a trap has to show, and a picture like the other side's."""

    name: str
    number: Number
    picture: Rows | Curve


def reconstructions(context: FigureContext) -> Rows:
    """Validation images, what the decoder makes of their codes, and samples from the prior."""
    some = context.store.valid.select(np.arange(COLUMNS))
    codes = context.encode(some)
    return (
        ("images", context.originals(some)),
        ("decoded", context.decode(codes.loc, codes.labels)),
        ("samples", context.sample(codes.labels)),
    )


Sides = tuple[Evidence, Evidence]
"""What the wrong side shows, and what the right one does."""


def measure_bound(name: str, wrong: FigureContext, right: FigureContext) -> Sides:
    """A number of the bound on the validation images of each side, and reconstructions."""
    sides = []
    for side in (wrong, right):
        numbers = BoundMetric(samples=10)(side.model, side.loader(side.store.valid))
        sides.append(Evidence(name, numbers[name], reconstructions(side)))
    return sides[0], sides[1]


SAMPLES = 50
"""K, posterior samples per image."""
SAMPLE_COUNTS = (1, 2, 5, 10, 20, 50, 100)
AT_ONCE = 50
"""Images, with all their samples."""


def surrogate(log_weights: Float[Tensor, "k b"]) -> Float[Tensor, " b"]:
    """Sum over k of w~_k log w_k with w~ = softmax(log w), nats; its w~ held fixed in training.

    Its gradient is that of log 1/K sum w, its value is not: it is larger by log K minus the
    entropy of w~, by up to log K.
    """
    return (torch.softmax(log_weights, 0) * log_weights).sum(0)


def bound(log_weights: Float[Tensor, "k b"]) -> Float[Tensor, " b"]:
    """Log 1/K sum w, nats."""
    return torch.logsumexp(log_weights, 0) - torch.tensor(len(log_weights)).log()


@torch.no_grad()
def measure_surrogate(wrong: FigureContext, right: FigureContext) -> Sides:
    """The same weights of the same samples: the surrogate and the bound of each K."""
    draws = generator(0, Purpose.SURROGATE)
    parts = []
    for batch in right.loader(right.store.valid).batches(AT_ONCE):
        shape = (max(SAMPLE_COUNTS), len(batch.x), right.flat.latent)
        noise = torch.randn(shape, generator=draws)
        parts.append(right.model.terms(batch.x, batch.context, noise=noise).log_weights)
    log_weights = torch.cat(parts, 1)
    sides = []
    for name, estimate in (("surrogate", surrogate), ("bound", bound)):
        chosen = estimate(log_weights[:SAMPLES])
        number = Number.mean(chosen, "nats", f"{SAMPLES} samples per image")
        values = tuple(estimate(log_weights[:k]).mean().item() for k in SAMPLE_COUNTS)
        curve = Curve("K, samples per image", SAMPLE_COUNTS, values)
        sides.append(Evidence(f"iwae{SAMPLES}_{name}_nats", number, curve))
    return sides[0], sides[1]


MIDDLE_GREY, AMPLIFIED = 128, 2
"""How differences are drawn: none is the middle grey."""


@torch.no_grad()
def elbo_at_the_mean(model: FlatLatent, batch: Batch) -> Float[Tensor, " b"]:
    """Log p(x | E_q[z]) - KL(q(z|x) || p(z)), nats: no bound, for no sample was decoded.

    By Jensen's inequality it is above the ELBO where log p(x|z) is concave in z.
    """
    mean = model.encode(batch.x, batch.context).mean
    noise = torch.zeros(1, *mean.shape)
    rate = model.terms(batch.x, batch.context, noise=noise).rate
    return model.decode(mean, batch.context).log_prob(batch.x) - rate


def measure_mean_code(wrong: FigureContext, right: FigureContext) -> Sides:
    """The same weights: what the posterior's mean gives, and what its samples give."""
    loader = wrong.loader(wrong.store.valid)
    values = torch.cat([elbo_at_the_mean(wrong.flat, batch) for batch in loader.batches()])
    number = Number.mean(values, "nats", "posterior mean decoded")
    elbo = BoundMetric(samples=SAMPLES)(right.model, loader)["elbo_nats"]
    return (
        Evidence("elbo_at_the_mean_nats", number, _decoded(wrong, 0)),
        Evidence("elbo_nats", elbo, _decoded(right, 1)),
    )


def _decoded(context: FigureContext, spread: float) -> Rows:
    """Images, what is decoded of loc + spread * scale * noise, and how far it is off the mean."""
    some = context.store.valid.select(np.arange(COLUMNS))
    codes = context.encode(some)
    noise = torch.randn(codes.loc.shape, generator=generator(0, Purpose.FIGURES)).numpy()
    decoded = context.decode(codes.loc + spread * codes.scale * noise, codes.labels)
    change = decoded.astype(int) - context.decode(codes.loc, codes.labels)
    shown = (MIDDLE_GREY + AMPLIFIED * change).clip(0, 255).astype(np.uint8)
    return ("images", context.originals(some)), ("decoded", decoded), ("− mean", shown)


def cross_entropy(
    x: Float[Tensor, "b c h w"], logits: Float[Tensor, "... c h w"]
) -> Float[Tensor, "..."]:
    """-sum over pixels of x log p + (1 - x) log(1 - p), nats; a likelihood for x in {0, 1} only."""
    each = binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")
    return each.flatten(-3).sum(-1)


def log_mass(logits: Float[Tensor, "... c h w"]) -> Float[Tensor, "..."]:
    """The log of the integral of exp(-cross_entropy) over all grey images; 0 for a density.

    A pixel has (2 p - 1) / logit(p), below 1: what the continuous Bernoulli divides by.
    """
    # log p(x) = -cross entropy - log mass, and at x = 0 the cross-entropy is -log(1 - p)
    at_zero = ContinuousBernoulli(logits).log_prob(torch.zeros_like(logits))
    mass: Tensor = -torch.nn.functional.softplus(logits) - at_zero
    return mass.flatten(-3).sum(-1)


def measure_cross_entropy(wrong: FigureContext, right: FigureContext) -> Sides:
    """A Bernoulli decoder asked about grey pixels, and a density of grey pixels.

    The wrong side is trained on coins thrown anew at each use, for vaelab trains no cross-entropy
    of grey pixels. At a given code the two are the same on average, since cross-entropy is linear
    in x; but its codes are those of the coins, so that on grey pixels another model would come out.
    """
    grey = replace(wrong, pixels=UnitPixels())
    values, mass = _cross_entropy_bound(grey.flat, grey.loader(grey.store.valid))
    words = f"cross-entropy; its exp integrates to e^{mass:.1f}, not to 1"
    number = Number.mean(values, "nats", words)
    elbo = BoundMetric()(right.model, right.loader(right.store.valid))["elbo_nats"]
    return (
        Evidence("cross_entropy_elbo_nats", number, reconstructions(grey)),
        Evidence("elbo_nats", elbo, reconstructions(right)),
    )


@torch.no_grad()
def _cross_entropy_bound(
    model: FlatLatent, loader: EvalLoader
) -> tuple[Float[Tensor, " n"], float]:
    """-cross-entropy - rate of each image, and the mean log mass, nats."""
    draws = generator(0, Purpose.CROSS_ENTROPY)
    values, masses = [], []
    for batch in loader.batches():
        noise = torch.randn((1, len(batch.x), model.latent), generator=draws)
        posterior = model.encode(batch.x)
        logits = _logits(model.decode(rsample(posterior, noise)))
        rate = model.terms(batch.x, noise=noise).rate
        values.append(-cross_entropy(batch.x, logits)[0] - rate)
        masses.append(log_mass(logits)[0])
    return torch.cat(values), torch.cat(masses).mean().item()


def _logits(decoded: Distribution) -> Tensor:
    pixel = decoded.base_dist if isinstance(decoded, Independent) else None
    if not isinstance(pixel, Bernoulli):
        raise BadCombinationError(
            "cross-entropy needs the logits of a Bernoulli, but the wrong side decodes to "
            f"{decoded}; use `model.likelihood=bernoulli` there"
        )
    return pixel.logits


BATCH = 64
BATCH_SIZES = (16, 32, 64, 128, 256)
"""Images, of a batch."""
DATA_PARTS = (16, 8, 4, 2, 1)
"""Of the images, as if there were no others."""


def minibatch_total_correlation(
    level: Level, images: Float[Tensor, ""], size: int
) -> Float[Tensor, " n"]:
    """Log q(z) - sum over k of log q(z_k), nats, q estimated from batches of `size` images.

    Minibatch weighted sampling: "Isolating sources of disentanglement in VAEs" (Chen et al., 2018,
    eq. 3, arXiv 1802.04942); good enough to train with, and no estimate of the value. `level` has
    the posteriors of all the images, with one sample of each.
    """
    posterior, parts = level.posterior, []
    for start in range(0, level.z.shape[1], size):
        part = slice(start, start + size)
        few = Independent(Normal(posterior.mean[part], posterior.stddev[part]), 1)
        joint, product = log_aggregate_posterior(Level(level.z[:, part], few, level.prior), images)
        parts.append(joint - product)
    return torch.cat(parts)


def total_correlation(level: Level, images: int) -> Float[Tensor, " images"]:
    """The same with q(z) of the first `images` of them: of more images an upper estimate.

    Each code meets its own posterior with a weight of 1 / images, where of all images that there
    could be it would have none.
    """
    posterior, some = level.posterior, slice(images)
    q = Independent(Normal(posterior.mean[some], posterior.stddev[some]), 1)
    joint, product = log_aggregate(q, level.z[0, some])
    return joint - product


def measure_minibatch(wrong: FigureContext, right: FigureContext) -> Sides:
    """The same codes: q(z) from batches, and q(z) from all the training images or some."""
    level = _level(right)
    count = level.z.shape[1]
    images = torch.tensor(float(count))
    estimates = {size: minibatch_total_correlation(level, images, size) for size in BATCH_SIZES}
    sizes = tuple(count // part for part in DATA_PARTS)
    whole = {size: total_correlation(level, size) for size in sizes}
    words = f"q(z) of {ceil(count / BATCH)} batches of {BATCH} images"
    number = Number.mean(estimates[BATCH], "nats", words)
    words = f"q(z) of all {count:,} images, an upper estimate"
    better = Number.mean(whole[count], "nats", words)
    of_batches = Curve("images of a batch", BATCH_SIZES, _means(estimates.values()))
    of_data = Curve("images there are", sizes, _means(whole.values()))
    return (
        Evidence(f"total_correlation_batch{BATCH}_nats", number, of_batches),
        Evidence("total_correlation_nats", better, of_data),
    )


def _means(estimates: Iterable[Tensor]) -> tuple[float, ...]:
    return tuple(estimate.mean().item() for estimate in estimates)


@torch.no_grad()
def _level(trained: FigureContext) -> Level:
    """The posteriors of the training images, in a random order, and a sample of each."""
    codes = trained.encode(trained.store.train)
    draws = generator(0, Purpose.MINIBATCH)
    order = torch.randperm(len(codes.loc), generator=draws)
    loc, scale = (torch.from_numpy(each).double()[order] for each in (codes.loc, codes.scale))
    noise = torch.randn(loc.shape, generator=draws, dtype=loc.dtype)
    prior = cast(OneLevel, trained.model).prior()
    return Level((loc + scale * noise)[None], Independent(Normal(loc, scale), 1), prior)
