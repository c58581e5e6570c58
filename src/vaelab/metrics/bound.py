"""Bounds on the log-likelihood: distortion, rate and ELBO, and by importance sampling."""

from math import log
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vaelab.data.loading.evaluation import EVALUATED_AT_ONCE, Batch, EvalLoader
from vaelab.distributed import all_sum_, rank, size
from vaelab.metrics.base import Number, PerImage, PerImageMetric
from vaelab.models import LatentVariableModel, Level, Terms
from vaelab.randomness import Purpose, generator

NATS = "nats"
DECODED_AT_ONCE = 5_000


class BoundMetric(PerImageMetric):
    """Distortion, rate and ELBO at beta 1, and the rate per dimension; images weigh the same."""

    formula = "ELBO = -distortion - rate = -E_q[-log p(x|z)] - KL(q(z|x) || p(z)) <= log p(x)"
    advice = """Use it first: two runs with the same ELBO may divide it quite differently between
        what is lost and what the code costs."""
    references = """
        "Auto-encoding variational Bayes" (Kingma and Welling, 2014, eq. 3, arXiv 1312.6114); names:
        "Fixing a broken ELBO" (Alemi et al., 2018, section 2, arXiv 1711.00464)"""

    needs_flat: ClassVar[bool] = False

    kind: Literal["bound"] = "bound"
    samples: int = Field(default=1, ge=1)
    """Posterior samples per image for the distortion."""
    seed: int = Field(default=0, ge=0)
    """Seed of the samples: the same draws at every evaluation, so that runs can be compared."""

    def shared(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, Number]:
        """The means, for all processes: every batch is computed by one of them."""
        measured = self.per_image(model, loader, rank(), size())
        return {name: each.number for name, each in measured.items()}

    @torch.no_grad()
    def per_image(
        self, model: LatentVariableModel, loader: EvalLoader, rank: int = 0, size: int = 1
    ) -> dict[str, PerImage]:
        """`distortion_nats`, `rate_nats`, `elbo_nats`, and the rate's parts.

        `rate_z1_nats`, `rate_z2_nats`, ... are of dimensions; of a model with several levels
        there are `rate_level1_nats`, `rate_level2_nats`, ... instead.
        """
        draws = generator(self.seed, Purpose.BOUND, device=loader.device)
        names, exact = list[str](), True
        columns: list[Float[Tensor, "c b"]] = []
        for number, batch in enumerate(loader.batches(max(1, EVALUATED_AT_ONCE // self.samples))):
            shape = (self.samples, len(batch.x), *model.latent_shape)
            noise = torch.randn(shape, generator=draws, device=batch.x.device, dtype=batch.x.dtype)
            mine = number % size == rank
            if mine or not columns:  # the first says what there is
                terms = model.terms(batch.x, batch.context, noise=noise)
                parts = _parts(terms)
                column = torch.stack([terms.distortion, terms.rate, *parts.values()])
                names, exact = list(parts), exact and all(map(_exact, terms.levels))
            columns.append(column if mine else column.new_zeros(len(column), len(batch.x)))
        numbers = torch.cat(columns, dim=1)
        distortion, rate, *rest = numbers if size == 1 else all_sum_(numbers)
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


class IWAEMetric(PerImageMetric):
    """An upper bound on -log p(x) by importance sampling, K posterior samples per image.

    It falls towards -log p(x) as K grows, so its K is part of its name. With it goes the effective
    sample size (sum w)^2 / sum w^2, from 1 to K: Kong (1992). Where it stays near 1 one sample
    outweighs the others, and the bound is loose. In float32, log w near -15,000 has steps of 0.001,
    and the size is off by up to 0.2 of 100. A posterior that is certain (`vq`) has one code
    whatever K is: the bound is minus the ELBO, and there is no such size.
    """

    formula = "NLL_K = -log 1/K sum over k of p(x, z_k) / q(z_k|x),  z_k ~ q(z|x)"
    advice = """Use it for the number to report and to compare models by, with K = 5,000 where the
        published tables have that."""
    references = """
        "A note on importance sampling using standardized weights" (Kong, 1992); "Importance
        weighted autoencoders" (Burda et al., 2016, eq. 8, arXiv 1509.00519)"""

    needs_flat: ClassVar[bool] = False

    kind: Literal["iwae"] = "iwae"
    samples: int = Field(default=100, ge=1)
    """K, posterior samples per image."""
    seed: int = Field(default=0, ge=0)
    """Seed of the samples."""

    def with_samples(self, samples: int) -> "IWAEMetric":
        return self.model_copy(update={"samples": samples})

    @torch.no_grad()
    def per_image(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, PerImage]:
        """`nll_iwae{K}_nats` and `ess_iwae{K}`; of certain codes no effective sample size."""
        draws = generator(self.seed, Purpose.IWAE, device=loader.device)
        size = max(1, DECODED_AT_ONCE // self.samples)
        values, effective = zip(
            *(importance_sampled(model, b, self.samples, draws) for b in loader.batches(size)),
            strict=True,
        )
        name = f"nll_iwae{self.samples}_nats"
        if model.certain:
            return {name: PerImage(-torch.cat(values), NATS, "1 code, which is certain")}
        unit = f"of {self.samples}"
        return {
            name: PerImage(-torch.cat(values), NATS, f"{self.samples} samples per image"),
            f"ess_iwae{self.samples}": PerImage(torch.cat(effective), unit, "(Σw)² / Σw²"),
        }


def importance_sampled(
    model: LatentVariableModel, batch: Batch, samples: int, draws: torch.Generator
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Log 1/K sum w and (sum w)^2 / sum w^2 of each image.

    Computed in parts of K where all at once would not fit.
    """
    sums, squares = [], []
    for first in range(0, samples, DECODED_AT_ONCE):
        count = min(DECODED_AT_ONCE, samples - first)
        noise = torch.randn(
            (count, len(batch.x), *model.latent_shape),
            generator=draws, device=batch.x.device, dtype=batch.x.dtype,
        )  # fmt: skip
        log_weights = model.terms(batch.x, batch.context, noise=noise).log_weights
        sums.append(torch.logsumexp(log_weights, 0))
        squares.append(torch.logsumexp(2 * log_weights, 0))
    log_sum = torch.logsumexp(torch.stack(sums), 0)
    log_square = torch.logsumexp(torch.stack(squares), 0)
    return log_sum - log(samples), (2 * log_sum - log_square).exp()
