"""A decoder that starts at the mean training image."""

import numpy as np
import torch
from torch import nn

from vaelab.data.mapped import MappedImages
from vaelab.data.store import Images, chunks
from vaelab.errors import BadCombinationError
from vaelab.models import LatentVariableModel, likelihood_of


@torch.no_grad()
def start_at_mean(model: LatentVariableModel, images: Images | MappedImages) -> None:
    """Set the decoder's last bias to logit p, p the share of training images that have the pixel.

    As in the code of "Importance weighted autoencoders" (Burda et al., 2016, arXiv 1509.00519).
    """
    sums = [part.sum(0, dtype=np.float64) for part in chunks(images)]
    white = 255 if images.dtype == np.uint8 else 1
    mean = torch.from_numpy(sum(sums, np.zeros(())) / len(images) / white)
    likelihood, last = likelihood_of(model), _last_linear(model)
    bias = None if likelihood is None else likelihood.initial_bias(mean)
    if bias is None or last is None:
        raise BadCombinationError(
            "training.output_bias is `mean`, which needs `likelihood: {kind: bernoulli}` and a "
            "decoder of kind `mlp`; use `output_bias: random`"
        )
    last.bias.copy_(bias.flatten())


def _last_linear(model: LatentVariableModel) -> nn.Linear | None:
    """The linear layer that ends the decoder, if one does."""
    decoders = [part for name, part in model.named_children() if name == "decoder"]
    parts = nn.ModuleList(decoders).modules()
    layers = [part for part in parts if list(part.parameters(recurse=False))]
    return layers[-1] if layers and isinstance(layers[-1], nn.Linear) else None
