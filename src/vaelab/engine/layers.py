"""A network's layers as a CPU computes them fastest: the same values up to rounding."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from vaelab.networks.conditioning import FiLM
from vaelab.networks.convolutions import SlidingKernel, TransposedConvolution
from vaelab.networks.layers import (
    Activate,
    Activation,
    BatchNorm,
    Layer,
    Linear,
    apply_plain,
)
from vaelab.networks.network import Apply, Network

Move = Callable[[Tensor], Tensor]

MAX_OVERLAP = 2.25
"""Beyond so many windows per pixel, gathering them costs more than it saves."""
NEW = (Linear, SlidingKernel, BatchNorm, FiLM)
"""Layers whose output is memory of its own that no gradient needs."""
SMALL = 2**13
"""Numbers of which torch.tanh is as fast as any other way."""


def apply_fast(
    layers: Sequence[Layer], stack: Iterable[nn.Module], x: Tensor, context: Tensor | None
) -> Tensor:
    """Layers one after the other, convolutions as matrix products and activations in place."""
    if x.device.type != "cpu":
        return apply_plain(layers, stack, x, context)
    before: Layer | None = None
    for layer, module in zip(layers, stack, strict=True):
        if isinstance(layer, SlidingKernel) and _pays(layer):
            x = _convolve(layer, module, x)
        elif isinstance(layer, Activate) and layer.function == "tanh" and x.numel() >= SMALL:
            x = _Tanh.apply(x)  # type: ignore[no-untyped-call]
        elif isinstance(layer, Activate) and layer.function in IN_PLACE and isinstance(before, NEW):
            x = IN_PLACE[layer.function](x)
        else:
            x = module(x, context) if layer.reads_class else module(x)
        before = layer
    return x


def apply_stacked(
    layers: Sequence[Layer], stack: Iterable[nn.Module], x: Tensor, context: Tensor | None
) -> Tensor:
    """Layers one after the other under vmap, which computes networks of one shape at once."""
    for layer, module in zip(layers, stack, strict=True):
        if isinstance(layer, Linear) and x.device.type == "cpu":
            x = _Dense.apply(x, module.weight, module.bias)  # type: ignore[no-untyped-call]
        else:
            x = module(x, context) if layer.reads_class else module(x)
    return x


def accelerate(module: nn.Module) -> None:
    """Have every network inside compute by `apply_fast` from now on."""
    for part in module.modules():
        if isinstance(part, Network):
            part.apply_layers = apply_fast


@contextmanager
def computing_by(way: Apply, module: nn.Module) -> Iterator[None]:
    """In this block every network inside computes its layers in this way."""
    networks = [part for part in module.modules() if isinstance(part, Network)]
    before = [network.apply_layers for network in networks]
    for network in networks:
        network.apply_layers = way
    try:
        yield
    finally:
        for network, former in zip(networks, before, strict=True):
            network.apply_layers = former


class Windows:
    """Where a sliding kernel reads an image, without padding."""

    def __init__(self, shape: tuple[int, int], kernel: tuple[int, int], stride: int) -> None:
        self.size = shape[0] * shape[1]
        positions = torch.arange(self.size).view(shape)
        windows = positions.unfold(0, kernel[0], stride).unfold(1, kernel[1], stride)
        # the position of every pixel of every window, windows row by row, pixels row by row in each
        self._index = windows.reshape(-1).contiguous()
        tiles = torch.equal(self._index.sort().values, positions.view(-1))
        self._inverse = torch.argsort(self._index) if tiles else None

    def gather(self, x: Tensor) -> Tensor:
        """The pixels of all windows, `(n, k, c)`, of images `(n, height * width, c)`."""
        return x.index_select(1, self._index)

    def scatter(self, patches: Tensor) -> Tensor:
        """The adjoint of `gather`: every pixel the sum over the windows that hold it."""
        if self._inverse is not None:  # the windows only put the pixels in another order
            return patches.index_select(1, self._inverse)
        image = patches.new_zeros(len(patches), self.size, patches.shape[-1])
        return image.index_add_(1, self._index, patches)


@lru_cache(maxsize=256)
def _windows(layer: SlidingKernel) -> Windows:
    shape = layer.output_shape if isinstance(layer, TransposedConvolution) else layer.shape
    return Windows((shape[1], shape[2]), layer.kernel, layer.stride)


def _pays(layer: SlidingKernel) -> bool:
    return not layer.padding and prod(layer.kernel) <= MAX_OVERLAP * layer.stride**2


def _convolve(layer: SlidingKernel, module: Any, x: Tensor) -> Tensor:
    """A convolution as gather and product, its transpose as product and scatter.

    From and to `(n, c, h, w)` in channels-last memory, of which `(n, h * w, c)` is a view.
    """
    channels, height, width = layer.output_shape
    kernels = module.weight.permute(0, 2, 3, 1).flatten(1)  # (a, h * w * b) of (a, b, h, w)
    pixels, windows = x.permute(0, 2, 3, 1).flatten(1, 2), _windows(layer)
    if isinstance(layer, TransposedConvolution):
        patches = _product(pixels.flatten(0, 1), kernels).view(len(x), -1, channels)
        image = _moved(patches, windows.scatter, windows.gather)
    else:
        patches = _moved(pixels, windows.gather, windows.scatter)
        image = _product(patches.view(-1, kernels.shape[1]), kernels.t())
    if module.bias is not None:
        image = image + module.bias
    return image.view(len(x), height, width, channels).permute(0, 3, 1, 2)


def _moved(x: Tensor, there: Move, back: Move) -> Tensor:
    moved: Tensor = _Moved.apply(x, there, back)  # type: ignore[no-untyped-call]
    return moved


class _Moved(torch.autograd.Function):
    """A linear function of pixels, given with its adjoint."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, there: Move, back: Move) -> Tensor:
        ctx.ways = back, there
        return there(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _moved(gradient, *ctx.ways), None, None


def _product(a: Tensor, b: Tensor) -> Tensor:
    product: Tensor = _Product.apply(a, b)  # type: ignore[no-untyped-call]
    return product


class _Product(torch.autograd.Function):
    """a b, whose gradient of b is computed in the order that is fast for few columns."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return a @ b

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor]:
        a, b = ctx.saved_tensors
        narrow = a.shape[1] < gradient.shape[1]
        of_b = a.t() @ gradient if narrow else (gradient.t() @ a).t()
        return (gradient @ b.t() if ctx.needs_input_grad[0] else None), of_b


class _Dense(torch.autograd.Function):
    """y = x W^T + b, whose gradients come in the order of the parameters' memory.

    Those of nn.Linear come transposed under vmap, and turning them takes longer than their product.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.addmm(bias, x, weight.t())

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        of_x = gradient @ weight if ctx.needs_input_grad[0] else None
        return of_x, gradient.t() @ x, gradient.sum(0)


class _Tanh(torch.autograd.Function):
    """2 sigmoid(2 x) - 1: a third of torch.tanh's time, exact to 1e-7."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = (x + x).sigmoid_().mul_(2).sub_(1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return torch.ops.aten.tanh_backward(gradient, y)  # type: ignore[no-any-return]


IN_PLACE: dict[Activation, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu_,
    "leaky_relu": functional.leaky_relu_,
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
}
"""Activations whose derivative follows from their value, so that their input may be lost."""
