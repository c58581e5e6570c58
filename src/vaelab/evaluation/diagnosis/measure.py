"""The numbers that a run is judged by."""

from collections.abc import Iterator
from math import ceil, hypot, sqrt

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.data import Domain, Split, Store
from vaelab.data.loading.evaluation import Batch, EvalLoader
from vaelab.distributions import rsample
from vaelab.likelihoods import Likelihood
from vaelab.likelihoods.base import RANGE
from vaelab.metrics import ActiveUnitsMetric, BoundMetric, ImpliedScaleMetric, Number
from vaelab.models import FlatLatent, LatentVariableModel, OneLevel, likelihood_of
from vaelab.randomness import Purpose, generator, seeded

NEARNESS_QUANTILE = 0.95
POINTS_AT_ONCE = 256
"""Whose distances to all codes are in memory."""
DRAWS = 1000
"""At least so many draws of the prior, and codes of new images, however few these are."""
IMAGES = 1000
BLACK_AND_WHITE = 2
"""So many levels are no rounded greys."""
ACTIVE = 0.01
"""Of a unit, or of the posterior's own variance, above which a dimension is active."""


def measure(model: LatentVariableModel, known: EvalLoader, new: EvalLoader) -> dict[str, Number]:
    """The numbers of a model: of training images, which it knows, and of images held out."""
    numbers = BoundMetric()(model, new)
    if isinstance(model, FlatLatent):
        numbers |= active_numbers(model, new)
        numbers["latent_dimensions"] = Number(model.latent, "dimensions", "of the model")
        if new.pixels.domain is not Domain.BINARY:
            numbers |= ImpliedScaleMetric()(model, new)
    if isinstance(model, FlatLatent) and isinstance(model, OneLevel):
        if likelihood := likelihood_of(model):
            numbers |= scale_numbers(likelihood) | certainty_numbers(model, likelihood, new)
        numbers |= coverage_numbers(model, known, new) | moment_numbers(model, known)
    return numbers


@torch.no_grad()
def active_numbers(model: FlatLatent, loader: EvalLoader) -> dict[str, Number]:
    """`active_units`, whose threshold is relative where the prior is learned and has no scale."""
    if not isinstance(model, OneLevel) or model.prior.unit_scale:
        return ActiveUnitsMetric()(model, loader)
    mean, variance = _moments(model, loader)
    count = (mean.var(0, correction=0) > ACTIVE * variance.mean(0)).sum().item()
    words = f"variance > {ACTIVE:g} of the posterior's own"
    return {"active_units": Number(count, f"of {model.latent}", words)}


def error_numbers(elbo: Number, images: int, store: Store) -> dict[str, Number]:
    """How far the ELBOs of the log may be off because of its images, by the ELBO of some."""
    if elbo.standard_error is None or not len(store.valid):
        return {}
    deviation = elbo.standard_error * sqrt(images)
    valid, train = (deviation / sqrt(count) for count in (len(store.valid), store.training_images))
    words = "standard error over images"
    share = len(store.valid) / (len(store.valid) + store.training_images)
    return {
        "held_out_share": Number(share, "share", "of the images that are not for the test"),
        "valid_error_nats": Number(valid, "nats", words),
        "gap_error_nats": Number(hypot(valid, train), "nats", words),
    }


@torch.no_grad()
def coverage_numbers(model: OneLevel, known: EvalLoader, new: EvalLoader) -> dict[str, Number]:
    """`prior_draws_in_holes`: the share of draws z ~ p(z) that are far from every code.

    Far is farther from the nearest code of the `known` images than 95% of the codes of `new` ones
    are. Where the aggregate posterior is the prior it is 0.05, in any dimension and for any
    number of images. The idea is that of "Improved precision and recall metric for assessing
    generative models" (Kynkäänniemi et al., 2019, arXiv 1904.06991), in the space of the codes.
    The standard error is what the share changes by where the 95% are one of theirs more.
    """
    times = ceil(DRAWS / len(new))
    drawings = (
        _codes(model, known, Purpose.CODES_OF_KNOWN_IMAGES),
        _codes(model, new, Purpose.CODES_OF_NEW_IMAGES, times),
    )
    codes, others = (torch.cat([z.flatten(0, 1) for _, z in drawing]) for drawing in drawings)
    with seeded(0, Purpose.SAMPLES):
        drawn = np.concatenate([_prior_draws(model, new) for _ in range(times)])
    usual = _distances(others, codes)
    distances = _distances(torch.from_numpy(drawn).to(codes), codes)
    error = sqrt(
        NEARNESS_QUANTILE * (1 - NEARNESS_QUANTILE) / len(new)
    )  # codes of one image are no news
    limits = np.quantile(usual, [NEARNESS_QUANTILE, min(1.0, NEARNESS_QUANTILE + error)])
    share, less = (float((distances > limit).mean()) for limit in limits)
    estimator = f"{len(drawn):,} draws, codes of {len(known):,} and {len(new):,} images"
    return {"prior_draws_in_holes": Number(share, "share", estimator, share - less)}


def _distances(
    points: Float[Tensor, "n d"], codes: Float[Tensor, "m d"]
) -> Float[np.ndarray, " n"]:
    """From each point to the nearest code."""
    parts = torch.split(points.double(), POINTS_AT_ONCE)
    exact = "donot_use_mm_for_euclid_dist"
    nearest = [torch.cdist(part, codes.double(), compute_mode=exact).amin(1) for part in parts]
    return torch.cat(nearest).cpu().numpy()


@torch.no_grad()
def moment_numbers(model: OneLevel, known: EvalLoader) -> dict[str, Number]:
    """`moments_kl_nats`: how far the codes are from a standard normal prior, at least.

    Sum over k of KL(N(mean_k, variance_k) || N(0, 1)) with the moments of q(z_k), which is what
    KL(q(z_k) || p(z_k)) is less KL(q(z_k) || N(mean_k, variance_k)). Unlike `dimensionwise_kl_nats`
    it does not grow where posteriors are narrow and images few. `silent_kl_nats` is that of the
    inactive dimensions: rate that says nothing.
    """
    if not model.prior.unit_scale:
        return {}
    mean, own = (each.double() for each in _moments(model, known))
    moved = mean.var(0, correction=0)
    variance = moved + own.mean(0)
    kl = 0.5 * (mean.mean(0).square() + variance - 1 - variance.log())
    words = f"moments over {len(known):,} images"
    return {
        "moments_kl_nats": Number(kl.sum().item(), "nats", words),
        "silent_kl_nats": Number(kl[moved <= ACTIVE].sum().item(), "nats", words),
    }


def _moments(
    model: FlatLatent | OneLevel, loader: EvalLoader
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n d"]]:
    """Means and variances of the posteriors."""
    posteriors = [model.encode(batch.x, batch.context) for batch in loader.batches()]
    return torch.cat([q.mean for q in posteriors]), torch.cat([q.variance for q in posteriors])


def _codes(
    model: OneLevel, loader: EvalLoader, purpose: Purpose, times: int = 1
) -> Iterator[tuple[Batch, Float[Tensor, "times b d"]]]:
    """Codes of the images of each batch, drawn from their posteriors."""
    draws = generator(0, purpose)
    for batch in loader.batches():
        noise = torch.randn((times, len(batch.x), *model.latent_shape), generator=draws).to(batch.x)
        yield batch, rsample(model.encode(batch.x, batch.context), noise)


def _prior_draws(model: OneLevel, loader: EvalLoader) -> Float[np.ndarray, "n d"]:
    """As many codes from the prior, of the classes of the images where it reads them."""
    drawn = []
    for batch in loader.batches():
        prior = model.prior(batch.context)
        drawn.append(prior.sample(torch.Size([] if prior.batch_shape else [len(batch.x)])))
    return torch.cat(drawn).cpu().numpy()


def scale_numbers(likelihood: Likelihood) -> dict[str, Number]:
    """`gaussian_scale` in pixels where there is one, `scale_over_floor` where it was learned."""
    numbers = {}
    if (gaussian := likelihood.gaussian_scale()) is not None:
        numbers["gaussian_scale"] = Number(gaussian.item(), "pixel", "of the likelihood")
    if (scale := likelihood.shared_scale()) is not None and likelihood.learns_scale:
        floors = scale.item() / likelihood.floor
        numbers["scale_over_floor"] = Number(floors, "floors", "of the likelihood")
    return numbers


@torch.no_grad()
def certainty_numbers(
    model: OneLevel, likelihood: Likelihood, loader: EvalLoader
) -> dict[str, Number]:
    """`floor_share`, `limit_share` or `impossible_share`: see `Likelihood.at_limit_share`."""
    name, part, whole = "", 0.0, 0.0
    for batch, z in _codes(model, loader, Purpose.CERTAINTY):
        share = likelihood.at_limit_share(model.decode(z, batch.context), batch.x)
        if share is not None:
            name, part, whole = share.name, part + share.part, whole + share.whole
    return {name: Number(part / whole, "share", "1 sample per image")} if whole else {}


def rounding_numbers(images: Split, domain: Domain) -> dict[str, Number]:
    """`rounding_noise`: the deviation by which grey levels were rounded, their step / sqrt(12)."""
    if images.images.dtype != np.uint8:
        return {}
    levels = np.unique(images.images[:IMAGES]).astype(int)
    if domain is Domain.BINARY or len(levels) <= BLACK_AND_WHITE:
        return {}
    step = float(np.diff(levels).min()) / 255 * RANGE[domain]
    return {"rounding_noise": Number(step / sqrt(12), "pixel", f"{len(levels)} grey levels")}
