"""How near a likelihood is to its limits: its scale, its floor, its certainty."""

from math import log, sqrt

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal

from vaelab.data import Domain, Split
from vaelab.data.feed import Feed
from vaelab.distributions import rsample
from vaelab.likelihoods.base import RANGE
from vaelab.likelihoods.categorical import LEVELS
from vaelab.likelihoods.continuous_bernoulli import ContinuousBernoulliPixels
from vaelab.likelihoods.discretized_logistic import DiscretizedLogistic
from vaelab.likelihoods.location_scale import LocationScale
from vaelab.likelihoods.optimal_gaussian import OptimalGaussian
from vaelab.likelihoods.per_pixel import PerPixelScale
from vaelab.metrics import Number
from vaelab.models import VAE
from vaelab.randomness import Purpose, generator

BATCH = 500
IMPOSSIBLE = 1e-3
"""Of the probability that each of the values would have by itself."""
FLOORS = 2.0
IMAGES = 1000
BLACK_AND_WHITE = 2
"""So many levels are no rounded greys."""


def scale_numbers(model: VAE) -> dict[str, Number]:
    """`gaussian_scale` in pixels where there is one, `scale_over_floor` where it was learned."""
    family = model.decoder.family
    if not isinstance(family, LocationScale | OptimalGaussian | DiscretizedLogistic):
        return {}
    scale, numbers = family.scale.item(), {}
    fixed = isinstance(family, LocationScale) and family.log_excess is None
    if isinstance(family, OptimalGaussian) or (
        isinstance(family, LocationScale) and family.family is Normal
    ):
        numbers["gaussian_scale"] = Number(scale, "pixel", "of the likelihood")
    if not fixed:
        numbers["scale_over_floor"] = Number(scale / family.floor, "floors", "of the likelihood")
    return numbers


@torch.no_grad()
def certainty_numbers(model: VAE, feed: Feed) -> dict[str, Number]:
    """`floor_share` where each pixel has its scale, `limit_share` or `impossible_share` else.

    The first is the share of the pixels whose scale is less than twice the floor, the second that
    of those whose continuous Bernoulli is cut off at its limit, the third that of the distortion
    which pixels make whose value has a thousandth of 1 / number of values.
    """
    family, name = model.decoder.family, "impossible_share"
    draws = generator(0, Purpose.EVALUATION, 5, feed.device)
    met, of = 0.0, 0.0
    for batch in feed.batches(BATCH):
        noise = torch.randn((1, len(batch.x), model.latent), generator=draws).to(batch.x)
        z = rsample(model.encode(batch.x, batch.context), noise)
        decoded = model.decode(z, batch.context)
        if isinstance(family, PerPixelScale) and isinstance(decoded, Independent):
            name, scale = "floor_share", decoded.base_dist.scale
            met += (scale < FLOORS * family.floor).sum().item()
            of += scale.numel()
        elif isinstance(family, ContinuousBernoulliPixels) and isinstance(decoded, Independent):
            name, logits = "limit_share", decoded.base_dist.logits
            met += (logits.abs() >= family.bound).sum().item()
            of += logits.numel()
        elif (found := _probabilities(decoded, batch.x)) is not None:
            nats, values = -found[0].double(), found[1]
            met += nats[nats > log(values / IMPOSSIBLE)].sum().item()
            of += nats.sum().item()
    if not of:
        return {}
    return {name: Number(met / of, "share", "1 sample per image")}


def _probabilities(decoded: Distribution, x: Tensor) -> tuple[Tensor, int] | None:
    """Log P of each pixel or of the bin of its level, and how many of them there are, if so."""
    pixel = decoded.base_dist if isinstance(decoded, Independent) else None
    if isinstance(pixel, Bernoulli):
        log_p: Tensor = pixel.log_prob(x)  # type: ignore[no-untyped-call]
        return log_p, 2
    if isinstance(pixel, Categorical):
        bins = pixel.logits.shape[-1]
        chosen = torch.div(x, LEVELS // bins, rounding_mode="floor")
        log_p = pixel.log_prob(chosen)  # type: ignore[no-untyped-call]
        return log_p, bins
    return None


def rounding_numbers(images: Split, domain: Domain) -> dict[str, Number]:
    """`rounding_noise`: the deviation by which grey levels were rounded, their step / sqrt(12)."""
    levels = np.unique(images.images[:IMAGES]).astype(int)
    if domain is Domain.BINARY or len(levels) <= BLACK_AND_WHITE:
        return {}
    step = float(np.diff(levels).min()) / 255 * RANGE[domain]
    return {"rounding_noise": Number(step / sqrt(12), "pixel", f"{len(levels)} grey levels")}
