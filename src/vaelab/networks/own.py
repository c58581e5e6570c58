"""A module from elsewhere in the place of a network: any `nn.Module`, its output checked."""

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaelab.errors import BadCombinationError, any_code
from vaelab.networks.convolutions import Convolution, TransposedConvolution
from vaelab.networks.exported import Operation, UnsupportedLayerError
from vaelab.networks.layers import (
    ACTIVATIONS,
    LEAKY_SLOPE,
    Activate,
    Activation,
    BatchNorm,
    Layer,
    Linear,
    Reshape,
    Shape,
    operations_of,
)
from vaelab.networks.network import BaseNetwork, Network, evaluating

IN_EVALUATION: dict[type[nn.Module], Activation] = {
    **{module: name for name, module in ACTIVATIONS.items()},
    nn.Dropout: "identity",
    nn.Dropout2d: "identity",
}
"""What modules are in evaluation."""


class Translated(NamedTuple):
    """Specs with the modules that they are of, or the name of the first that has none."""

    layers: tuple[Layer, ...] = ()
    stack: tuple[nn.Module, ...] = ()
    unknown: str | None = None


def translate(module: nn.Module, example: Float[Tensor, "..."], output: Shape) -> Translated:
    """The specs of a module, `Sequential`s taken apart, in evaluation mode.

    The last values are read as those of an output of that shape.
    """
    layers: list[Layer] = []
    stack: list[nn.Module] = []
    x = example
    for part in _leaves(module):
        if isinstance(part, Network):
            layers += part.layers
            stack += list(part.stack)
            x = part(x)
            continue
        before, given = tuple(x.shape[1:]), part(x)
        layer = _spec(part, before, tuple(given.shape[1:])) if isinstance(given, Tensor) else None
        if layer is None:
            return Translated(unknown=type(part).__name__)
        x = given
        layers.append(layer)
        stack.append(part)
    if tuple(x.shape[1:]) != output:
        reshape = Reshape(tuple(x.shape[1:]), output)
        layers.append(reshape)
        stack.append(reshape.module())
    return Translated(tuple(layers), tuple(stack))


def _leaves(module: nn.Module) -> Iterator[nn.Module]:
    if type(module) is nn.Sequential:
        for part in module:
            yield from _leaves(part)
    else:
        yield module


def _spec(module: nn.Module, before: Shape, after: Shape) -> Layer | None:
    kind = type(module)
    if kind in IN_EVALUATION:
        steep = isinstance(module, nn.LeakyReLU) and module.negative_slope != LEAKY_SLOPE
        rough = isinstance(module, nn.GELU) and module.approximate != "none"
        return None if steep or rough else Activate(before, IN_EVALUATION[kind])
    if kind in (nn.Flatten, nn.Unflatten):
        return Reshape(before, after)
    if isinstance(module, nn.Linear) and kind is nn.Linear and len(before) == 1:
        return Linear(module.in_features, module.out_features)
    if isinstance(module, nn.BatchNorm2d) and kind is nn.BatchNorm2d:
        return BatchNorm(before) if module.affine and module.track_running_stats else None
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        return _sliding(module, before)
    return None


def _sliding(module: nn.Conv2d | nn.ConvTranspose2d, before: Shape) -> Layer | None:
    (stride, *strides), padding = set(module.stride), module.padding
    if isinstance(padding, str) or len(set(padding)) > 1 or strides or module.groups > 1:
        return None
    if set(module.dilation) != {1} or set(module.output_padding) != {0}:
        return None
    if module.padding_mode != "zeros":
        return None
    spec = {nn.Conv2d: Convolution, nn.ConvTranspose2d: TransposedConvolution}.get(type(module))
    if spec is None:
        return None
    channels, height, width = before
    first, second = module.kernel_size
    return spec(
        (channels, height, width), module.out_channels, (first, second), stride, padding[0],
        module.bias is not None,
    )  # fmt: skip


class OwnNetwork(BaseNetwork):
    """Any module of one batch dimension.

    It gives a tensor, or several, such as a location and a log variance, which are put one behind
    the other; those of one input may have any shape that has the right number of values.
    """

    def __init__(self, module: nn.Module, dims: int, reads_class: bool) -> None:
        super().__init__(dims)
        self.module, self.reads_class = module, reads_class
        self._translated = Translated()

    def operations(self) -> list[Operation]:
        if self._translated.unknown is not None:
            raise UnsupportedLayerError(self._translated.unknown)
        return operations_of(self.layers, self._translated.stack)

    def fit(
        self, what: str, example: Float[Tensor, "..."], classes: int, output: Shape, advice: str
    ) -> None:
        """Take an output shape, if that is what the module gives."""
        size = " x ".join(map(str, example.shape[1:]))
        context = example.new_zeros(1, classes) if self.reads_class else None
        failure = f"{what} cannot take an input of {size}"
        with any_code(failure), evaluating(self), torch.no_grad():
            given = self.compute(example, context)
        # a code with spatial extent has to be an image as it is, not another order of its values
        fits = given.shape[1:] == output or (given.dim() == 2 or len(output) == 1)
        if not fits or given[0].numel() != prod(output):
            shape = " x ".join(map(str, given.shape[1:]))
            raise BadCombinationError(
                f"{what} gives {given[0].numel():,} numbers ({shape}) for an input of {size}, but "
                f"{prod(output):,} are wanted{advice}"
            )
        self.output_shape = output
        if self.reads_class:
            self._translated = Translated(unknown=type(self.module).__name__)
        else:
            with evaluating(self), torch.no_grad():
                self._translated = translate(self.module, example, output)
        self.layers = self._translated.layers

    def compute(self, x: Tensor, context: Tensor | None) -> Tensor:
        given = self.module(x, context) if self.reads_class else self.module(x)
        if isinstance(given, Tensor):
            return given
        if isinstance(given, tuple | list) and all(isinstance(one, Tensor) for one in given):
            return torch.cat([one.flatten(1) for one in given], 1)
        raise BadCombinationError(
            f"{type(self.module).__name__} gives a {type(given).__name__}; a tensor is wanted, or "
            "a tuple of tensors"
        )
