"""How much of the prior has codes nearby."""

from math import ceil, sqrt

import numpy as np
import torch
from jaxtyping import Float

from vaelab.data.feed import Feed
from vaelab.distributions import rsample
from vaelab.metrics import Number
from vaelab.models import VAE
from vaelab.randomness import Purpose, generator, seeded

BATCH = 500
NEAR = 0.95
DRAWS = 1000
"""At least so many draws of the prior, and codes of new images, however few these are."""


@torch.no_grad()
def coverage_numbers(model: VAE, known: Feed, new: Feed) -> dict[str, Number]:
    """`prior_draws_in_holes`: the share of draws z ~ p(z) that are far from every code.

    Far is farther from the nearest code of the `known` images than 95% of the codes of `new` ones
    are. Where the aggregate posterior is the prior it is 0.05, in any dimension and for any
    number of images. The idea is that of "Improved precision and recall metric for assessing
    generative models" (Kynkäänniemi et al., 2019, arXiv 1904.06991), in the space of the codes.
    The standard error is what the share changes by where the 95% are one of theirs more.
    """
    from sklearn.neighbors import NearestNeighbors  # a second to import, seldom needed

    times = ceil(DRAWS / len(new))
    codes, others = _codes(model, known, 1, 6), _codes(model, new, times, 7)
    with seeded(0, Purpose.SAMPLES):
        drawn = np.concatenate([_prior_draws(model, new) for _ in range(times)])
    nearest = NearestNeighbors(n_neighbors=1).fit(codes)
    usual, distances = (nearest.kneighbors(points)[0][:, 0] for points in (others, drawn))
    error = sqrt(NEAR * (1 - NEAR) / len(new))  # codes of one image are no news
    limits = np.quantile(usual, [NEAR, min(1.0, NEAR + error)])
    share, less = (float((distances > limit).mean()) for limit in limits)
    estimator = f"{len(drawn):,} draws, codes of {len(known):,} and {len(new):,} images"
    return {"prior_draws_in_holes": Number(share, "share", estimator, share - less)}


@torch.no_grad()
def moment_numbers(model: VAE, known: Feed) -> dict[str, Number]:
    """`moments_kl_nats`: how far the codes are from a standard normal prior, at least.

    Sum over k of KL(N(mean_k, variance_k) || N(0, 1)) with the moments of q(z_k), which is what
    KL(q(z_k) || p(z_k)) is less KL(q(z_k) || N(mean_k, variance_k)). Unlike `dimensionwise_kl_nats`
    it does not grow where posteriors are narrow and images few.
    """
    if not model.prior.unit_scale:
        return {}
    posteriors = [model.encode(batch.x, batch.context) for batch in known.batches(BATCH)]
    mean = torch.cat([q.mean for q in posteriors]).double()
    own = torch.cat([q.variance for q in posteriors]).double().mean(0)
    variance = mean.var(0, correction=0) + own
    kl = 0.5 * (mean.mean(0).square() + variance - 1 - variance.log()).sum()
    return {"moments_kl_nats": Number(kl.item(), "nats", f"moments over {len(known):,} images")}


def _codes(model: VAE, feed: Feed, times: int, step: int) -> Float[np.ndarray, "n d"]:
    """Codes of each image, drawn from its posterior."""
    draws = generator(0, Purpose.EVALUATION, step, feed.device)
    codes = []
    for batch in feed.batches(BATCH):
        noise = torch.randn((times, len(batch.x), model.latent), generator=draws).to(batch.x)
        codes.append(rsample(model.encode(batch.x, batch.context), noise).flatten(0, 1))
    return torch.cat(codes).cpu().numpy()


def _prior_draws(model: VAE, feed: Feed) -> Float[np.ndarray, "n d"]:
    """As many codes from the prior, of the classes of the images where it reads them."""
    drawn = []
    for batch in feed.batches(BATCH):
        prior = model.prior(batch.context)
        drawn.append(prior.sample(torch.Size([] if prior.batch_shape else [len(batch.x)])))
    return torch.cat(drawn).cpu().numpy()
