"""A graph computed by PyTorch: what the page's kernel is compared with."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from vaelab.bundle.graph import Graph, Op
from vaelab.distributions.normal import soft_bound


def interpret(
    graph: Graph, weights: Float[Tensor, " w"], given: Mapping[str, Float[Tensor, "n ..."]]
) -> dict[str, Float[Tensor, "n ..."]]:
    """Compute a graph for n images.

    Args:
        graph: what to compute.
        weights: of encoder and decoder.
        given: a value for each of the graph's inputs; `class` is one-hot, `(n, classes)`.

    Returns:
        A value for each of its outputs.
    """
    values = {index: given[name] for name, index in graph.inputs.items()}
    for op in graph.ops:
        tensors = {
            name: None if place is None else weights[place[0] : sum(place)]
            for name, place in op.tensors.items()
        }
        inputs = [values[index] for index in op.inputs]
        values[op.output] = _COMPUTE[op.name](op, tensors, *inputs).reshape(-1, *op.shape)
    return {name: values[index] for name, index in graph.outputs.items()}


Tensors = Mapping[str, Any]


def _linear(op: Op, tensors: Tensors, x: Tensor) -> Tensor:
    return functional.linear(x, tensors["weight"].reshape(*op.shape, -1), tensors["bias"])


def _conv2d(op: Op, tensors: Tensors, x: Tensor) -> Tensor:
    weight = tensors["weight"].reshape(op.shape[0], x.shape[1], *op.settings["kernel"])
    stride, padding = op.settings["stride"], op.settings["padding"]
    return functional.conv2d(x, weight, tensors["bias"], stride, padding)


def _conv_transpose2d(op: Op, tensors: Tensors, x: Tensor) -> Tensor:
    weight = tensors["weight"].reshape(x.shape[1], op.shape[0], *op.settings["kernel"])
    stride, padding = op.settings["stride"], op.settings["padding"]
    return functional.conv_transpose2d(x, weight, tensors["bias"], stride, padding)


def _upsample(op: Op, tensors: Tensors, x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=op.settings["factor"], mode="nearest")


def _scale_shift(op: Op, tensors: Tensors, x: Tensor) -> Tensor:
    return _modulate(op, tensors, x, tensors["weight"][None], tensors["bias"][None])


def _modulate(op: Op, tensors: Tensors, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    each = (*scale.shape, *(1,) * (x.dim() - 2))
    return x * scale.view(each) + shift.view(each)


def _class_planes(op: Op, tensors: Tensors, x: Tensor, context: Tensor) -> Tensor:
    planes = context[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, planes.to(x.dtype)], dim=1)


def _continuous_bernoulli_mean(op: Op, tensors: Tensors, logits: Tensor) -> Tensor:
    # E[x] = 1 / (1 - exp(-l)) - 1 / l, arXiv 1907.06845 eq. 8 with l = log(p / (1 - p))
    small = logits.abs() < 0.05
    safe = torch.where(small, torch.ones_like(logits), logits)
    series = 0.5 + logits / 12 - logits**3 / 720
    return torch.where(small, series, -1 / torch.expm1(-safe) - 1 / safe)


_COMPUTE: dict[str, Callable[..., Tensor]] = {
    "linear": _linear,
    "conv2d": _conv2d,
    "conv_transpose2d": _conv_transpose2d,
    "upsample": _upsample,
    "reshape": lambda op, tensors, x: x,
    "slice": lambda op, tensors, x: x[:, op.settings["start"] :][:, : op.shape[0]],
    "add": lambda op, tensors, x, y: x + y,
    "multiply": lambda op, tensors, x, y: x * y,
    "scale_shift": _scale_shift,
    "modulate": _modulate,
    "relu": lambda op, tensors, x: x.relu(),
    "leaky_relu": lambda op, tensors, x: functional.leaky_relu(x, op.settings["slope"]),
    "tanh": lambda op, tensors, x: x.tanh(),
    "gelu": lambda op, tensors, x: functional.gelu(x),
    "silu": lambda op, tensors, x: functional.silu(x),
    "sigmoid": lambda op, tensors, x: x.sigmoid(),
    "soft_bound": lambda op, tensors, x: soft_bound(x, op.settings["bound"]),
    "exp_half": lambda op, tensors, x: torch.exp(0.5 * x),
    "abs_plus": lambda op, tensors, x: x.abs() + op.settings["floor"],
    "times": lambda op, tensors, x: x * op.settings["factor"],
    "append_one_hot": lambda op, tensors, x, context: torch.cat([x, context.to(x.dtype)], dim=1),
    "class_planes": _class_planes,
    "continuous_bernoulli_mean": _continuous_bernoulli_mean,
}
