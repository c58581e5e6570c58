"""Layers in words, and grouped into the values that they pass on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch

from vaelab.networks.convolutions import Convolution, SlidingKernel, TransposedConvolution
from vaelab.networks.film import FiLM
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
from vaelab.networks.residual import Residual


@dataclass(frozen=True)
class Block:
    """A value on its way through a network, and what made it.

    Attributes:
        shape: of one image's value.
        words: the layer that made it, its norm and its activation.
        classes: how many of its channels or numbers say the class.
        modulated: whether a layer that made it was told the class besides.
        repeats: of a residual block, how many there are in a row; else 0.
    """

    shape: Shape
    words: tuple[str, ...] = ()
    classes: int = 0
    modulated: bool = False
    repeats: int = 0


def blocks(layers: Sequence[Layer]) -> list[Block]:
    """The values after each layer.

    Norms, FiLM and activations are counted with the layer before them, unless that is a residual
    block; equal residual blocks in a row are counted as one.
    """
    found: list[Block] = []
    for number, layer in enumerate(layers):
        last = found[-1] if found else None
        words = phrases(layer)
        if last and layer == layers[number - 1] and isinstance(layer, Residual):
            found[-1] = replace(last, repeats=last.repeats + 1)
        elif last and not last.repeats and isinstance(layer, BatchNorm | FiLM | Activate):
            told = last.modulated or isinstance(layer, FiLM)
            found[-1] = replace(last, words=last.words + words, modulated=told)
        else:
            classes = layer.classes if isinstance(layer, ClassPlanes | AppendOneHot) else 0
            residual = isinstance(layer, Residual)
            told = residual and layer.reads_class
            found.append(Block(layer.output_shape, words, classes, told, int(residual)))
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


@phrases.register
def _(layer: FiLM) -> tuple[str, ...]:
    return ("FiLM by class",)


@phrases.register
def _(layer: Residual) -> tuple[str, ...]:
    inner = Counter(words[0] for one in layer.inner if (words := phrases(one)))
    counted = (f"{count} × {word}" if count > 1 else word for word, count in inner.items())
    return ("residual block", *counted)


def _kernel(layer: SlidingKernel) -> str:
    return "×".join(map(str, layer.kernel))


def _steps(layer: SlidingKernel) -> tuple[str, ...]:
    padding = (f"padding {layer.padding}",) if layer.padding else ()
    return (f"stride {layer.stride}", *padding)


def _name(function: Activation) -> str:
    known = {"relu": "ReLU", "leaky_relu": "leaky ReLU", "gelu": "GELU", "silu": "SiLU"}
    return known.get(function, function)
