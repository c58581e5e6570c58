"""Layers grouped into the values that they pass on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vaelab.models import VAE
from vaelab.networks import Network
from vaelab.networks.layers import Layer, Shape
from vaelab.networks.resnet import Residual


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

    @property
    def parts(self) -> list[int]:
        """How many of its channels or numbers are the value, and how many say the class."""
        return [count for count in (self.shape[0] - self.classes, self.classes) if count]


def blocks(layers: Sequence[Layer]) -> list[Block]:
    """The values after each layer.

    Norms, FiLM and activations are counted with the layer before them, unless that is a residual
    block; equal residual blocks in a row are counted as one.
    """
    found: list[Block] = []
    for number, layer in enumerate(layers):
        last, modulated = found[-1] if found else None, layer.reads_class and not layer.appended
        residual = isinstance(layer, Residual)
        if last and residual and layer == layers[number - 1]:
            found[-1] = replace(last, repeats=last.repeats + 1)
        elif last and layer.follows and not last.repeats:
            words, modulated = last.words + layer.words, last.modulated or modulated
            found[-1] = replace(last, words=words, modulated=modulated)
        else:
            shape, repeats = layer.output_shape, int(residual)
            found.append(Block(shape, layer.words, layer.appended, modulated, repeats))
    return found


def parameter_names(model: VAE) -> list[str]:
    """What the encoder computes of the posterior, in words."""
    return [name.replace("_", " ") for name in model.encoder.family.parameter_names]


def head_layers(model: VAE) -> list[tuple[Layer, ...]]:
    """From the features to each parameter of the posterior, or to all of them."""
    return [head.layers for head in model.encoder.heads if isinstance(head, Network)]
