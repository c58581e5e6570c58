"""How much of the prior has codes nearby."""

from math import ceil

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
    """
    from sklearn.neighbors import NearestNeighbors  # a second to import, seldom needed

    times = ceil(DRAWS / len(new))
    codes, others = _codes(model, known, 1, 6), _codes(model, new, times, 7)
    with seeded(0, Purpose.SAMPLES):
        drawn = np.concatenate([_prior_draws(model, new) for _ in range(times)])
    nearest = NearestNeighbors(n_neighbors=1).fit(codes)
    usual, distances = (nearest.kneighbors(points)[0][:, 0] for points in (others, drawn))
    share = float((distances > np.quantile(usual, NEAR)).mean())
    estimator = f"{len(drawn):,} draws, codes of {len(known):,} and {len(new):,} images"
    return {"prior_draws_in_holes": Number(share, "share", estimator)}


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
