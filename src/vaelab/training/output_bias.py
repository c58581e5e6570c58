"""A decoder that starts at the mean training image."""

import numpy as np
import torch
from torch import nn

from vaelab.data.mapped import MappedImages
from vaelab.data.store import Images, chunks
from vaelab.errors import BadCombinationError
from vaelab.likelihoods.bernoulli import BernoulliPixels
from vaelab.models import VAE, HierarchicalVAE, LatentVariableModel

CLIP = 1e-3
"""Pixels that are always black or always white start this far from certainty."""


@torch.no_grad()
def start_at_mean(model: LatentVariableModel, images: Images | MappedImages) -> None:
    """Set the decoder's last bias to logit p, p the share of training images that have the pixel.

    As in the code of "Importance weighted autoencoders" (Burda et al., 2016, arXiv 1509.00519).

    Raises:
        BadCombinationError: the decoder's output is no logit for each pixel, or its last layer
            has no bias for each.
    """
    sums = [part.sum(0, dtype=np.float64) for part in chunks(images)]
    mean = torch.from_numpy(sum(sums, np.zeros(())) / len(images) / 255).clamp(CLIP, 1 - CLIP)
    last = _last_linear(model)
    if last is None:
        raise BadCombinationError(
            "training.output_bias is `mean`, which needs `likelihood: {kind: bernoulli}` and a "
            "decoder of kind `mlp`; use `output_bias: random`"
        )
    last.bias.copy_(torch.logit(mean).flatten())


def _last_linear(model: LatentVariableModel) -> nn.Linear | None:
    if not isinstance(model, VAE | HierarchicalVAE):
        return None
    family = model.decoder.family
    linear = [layer for layer in model.decoder.trunk.stack if list(layer.parameters())][-1]
    logits = isinstance(family, BernoulliPixels)
    return linear if logits and isinstance(linear, nn.Linear) else None
