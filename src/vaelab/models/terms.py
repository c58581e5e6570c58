"""The one value that crosses the middle: log densities of posterior samples, in nats per image."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from math import log

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.distributions import Distribution

from vaelab.distributed import gather_batch
from vaelab.distributions import changed, closed_form_kl, closed_form_kl_per_dim
from vaelab.errors import BadCombinationError


@dataclass(frozen=True, eq=False)
class Level:
    """One layer of latent variables: K samples of its posterior, and both distributions.

    Attributes:
        z: samples from the posterior, `(k, b, d)`; `(k, b, rows, columns)` of a grid of codes.
        posterior: q(z|x), batch shape `(b,)`; `(k, b)` where it depends on another level's sample.
        prior: p(z), batch shape `()`, `(b,)` or, likewise, `(k, b)`.
        log_q_drawn: log q(z|x) at the samples, nats, where drawing them has given it.
    """

    z: Float[Tensor, "k b d"] | Int64[Tensor, "k b rows columns"]
    posterior: Distribution
    prior: Distribution
    log_q_drawn: Float[Tensor, "k b"] | None = None

    @cached_property
    def log_q(self) -> Float[Tensor, "k b"]:
        """Log q(z|x) at the samples, nats."""
        drawn = self.log_q_drawn
        return self.posterior.log_prob(self.z) if drawn is None else drawn

    @cached_property
    def log_q_by_path(self) -> Float[Tensor, "k b"]:
        """Log q(z|x) whose gradient reaches the posterior's parameters through z only.

        Raises:
            TypeError: the posterior has parameters of its own besides those of each image.
        """
        if self.log_q_drawn is not None:
            raise TypeError("a density that came with its draw has no gradient by the path alone")
        return changed(self.posterior, Tensor.detach).log_prob(self.z)

    @cached_property
    def log_p(self) -> Float[Tensor, "k b"]:
        """Log p(z) at the samples, nats."""
        return self.prior.log_prob(self.z)

    @cached_property
    def kl(self) -> Float[Tensor, " b"]:
        """KL(q(z|x) || p(z)), nats: in closed form, else the mean of log q - log p over samples."""
        exact = self.closed_form_kl
        return (self.log_q - self.log_p).mean(0) if exact is None else exact

    @cached_property
    def closed_form_kl(self) -> Float[Tensor, " b"] | None:
        """KL(q(z|x) || p(z)), nats, where a closed form is known.

        Of a posterior that depends on another level's samples, the mean over those. A prior that
        does so has none: what it was drawn from may itself depend on this level's z.
        """
        if self._prior_is_drawn:
            return None
        per_dim = self.kl_per_dim
        if per_dim is not None:
            return per_dim.sum(-1)
        return self._over_samples(closed_form_kl(self.posterior, self.prior), 1)

    @cached_property
    def kl_per_dim(self) -> Float[Tensor, "b d"] | None:
        """KL of each dimension, nats, where posterior and prior are independent over them."""
        if self._prior_is_drawn:
            return None
        return self._over_samples(closed_form_kl_per_dim(self.posterior, self.prior), 2)

    def gathered(self) -> "Level":
        """This level of the whole batch, of which each process has a part."""
        log_q = None if self.log_q_drawn is None else gather_batch(self.log_q_drawn, 1)
        z = gather_batch(self.z, 1)
        return Level(z, _gathered(self.posterior), _gathered(self.prior), log_q)

    @property
    def posterior_is_drawn(self) -> bool:
        """Whether the posterior is another one for each sample of another level."""
        return len(self.posterior.batch_shape) > 1

    @property
    def _prior_is_drawn(self) -> bool:
        return len(self.prior.batch_shape) > 1

    def _over_samples(self, value: Tensor | None, dims: int) -> Tensor | None:
        return value if value is None or value.dim() == dims else value.mean(0)


@dataclass(frozen=True, eq=False)
class Terms:
    """What objectives, metrics, logs and figures are functions of.

    Attributes:
        log_likelihood: log p(x|z) at K samples, nats, `(k, b)`.
        levels: the layers of latent variables, from the image up.
        auxiliary: what training minimises besides, nats, where a model needs that; it is no part
            of the bound.
        updates: what running averages do about this batch, once it has been trained on.
    """

    log_likelihood: Float[Tensor, "k b"]
    levels: tuple[Level, ...]
    auxiliary: Float[Tensor, " b"] | None = None
    updates: tuple[Callable[[], None], ...] = ()

    def gathered(self) -> "Terms":
        """Those of the whole batch, of which each process has a part."""
        auxiliary = None if self.auxiliary is None else gather_batch(self.auxiliary)
        levels = tuple(level.gathered() for level in self.levels)
        return Terms(gather_batch(self.log_likelihood, 1), levels, auxiliary)

    @cached_property
    def distortion(self) -> Float[Tensor, " b"]:
        """E_q[-log p(x|z)], nats, constants included; the mean over the samples."""
        return -self.log_likelihood.mean(0)

    @cached_property
    def rate(self) -> Float[Tensor, " b"]:
        """E KL(q(z|x) || p(z)), nats, summed over levels."""
        return torch.stack([level.kl for level in self.levels]).sum(0)

    @cached_property
    def elbo(self) -> Float[Tensor, " b"]:
        """-distortion - rate, nats: a lower bound on log p(x); bigger is better."""
        return -self.distortion - self.rate

    @cached_property
    def log_weights(self) -> Float[Tensor, "k b"]:
        """Log p(x,z) - log q(z|x) at each sample, nats."""
        # log w = log p(x|z) + log p(z) - log q(z|x)
        latent = torch.stack([level.log_p - level.log_q for level in self.levels]).sum(0)
        return self.log_likelihood + latent

    @cached_property
    def log_weights_by_path(self) -> Float[Tensor, "k b"]:
        """The same, its gradient reaching the posteriors' parameters through the samples only."""
        latent = torch.stack([level.log_p - level.log_q_by_path for level in self.levels]).sum(0)
        return self.log_likelihood + latent

    @cached_property
    def iwae(self) -> Float[Tensor, " b"]:
        """Log 1/K sum w, nats: between the elbo and log p(x), tighter with more samples.

        "Importance weighted autoencoders" (Burda et al., 2016, eq. 8, arXiv 1509.00519).
        """
        samples = self.log_weights.shape[0]
        return torch.logsumexp(self.log_weights, 0) - log(samples)


def _gathered(distribution: Distribution) -> Distribution:
    """That of the whole batch; one that is the same for all images stays as it is."""
    dims = len(distribution.batch_shape)
    if dims == 0:
        return distribution
    try:
        return changed(distribution, partial(gather_batch, dim=dims - 1))
    except TypeError as error:
        raise BadCombinationError(
            f"the objective needs the whole batch, and {error}, so that it cannot be gathered from "
            "several processes; train on one, or register with vaelab.distributions.changed how"
        ) from error
