"""A network as a closed, versioned list of operations: what the explorer computes.

docs/bundle.md says what each operation means.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from vaelab.errors import BadValueError
from vaelab.networks.layers import Shape
from vaelab.yamlfile import quoted

OPERATIONS = frozenset({
    "linear", "conv2d", "conv_transpose2d", "upsample", "reshape", "slice", "add", "multiply",
    "scale_shift", "modulate",
    "relu", "leaky_relu", "tanh", "gelu", "silu", "sigmoid", "soft_bound", "exp_half", "abs_plus",
    "times",
    "append_one_hot", "class_planes", "continuous_bernoulli_mean",
})  # fmt: skip
TENSORS = ("weight", "bias")
LARGEST = 2**31
"""Numbers of a value, for one image."""


class UnsupportedLayerError(Exception):
    """A layer that no operation stands for.

    Args:
        layer: its name.
    """

    def __init__(self, layer: str) -> None:
        super().__init__(layer)
        self.layer = layer


@dataclass(frozen=True)
class Op:
    """One operation.

    Attributes:
        name: which.
        inputs: ids of the values that it reads.
        output: id of the value that it makes.
        shape: of that value, for one image.
        tensors: where `weight` and `bias` lie in the weights: (offset, length), None for no bias.
        settings: numbers that are not trained, such as a stride.
    """

    name: str
    inputs: tuple[int, ...]
    output: int
    shape: Shape
    tensors: Mapping[str, tuple[int, int] | None] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return {
            "op": self.name, "in": list(self.inputs), "out": self.output, "shape": list(self.shape),
            **{name: place and list(place) for name, place in self.tensors.items()},
            **self.settings,
        }  # fmt: skip


@dataclass(frozen=True)
class Graph:
    """Operations in an order in which they can be computed.

    Attributes:
        inputs: names of what is given, with the ids of their values.
        ops: each value is written once, before it is read.
        outputs: names of what is asked for, with the ids of their values.
    """

    inputs: Mapping[str, int]
    ops: tuple[Op, ...]
    outputs: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        ops = [op.to_json() for op in self.ops]
        return {"inputs": dict(self.inputs), "ops": ops, "outputs": dict(self.outputs)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], weights: int, where: str) -> "Graph":
        """Read and check what `to_json` wrote.

        Args:
            data: parsed JSON.
            weights: how many there are.
            where: named in errors.

        Raises:
            BadValueError: an operation or a value that does not exist, a tensor that does not fit.
        """
        try:
            ops = tuple(_read_op(op) for op in data["ops"])
            inputs, outputs = (
                {str(name): int(value) for name, value in data[key].items()}
                for key in ("inputs", "outputs")
            )
            graph = cls(inputs, ops, outputs)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise BadValueError(f"{where} is damaged: {quoted(repr(error))}") from error
        graph._check(weights, where)
        return graph

    def _check(self, weights: int, where: str) -> None:
        known = set(self.inputs.values())
        for number, op in enumerate(self.ops):
            place = f"{where}, op {number} `{op.name}`"
            if op.name not in OPERATIONS:
                raise BadValueError(
                    f"{place} does not exist in version 1 of the format; a newer vaelab wrote it"
                )
            if missing := set(op.inputs) - known:
                raise BadValueError(f"{place} reads {sorted(missing)}, which nothing wrote")
            if op.output in known:
                raise BadValueError(f"{place} writes {op.output} a second time")
            for offset, length in filter(None, op.tensors.values()):
                if offset < 0 or length < 0 or offset + length > weights:
                    raise BadValueError(
                        f"{place} reads weights {offset} to {offset + length}, but there are "
                        f"{weights}"
                    )
            known.add(op.output)
        if missing := set(self.outputs.values()) - known:
            raise BadValueError(f"{where} gives {sorted(missing)}, which nothing wrote")

    @property
    def shapes(self) -> dict[int, Shape]:
        """Shape of each value that an operation writes."""
        return {op.output: op.shape for op in self.ops}


def _read_op(data: Mapping[str, Any]) -> Op:
    rest = {k: v for k, v in data.items() if k not in {"op", "in", "out", "shape", *TENSORS}}
    tensors: dict[str, tuple[int, int] | None] = {}
    for name in TENSORS:
        if name in data:
            place: Sequence[int] | None = data[name]
            tensors[name] = None if place is None else (int(place[0]), int(place[1]))
    shape = tuple(int(side) for side in data["shape"])
    if min(shape, default=1) < 1 or prod(shape) > LARGEST:
        raise ValueError(f"a value of shape {shape}")
    inputs = tuple(int(value) for value in data["in"])
    return Op(str(data["op"]), inputs, int(data["out"]), shape, tensors, rest)
