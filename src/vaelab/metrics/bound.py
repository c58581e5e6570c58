"""Distortion, rate and ELBO of a split."""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vaelab.data.feed import Feed
from vaelab.distributed.world import World
from vaelab.metrics.base import Number, PerImage, PerImageMetric
from vaelab.models import LatentVariableModel, Level, Terms
from vaelab.randomness import Purpose, generator

BATCH = 500
NATS = "nats"


class BoundMetric(PerImageMetric):
    """Distortion, rate and ELBO at beta 1, and the rate per dimension; each image weighs the same.

        ELBO = -distortion - rate = -E_q[-log p(x|z)] - KL(q(z|x) || p(z)) <= log p(x)

    Use it first: two runs with the same ELBO may divide it quite differently between what is lost
    and what the code costs.

    "Auto-encoding variational Bayes" (Kingma and Welling, 2014, eq. 3, arXiv 1312.6114); names:
    "Fixing a broken ELBO" (Alemi et al., 2018, section 2, arXiv 1711.00464).
    """

    needs_flat: ClassVar[bool] = False

    kind: Literal["bound"] = "bound"
    samples: int = Field(default=1, ge=1)
    """Posterior samples per image for the distortion."""
    seed: int = Field(default=0, ge=0)
    """Of the samples; the same draws at every evaluation, so that runs can be compared."""

    def per_image(self, model: LatentVariableModel, feed: Feed) -> dict[str, PerImage]:
        """`distortion_nats`, `rate_nats`, `elbo_nats`, and the rate's parts.

        `rate_z1_nats`, `rate_z2_nats`, ... are of dimensions; of a model with several levels
        there are `rate_level1_nats`, `rate_level2_nats`, ... instead.
        """
        return self._shared(model, feed, World())

    def shared(self, model: LatentVariableModel, feed: Feed, world: World) -> dict[str, Number]:
        """The means, every batch computed by one of the processes."""
        return {name: each.number for name, each in self._shared(model, feed, world).items()}

    @torch.no_grad()
    def _shared(self, model: LatentVariableModel, feed: Feed, world: World) -> dict[str, PerImage]:
        draws = generator(self.seed, Purpose.EVALUATION, 0, feed.device)
        names, exact = list[str](), True
        columns: list[Float[Tensor, "c b"]] = []
        for number, batch in enumerate(feed.batches(max(1, BATCH // self.samples))):
            shape = (self.samples, len(batch.x), *model.latent_shape)
            noise = torch.randn(shape, generator=draws, device=batch.x.device, dtype=batch.x.dtype)
            mine = number % world.size == world.rank
            if mine or not columns:  # the first says what there is
                terms = model.terms(batch.x, batch.context, noise=noise)
                parts = _parts(terms)
                column = torch.stack([terms.distortion, terms.rate, *parts.values()])
                names, exact = list(parts), exact and all(map(_exact, terms.levels))
            columns.append(column if mine else column.new_zeros(len(column), len(batch.x)))
        distortion, rate, *rest = world.sum(torch.cat(columns, dim=1))
        sampled = f"{self.samples} sample{'s' * (self.samples > 1)} per image"
        of_rate = "closed-form KL" if exact else sampled
        return {
            "distortion_nats": PerImage(distortion, NATS, sampled),
            "rate_nats": PerImage(rate, NATS, of_rate),
            "elbo_nats": PerImage(-distortion - rate, NATS, sampled),
        } | {
            name: PerImage(values, NATS, of_rate) for name, values in zip(names, rest, strict=True)
        }


def _exact(level: Level) -> bool:
    return level.closed_form_kl is not None and not level.posterior_is_drawn


def _parts(terms: Terms) -> dict[str, Float[Tensor, " b"]]:
    """The rate of each dimension where there is one level, else of each level."""
    if len(terms.levels) > 1:
        return {f"rate_level{n}_nats": level.kl for n, level in enumerate(terms.levels, 1)}
    per_dim = terms.levels[0].kl_per_dim
    if per_dim is None:
        return {}
    return {f"rate_z{n}_nats": values for n, values in enumerate(per_dim.unbind(1), 1)}
