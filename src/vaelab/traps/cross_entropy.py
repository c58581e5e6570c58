"""Binary cross-entropy on grey pixels, called a log-likelihood."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent
from torch.nn.functional import binary_cross_entropy_with_logits

from vaelab.data import UnitPixels
from vaelab.data.feed import Feed
from vaelab.distributions import rsample
from vaelab.errors import BadCombinationError
from vaelab.likelihoods.continuous_bernoulli import ContinuousBernoulli
from vaelab.metrics import BoundMetric, Number
from vaelab.models import VAE
from vaelab.randomness import Purpose, generator
from vaelab.traps.base import BaseMeasure, Shown, Trained, reconstructions

BATCH = 500


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


class CrossEntropyMeasure(BaseMeasure):
    """A Bernoulli decoder asked about grey pixels, and a density of grey pixels.

    The wrong side is trained on coins thrown anew at each use, for vaelab trains no cross-entropy
    of grey pixels. At a given code the two are the same on average, since cross-entropy is linear
    in x; but its codes are those of the coins, so that on grey pixels another model would come out.
    """

    kind: Literal["cross_entropy"] = "cross_entropy"

    def __call__(self, wrong: Trained, right: Trained) -> tuple[Shown, Shown]:
        """Both called an ELBO, on the same grey validation images."""
        grey = UnitPixels()
        values, mass = _bound(wrong.model, Feed(wrong.store.valid, grey, 0))
        words = f"cross-entropy; its exp integrates to e^{mass:.1f}, not to 1"
        number = Number.mean(values, "nats", words)
        elbo = BoundMetric()(right.model, right.feed(right.store.valid))["elbo_nats"]
        return (
            Shown("cross_entropy_elbo_nats", number, reconstructions(wrong.subject(grey))),
            Shown("elbo_nats", elbo, reconstructions(right.subject())),
        )


@torch.no_grad()
def _bound(model: VAE, feed: Feed) -> tuple[Float[Tensor, " n"], float]:
    """-cross-entropy - rate of each image, and the mean log mass, nats."""
    draws = generator(0, Purpose.EVALUATION, 0)
    values, masses = [], []
    for batch in feed.batches(BATCH):
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
