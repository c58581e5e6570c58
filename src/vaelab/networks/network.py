"""Layer specs made into a module."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaelab.distributed.world import World
from vaelab.networks.film import FiLM
from vaelab.networks.layers import (
    Activate,
    Activation,
    Layer,
    Linear,
    Shape,
    apply_plain,
    check_follow,
)
from vaelab.networks.lowering import LOWERED, Lowered
from vaelab.networks.stacked import apply_stacked
from vaelab.networks.synchronised import synchronise


class Network(nn.Module):
    """Layers applied one after the other, to any number of batch dimensions.

    Args:
        layers: specs whose shapes follow on each other.

    Attributes:
        products: the number format in which layers multiply, and then what they give is turned
            into float32; None: that of the parameters.

    Raises:
        ValueError: a layer does not take what the one before it gives.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        check_follow(layers)
        self.layers = tuple(layers)
        self.stack = nn.ModuleList(layer.module() for layer in layers)
        self.products: torch.dtype | None = None
        self._conditional = any(layer.reads_class for layer in layers)
        self._lowered = self._lower()

    @property
    def input_shape(self) -> Shape:
        """Shape of one input."""
        return self.layers[0].input_shape

    @property
    def output_shape(self) -> Shape:
        """Shape of one output."""
        return self.layers[-1].output_shape

    def forward(
        self, x: Float[Tensor, "..."], context: Float[Tensor, "..."] | None = None
    ) -> Float[Tensor, "..."]:
        """Apply the layers.

        Args:
            x: `(..., *input_shape)`.
            context: one-hot classes `(..., classes)`, broadcast over the leading dimensions of
                `x`; needed where a layer reads it.

        Returns:
            `(..., *output_shape)`.

        Raises:
            TypeError: a layer reads the class and no context was given.
        """
        batch = x.shape[: x.dim() - len(self.input_shape)]
        x = x.reshape(-1, *self.input_shape)
        if context is not None:
            context = context.expand(*batch, context.shape[-1]).reshape(-1, context.shape[-1])
        if context is None and self._conditional:
            raise TypeError(
                "this model is conditional: give the classes as `context`, one-hot (n, classes)"
            )
        y = self._apply_layers(x, context) if self.products is None else self._rounded(x, context)
        return y.reshape(*batch, *self.output_shape)

    def synchronise(self, world: World) -> None:
        """From now on normalise over the images of all processes."""
        synchronise(self.stack, world)
        self._lowered = self._lower()

    def _lower(self) -> Lowered | None:
        lowers = all(isinstance(layer, LOWERED) for layer in self.layers)
        return Lowered(self.layers, list(self.stack)) if lowers else None

    def _rounded(self, x: Tensor, context: Tensor | None) -> Tensor:
        with torch.autocast(x.device.type, self.products):
            return self._apply_layers(x, context).float()

    def _apply_layers(self, x: Tensor, context: Tensor | None) -> Tensor:
        """The fastest way that gives all that is asked for."""
        own = x.device.type == "cpu" and self.products is None
        if own and torch._C._are_functorch_transforms_active():
            return apply_stacked(self.layers, self.stack, x, context)
        if own and self._lowered and (self.training or not torch.is_grad_enabled()):
            return self._lowered(x, context)
        return apply_plain(self.layers, self.stack, x, context)


def dense(
    inputs: int, widths: Sequence[int], activation: Activation, classes: int = 0
) -> list[Layer]:
    """Fully connected layers, each followed by FiLM by so many classes and by its activation."""
    layers: list[Layer] = []
    for before, after in pairwise([inputs, *widths]):
        films: list[Layer] = [FiLM((after,), classes)] if classes else []
        layers += [Linear(before, after), *films, Activate((after,), activation)]
    return layers
