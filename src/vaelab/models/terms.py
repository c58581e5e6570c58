"""The one value that crosses the middle: log densities of posterior samples, in nats per image."""

from dataclasses import dataclass
from functools import cached_property
from math import log

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.distributions import Distribution, Independent, MixtureSameFamily, MultivariateNormal

from vaelab.distributed.world import World
from vaelab.distributions import changed, closed_form_kl, closed_form_kl_per_dim


@dataclass(frozen=True, eq=False)
class Level:
    """One layer of latent variables: K samples of its posterior, and both distributions.

    Attributes:
        z: samples from the posterior, `(k, b, d)`; `(k, b, rows, columns)` of a grid of codes.
        posterior: q(z|x), batch shape `(b,)`; `(k, b)` where it depends on another level's sample.
        prior: p(z), batch shape `()`, `(b,)` or, likewise, `(k, b)`.
    """

    z: Float[Tensor, "k b d"] | Int64[Tensor, "k b rows columns"]
    posterior: Distribution
    prior: Distribution

    @cached_property
    def log_q(self) -> Float[Tensor, "k b"]:
        """Log q(z|x) at the samples, nats."""
        return self.posterior.log_prob(self.z)

    @cached_property
    def log_q_by_path(self) -> Float[Tensor, "k b"]:
        """Log q(z|x) whose gradient reaches the posterior's parameters through z only."""
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

    def whole(self, world: World) -> "Level":
        """This level of the whole batch, of which each process has a part.

        What is computed image by image is gathered, and so is a posterior that is normal or a
        mixture of normals; any other stays that of this process's images.
        """
        posterior, per_dim = self.posterior, self.kl_per_dim
        if isinstance(posterior, Independent | MixtureSameFamily | MultivariateNormal):
            batch = len(posterior.batch_shape) - 1
            posterior = changed(posterior, lambda part: world.whole(part, batch))
        level = Level(world.whole(self.z, 1), posterior, self.prior)
        vars(level).update(
            log_q=world.whole(self.log_q, 1),
            log_p=world.whole(self.log_p, 1),
            kl=world.whole(self.kl),
            kl_per_dim=None if per_dim is None else world.whole(per_dim),
        )
        return level

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
    """

    log_likelihood: Float[Tensor, "k b"]
    levels: tuple[Level, ...]
    auxiliary: Float[Tensor, " b"] | None = None

    def whole(self, world: World) -> "Terms":
        """Those of the whole batch, of which each process has a part."""
        auxiliary = None if self.auxiliary is None else world.whole(self.auxiliary)
        levels = tuple(level.whole(world) for level in self.levels)
        return Terms(world.whole(self.log_likelihood, 1), levels, auxiliary)

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
