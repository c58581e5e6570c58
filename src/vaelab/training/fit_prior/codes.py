"""Codes of a split's images, samples of its aggregate posterior, and what they cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from vaelab.data.loading.evaluation import EvalLoader, class_context
from vaelab.data.pixels import Pixels, Stored
from vaelab.distributions import rsample_and_log_prob
from vaelab.metrics import Number
from vaelab.models import OneLevel
from vaelab.priors import Prior
from vaelab.randomness import Purpose, generator


@dataclass(frozen=True, eq=False)
class CodeBatch:
    """A sample of q(z|x) for each of some images."""

    z: Float[Tensor, "b d"] | Int64[Tensor, "b rows columns"]
    log_q: Float[Tensor, " b"]
    context: Float[Tensor, "b classes"] | None

    def rates(self, prior: Prior) -> Float[Tensor, " b"]:
        """Log q(z|x) - log p(z), nats: of each image, as its one sample estimates it."""
        return self.log_q - prior(self.context).log_prob(self.z)


class Encoder:
    """The encoder of a trained model, which gives codes."""

    def __init__(self, model: OneLevel, pixels: Pixels) -> None:
        self.model, self._pixels = model, pixels

    @torch.no_grad()
    def draw(self, images: Stored, labels: Int64[Tensor, " b"], seed: int, step: int) -> CodeBatch:
        """Codes of some training images, with pixels and noise of this step."""
        uniform = None
        if self._pixels.dynamic:
            draws = generator(seed, Purpose.PIXELS, step, images.device)
            uniform = torch.rand(images.shape, generator=draws, device=images.device)
        context = class_context(labels, self.model.classes)
        draws = generator(seed, Purpose.POSTERIOR, step, images.device)
        return self._codes(self._pixels(images, uniform), context, draws)

    @torch.no_grad()
    def fixed(self, loader: EvalLoader) -> Iterator[CodeBatch]:
        """Codes of all images of a split, the same at every call."""
        draws = generator(0, Purpose.FITTED_CODES, device=loader.device)
        for batch in loader.batches():
            yield self._codes(batch.x, batch.context, draws)

    def _codes(self, x: Tensor, context: Tensor | None, draws: torch.Generator) -> CodeBatch:
        posterior = self.model.encode(x, context)
        shape = (1, len(x), *self.model.latent_shape)
        noise = torch.randn(shape, generator=draws, device=x.device)
        z, log_q = rsample_and_log_prob(posterior, noise)
        log_q = posterior.log_prob(z) if log_q is None else log_q
        return CodeBatch(z[0], log_q[0], context)


@torch.no_grad()
def mean_rate(prior: Prior, codes: Sequence[CodeBatch]) -> float:
    """Over all images, each weighing the same, nats."""
    return torch.cat([some.rates(prior) for some in codes]).double().mean().item()


@torch.no_grad()
def gain(before: Prior, after: Prior, codes: Sequence[CodeBatch]) -> Number:
    """What another prior takes off the rate at the same codes: log p(z) after minus before."""
    differences = [some.rates(before) - some.rates(after) for some in codes]
    return Number.mean(torch.cat(differences), "nats", "1 sample per image")
