"""What the page in the browser computes of a layer: operations, as docs/bundle.md defines them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

import numpy as np
from jaxtyping import Float64
from torch import Tensor, nn

Array = Float64[np.ndarray, "..."]
Shape = tuple[int, ...]


class UnsupportedLayerError(Exception):
    """A layer, by its name, that no operation stands for."""

    def __init__(self, layer: str) -> None:
        super().__init__(layer)
        self.layer = layer


class Affine(NamedTuple):
    """Weight and bias as they are at the moment they are asked for."""

    weight: Callable[[], Array]
    bias: Callable[[], Array] | None

    @classmethod
    def of(cls, module: nn.Module) -> "Affine":
        """Those of a linear layer or a convolution."""
        weight, bias = cast(Tensor, module.weight), cast(Tensor | None, module.bias)
        return cls(lambda: to_array(weight), None if bias is None else lambda: to_array(bias))


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        name: which.
        shape: of its output, for one image.
        settings: numbers that are not trained.
        affine: its weight and bias.
        of_class: what it reads besides the value before it: each what a few operations, or none,
            make of the class.
        summand: operations whose value is added to what they were given; it is of no other use.
    """

    name: str
    shape: Shape
    settings: Mapping[str, Any] = field(default_factory=dict)
    affine: Affine | None = None
    of_class: tuple[tuple["Operation", ...], ...] = ()
    summand: tuple["Operation", ...] = ()


def simplified(operations: Iterable[Operation]) -> list[Operation]:
    """The same with norms folded into convolutions, and linear operations in a row made one."""
    result: list[Operation] = []
    for one in operations:
        last = result[-1] if result else None
        if last and last.affine and one.affine:
            if one.name == "scale_shift" and last.name in {"conv2d", "conv_transpose2d"}:
                result[-1] = _fold(last, last.affine, one.affine)
                continue
            if one.name == last.name == "linear" and _joining_pays(last, last.affine, one):
                result[-1] = replace(one, affine=_join(last.affine, one.affine))
                continue
        result.append(one)
    return result


def to_array(tensor: Tensor) -> Array:
    """Its values, in double precision."""
    return tensor.detach().double().cpu().numpy()


def _joining_pays(first: Operation, affine: Affine, second: Operation) -> bool:
    inputs, (between,), (outputs,) = affine.weight().shape[1], first.shape, second.shape
    return bool(outputs * inputs <= between * inputs + outputs * between)


def _join(one: Affine, two: Affine) -> Affine:
    """W2 (W1 x + b1) + b2 = (W2 W1) x + (W2 b1 + b2)."""

    def bias() -> Array:
        shift = 0.0 if one.bias is None else two.weight() @ one.bias()
        return cast(Array, shift + (0.0 if two.bias is None else two.bias()))

    both = one.bias is not None or two.bias is not None
    return Affine(lambda: two.weight() @ one.weight(), bias if both else None)


def _fold(convolution: Operation, affine: Affine, norm: Affine) -> Operation:
    """The norm of W x + b, f (W x + b) + c = (f W) x + (f b + c)."""
    outputs = (1, -1, 1, 1) if convolution.name == "conv_transpose2d" else (-1, 1, 1, 1)

    def weight() -> Array:
        return cast(Array, affine.weight() * norm.weight().reshape(outputs))

    def bias() -> Array:
        before = 0.0 if affine.bias is None else affine.bias()
        return cast(Array, norm.weight() * before + cast(Any, norm.bias)())

    return replace(convolution, affine=Affine(weight, bias))
