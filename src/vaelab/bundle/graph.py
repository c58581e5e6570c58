"""A network as a closed, versioned list of operations: what the explorer computes, and PyTorch.

docs/bundle.md says what each operation means.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Annotated, Any

import torch
from jaxtyping import Float
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor
from torch.nn import functional

from vaelab.distributions.normal import soft_bound
from vaelab.errors import BadValueError
from vaelab.networks.layers import Shape
from vaelab.runs.records import in_words

MAX_VALUES = 2**31
"""Numbers of a value, for one image."""


def _checked(shape: Shape) -> Shape:
    if min(shape, default=1) < 1 or prod(shape) > MAX_VALUES:
        raise ValueError(f"a value of shape {shape}")
    return shape


Place = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
"""Where a tensor lies in the weights: (offset, length)."""


class Op(BaseModel):
    """One operation, as it stands in a manifest; numbers that are not trained are its `settings`.

    Inputs and output are ids of values, and the shape is that of the output for one image.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(alias="op")
    inputs: tuple[int, ...] = Field(alias="in")
    output: int = Field(alias="out")
    shape: Annotated[Shape, AfterValidator(_checked)]
    weight: Place | None = None
    bias: Place | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Numbers that are not trained, such as a stride."""
        return self.model_extra or {}

    @property
    def tensors(self) -> dict[str, Place | None]:
        """Weight and bias."""
        return {"weight": self.weight, "bias": self.bias}


class Graph(BaseModel):
    """Operations, each value written before it is read; ids of what is given and asked for."""

    model_config = ConfigDict(frozen=True)

    inputs: dict[str, int]
    ops: tuple[Op, ...]
    outputs: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return self.model_dump(by_alias=True, exclude_unset=True)

    @classmethod
    def from_json(cls, data: Any, weights: int, where: str) -> "Graph":
        """Read and check what `to_json` wrote, over a number of weights."""
        try:
            graph = cls.model_validate(data)
        except ValidationError as error:
            raise BadValueError(f"{where} is damaged: {in_words(error)}") from error
        for op in graph.ops:
            for offset, length in filter(None, op.tensors.values()):
                if offset + length > weights:
                    raise BadValueError(
                        f"{where} is damaged: `{op.name}` reads weights {offset} to "
                        f"{offset + length}, but there are {weights}"
                    )
        return graph

    @model_validator(mode="after")
    def _check(self) -> "Graph":
        known = set(self.inputs.values())
        for number, op in enumerate(self.ops):
            place = f"op {number} `{op.name}`"
            if op.name not in OPERATIONS:
                raise ValueError(
                    f"{place} does not exist in version 1 of the format; a newer vaelab wrote it"
                )
            if missing := set(op.inputs) - known:
                raise ValueError(f"{place} reads {sorted(missing)}, which nothing wrote")
            if op.output in known:
                raise ValueError(f"{place} writes {op.output} a second time")
            known.add(op.output)
        if missing := set(self.outputs.values()) - known:
            raise ValueError(f"it gives {sorted(missing)}, which nothing wrote")
        return self


@dataclass(frozen=True)
class Graphs:
    """What leads from an image to its code, and from a code to p(x|z).

    A code is loc and scale of q(z|x), or the numbers of entries of a codebook. Of a model with two
    levels it is the upper one; `encoder` and `decoder` then have the lower one, and `upwards` and
    `downwards` lead from one to the other, each to loc and scale.
    """

    encoder: Graph
    decoder: Graph
    upwards: Graph | None = None
    downwards: Graph | None = None

    @property
    def ops(self) -> list[Op]:
        """All operations."""
        graphs = (self.encoder, self.decoder, self.upwards, self.downwards)
        return [op for graph in graphs if graph for op in graph.ops]

    def encode(
        self, weights: Float[Tensor, " p"], x: Float[Tensor, "n c h w"], context: Tensor
    ) -> dict[str, Float[Tensor, "n d"]]:
        """Codes of n images, of one-hot classes."""
        codes = interpret(self.encoder, weights, {"x": x, "class": context})
        return interpret(self.upwards, weights, {"z": codes["loc"]}) if self.upwards else codes

    def decode(
        self, weights: Float[Tensor, " p"], z: Float[Tensor, "n d"], context: Tensor
    ) -> dict[str, Float[Tensor, "n c h w"]]:
        """Mean images of n codes; and where it differs from pixel to pixel, the scale."""
        if self.downwards:
            z = interpret(self.downwards, weights, {"z": z})["loc"]
        return interpret(self.decoder, weights, {"z": z, "class": context})


def interpret(
    graph: Graph, weights: Float[Tensor, " w"], given: Mapping[str, Float[Tensor, "n ..."]]
) -> dict[str, Float[Tensor, "n ..."]]:
    """Each output for n images, of each input; `class` is one-hot, `(n, classes)`."""
    values = {index: given[name] for name, index in graph.inputs.items()}
    for op in graph.ops:
        tensors = {
            name: None if place is None else weights[place[0] : sum(place)]
            for name, place in op.tensors.items()
        }
        inputs = [values[index] for index in op.inputs]
        values[op.output] = OPERATIONS[op.name](op, tensors, *inputs).reshape(-1, *op.shape)
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


def _nearest(op: Op, tensors: Tensors, x: Tensor) -> Tensor:
    vectors, rows = tensors["weight"].reshape(-1, x.shape[1]), x.movedim(1, -1)
    # |x - e|^2 less |x|^2, which is the same for all entries
    distance: Tensor = vectors.square().sum(1) - 2 * rows @ vectors.T
    return distance.argmin(-1).to(x.dtype)


def _embed(op: Op, tensors: Tensors, z: Tensor) -> Tensor:
    vectors: Tensor = tensors["weight"].reshape(-1, op.shape[0])
    entries = z.round().long().clamp(0, len(vectors) - 1)
    return vectors[entries].movedim(-1, 1)


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


OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "linear": _linear,
    "conv2d": _conv2d,
    "conv_transpose2d": _conv_transpose2d,
    "nearest": _nearest,
    "embed": _embed,
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
