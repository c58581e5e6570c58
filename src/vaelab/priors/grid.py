"""Priors of a grid of codes out of K."""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent

from vaelab.priors.base import Prior
from vaelab.registry import Axis, Kind

Grid = tuple[int, int]


class BaseGridPrior(Kind, ABC):
    """Settings of a prior of a grid of codes."""

    axis = Axis(
        "grid_prior", "model.prior",
        "p(z) of model `vq`, the grids of codes that samples are decoded from.",
    )  # fmt: skip

    @abstractmethod
    def build(self, codes: int, grid: Grid) -> Prior:
        """The module, whose distribution has the event shape `grid`.

        Args:
            codes: K, how many there are at each place.
            grid: rows and columns.
        """


class UniformGrid(Prior):
    """P(z) = K^-n for each of the grids of n codes."""

    def __init__(self, codes: int, grid: Grid) -> None:
        super().__init__()
        self.register_buffer("logits", torch.zeros(*grid, codes), persistent=False)

    def forward(self, context: Float[Tensor, "b c"] | None = None) -> Distribution:
        """All grids alike."""
        each = Categorical(logits=self.get_buffer("logits"), validate_args=False)
        return Independent(each, 2, validate_args=False)


class UniformConfig(BaseGridPrior):
    """Every grid of codes alike.

        p(z) = K^-n, so that the rate is n log K whatever the image

    Use it while the encoder and the decoder are trained; `vaelab fit-prior` then learns which grids
    there are.

    "Neural discrete representation learning" (van den Oord et al., 2017, section 3.1, arXiv
    1711.00937).
    """

    kind: Literal["uniform"] = "uniform"

    def build(self, codes: int, grid: Grid) -> UniformGrid:
        """The module."""
        return UniformGrid(codes, grid)
