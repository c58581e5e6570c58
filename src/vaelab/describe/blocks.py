"""Layers in words, and grouped into the values that they pass on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

from vaelab.networks.convolutions import Convolution, SlidingKernel, TransposedConvolution
from vaelab.networks.layers import (
    Activate,
    Activation,
    AppendOneHot,
    BatchNorm,
    ClassPlanes,
    Layer,
    Linear,
    Reshape,
    Shape,
)


@dataclass(frozen=True)
class Block:
    """A value on its way through a network, and what made it.

    Attributes:
        shape: of one image's value.
        words: the layer that made it, its norm and its activation.
        classes: how many of its channels or numbers say the class.
    """

    shape: Shape
    words: tuple[str, ...] = ()
    classes: int = 0


def blocks(layers: Sequence[Layer]) -> list[Block]:
    """The values after each layer, norms and activations counted with the layer before them."""
    found: list[Block] = []
    for layer in layers:
        words = phrases(layer)
        if found and isinstance(layer, BatchNorm | Activate):
            before = found.pop()
            found.append(Block(before.shape, before.words + words, before.classes))
        else:
            classes = layer.classes if isinstance(layer, ClassPlanes | AppendOneHot) else 0
            found.append(Block(layer.output_shape, words, classes))
    return found


@singledispatch
def phrases(layer: Layer) -> tuple[str, ...]:
    """What a layer is, in a few words each."""
    return (type(layer).__name__,)


@phrases.register
def _(layer: Linear) -> tuple[str, ...]:
    return ("linear",)


@phrases.register
def _(layer: Convolution) -> tuple[str, ...]:
    return ("conv " + _kernel(layer), *_steps(layer))


@phrases.register
def _(layer: TransposedConvolution) -> tuple[str, ...]:
    return ("transposed conv " + _kernel(layer), *_steps(layer))


@phrases.register
def _(layer: BatchNorm) -> tuple[str, ...]:
    return ("batch norm",)


@phrases.register
def _(layer: Activate) -> tuple[str, ...]:
    return () if layer.function == "identity" else (_name(layer.function),)


@phrases.register
def _(layer: Reshape) -> tuple[str, ...]:
    return ("flatten",) if len(layer.after) == 1 else ("reshape",)


@phrases.register
def _(layer: ClassPlanes) -> tuple[str, ...]:
    return (f"+ {layer.classes} class planes",)


@phrases.register
def _(layer: AppendOneHot) -> tuple[str, ...]:
    return ("+ one-hot class",)


def _kernel(layer: SlidingKernel) -> str:
    return "×".join(map(str, layer.kernel))


def _steps(layer: SlidingKernel) -> tuple[str, ...]:
    padding = (f"padding {layer.padding}",) if layer.padding else ()
    return (f"stride {layer.stride}", *padding)


def _name(function: Activation) -> str:
    known = {"relu": "ReLU", "leaky_relu": "leaky ReLU", "gelu": "GELU", "silu": "SiLU"}
    return known.get(function, function)
