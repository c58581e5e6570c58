"""The weights of a model that no graph stands for: all it has, for a server to compute with."""

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn


def flatten(model: nn.Module) -> Float64[np.ndarray, " w"]:
    """Parameters and statistics one after the other, in the order of the state dict."""
    return np.concatenate([tensor.double().cpu().numpy().ravel() for tensor in _floats(model)])


@torch.no_grad()
def restore(model: nn.Module, values: Float[np.ndarray, " w"]) -> None:
    """Put back what `flatten` took, perhaps rounded meanwhile.

    Raises:
        ValueError: there are more or fewer values than the model has.
    """
    tensors = _floats(model)
    wanted = sum(tensor.numel() for tensor in tensors)
    if len(values) != wanted:
        raise ValueError(f"{len(values)} weights, and the model has {wanted}")
    parts = np.split(values, np.cumsum([tensor.numel() for tensor in tensors])[:-1])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(torch.from_numpy(part).reshape(tensor.shape))


def _floats(model: nn.Module) -> list[Tensor]:
    return [tensor for tensor in model.state_dict().values() if tensor.is_floating_point()]
