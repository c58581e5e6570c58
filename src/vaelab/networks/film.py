"""Feature-wise linear modulation: what a class does to hidden layers."""

from dataclasses import dataclass
from math import prod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vaelab.networks.layers import ShapeKeeping


@dataclass(frozen=True)
class FiLM(ShapeKeeping):
    """Each channel or feature scaled and shifted as the class says.

    y = (1 + g) x + b, one g and one b per class and channel, both 0 before training.

    "FiLM: Visual reasoning with a general conditioning layer" (Perez et al., 2018, eq. 2, arXiv
    1709.07871).
    """

    classes: int

    @property
    def parameters(self) -> int:
        """A scale and a shift per class and channel."""
        return 2 * self.classes * self.shape[0]

    @property
    def multiply_adds(self) -> int:
        """One per weight and one per value."""
        return self.parameters + prod(self.shape)

    @property
    def reads_class(self) -> bool:
        """Yes."""
        return True

    def module(self) -> nn.Module:
        """A module of (x, context)."""
        return Modulation(self.shape[0], self.classes)


class Modulation(nn.Module):
    """FiLM's parameters.

    Args:
        channels: of the input.
        classes: how many there are.

    Attributes:
        weight: g of every class, then b.
    """

    weight: Float[Tensor, "2*channels classes"]

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2 * channels, classes))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """(1 + g) x + b."""
        scale, shift = self.scale_and_shift(x, context)
        each = (*scale.shape, *(1,) * (x.dim() - 2))
        return x * scale.view(each) + shift.view(each)

    def scale_and_shift(
        self, x: Float[Tensor, "n ..."], context: Float[Tensor, "n classes"]
    ) -> tuple[Float[Tensor, "n c"], Float[Tensor, "n c"]]:
        """1 + g and b of each image, in the precision of x."""
        both = functional.linear(context.to(x.dtype), self.weight)
        scale, shift = both.tensor_split(2, dim=1)
        return 1 + scale, shift
