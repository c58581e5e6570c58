"""Layer specs made into a module."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaelab.networks.conditioning import FiLM
from vaelab.networks.exported import Operation
from vaelab.networks.layers import (
    Activate,
    Activation,
    Layer,
    Linear,
    Shape,
    apply_plain,
    check_follow,
    operations_of,
)

Apply = Callable[[Sequence[Layer], Iterable[nn.Module], Tensor, Tensor | None], Tensor]


class BaseNetwork(nn.Module, ABC):
    """What is computed of one batch dimension, applied to any number of them.

    Attributes:
        layers: specs of what it is made of; none where that is not known.
        output_shape: of one output.
        products: the number format of its products, and then what it gives is turned into float32;
            None: that of the parameters.
    """

    layers: tuple[Layer, ...] = ()
    output_shape: Shape = ()

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.products: torch.dtype | None = None
        self._dims = dims

    def forward(
        self, x: Float[Tensor, "..."], context: Float[Tensor, "..."] | None = None
    ) -> Float[Tensor, "..."]:
        """Apply it.

        Args:
            x: `(..., *input_shape)`.
            context: one-hot classes `(..., classes)`, broadcast over the leading dimensions of
                `x`; needed where the class is read.

        Returns:
            `(..., *output_shape)`.

        Raises:
            TypeError: a layer reads the class and no context was given.
        """
        batch = x.shape[: x.dim() - self._dims]
        x = x.reshape(-1, *x.shape[len(batch) :])
        if context is not None:
            context = context.expand(*batch, context.shape[-1]).reshape(-1, context.shape[-1])
        if self.products is None:
            y = self.compute(x, context)
        else:
            with torch.autocast(x.device.type, self.products):
                y = self.compute(x, context).float()
        return y.reshape(*batch, *self.output_shape)

    @abstractmethod
    def compute(
        self, x: Float[Tensor, "n ..."], context: Float[Tensor, "n classes"] | None
    ) -> Float[Tensor, "n ..."]:
        """Its output for one batch dimension, as any number of values in its order."""

    @abstractmethod
    def operations(self) -> list[Operation]:
        """What a graph computes in its place, with the weights as they are then.

        Raises:
            UnsupportedLayerError: no operation stands for a layer.
        """


class Network(BaseNetwork):
    """Layers applied one after the other.

    Attributes:
        apply_layers: what computes the layers, in the parameters' format: `apply_plain`, unless
            an engine has put a faster way of the same values there.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__(len(layers[0].input_shape))
        check_follow(layers)
        self.layers, self.output_shape = tuple(layers), layers[-1].output_shape
        self.stack = nn.ModuleList(layer.module() for layer in layers)
        self._conditional = any(layer.reads_class for layer in layers)
        self.apply_layers: Apply = apply_plain

    def operations(self) -> list[Operation]:
        return operations_of(self.layers, self.stack)

    def compute(self, x: Tensor, context: Tensor | None) -> Tensor:
        if context is None and self._conditional:
            raise TypeError(
                "this model is conditional: give the classes as `context`, one-hot (n, classes)"
            )
        apply = self.apply_layers if self.products is None else apply_plain
        return apply(self.layers, self.stack, x, context)


@contextmanager
def multiplying_in(products: torch.dtype | None, module: nn.Module) -> Iterator[None]:
    """In this block the networks inside multiply in this format, and nothing else does.

    Distributions are computed from what they give in float32: a log variance that is taken from
    its bound of 20 in bfloat16 comes out in steps of 1/8.
    """
    networks = []
    if products is not None:
        networks = [part for part in module.modules() if isinstance(part, BaseNetwork)]
    for network in networks:
        network.products = products
    try:
        yield
    finally:
        for network in networks:
            network.products = None


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside the block; every module's mode is put back after it."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def dense(
    inputs: int, widths: Sequence[int], activation: Activation, classes: int = 0
) -> list[Layer]:
    """Fully connected layers, each followed by FiLM by so many classes and by its activation."""
    layers: list[Layer] = []
    for before, after in pairwise([inputs, *widths]):
        films: list[Layer] = [FiLM((after,), classes)] if classes else []
        layers += [Linear(before, after), *films, Activate((after,), activation)]
    return layers
