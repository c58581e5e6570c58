"""Priors of a grid of codes out of K: uniform, or a gated PixelCNN."""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent
from torch.nn.functional import cross_entropy, pad

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
        each = Categorical(logits=self.get_buffer("logits"), validate_args=False)
        return Independent(each, 2, validate_args=False)


class UniformConfig(BaseGridPrior):
    """Every grid of codes alike."""

    formula = "p(z) = K^-n, so that the rate is n log K whatever the image"
    advice = """Use it while the encoder and the decoder are trained; `vaelab fit-prior` then learns
        which grids there are."""
    references = """
        "Neural discrete representation learning" (van den Oord et al., 2017, section 3.1, arXiv
        1711.00937)"""

    kind: Literal["uniform"] = "uniform"

    def build(self, codes: int, grid: Grid) -> UniformGrid:
        return UniformGrid(codes, grid)


class GatedLayer(nn.Module):
    """Two stacks, both gated: what lies above a place, and what lies to its left in its row.

    The upper stack's features at a place depend on the rows above it alone, so that the lower one
    may read them there; together they leave no blind spot.

    "Conditional image generation with PixelCNN decoders" (van den Oord et al., 2016, eq. 2 and
    fig. 2, arXiv 1606.05328). The input of the first layer holds the codes themselves, so that a
    place's own is left out.
    """

    def __init__(self, channels: int, reach: int, first: bool) -> None:
        super().__init__()
        self.reach, self.first = reach, first
        self.above = nn.Conv2d(channels, 2 * channels, (reach + 1, 2 * reach + 1))
        self.left = nn.Conv2d(channels, 2 * channels, (1, reach + 1))
        self.down = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(
        self, upper: Float[Tensor, "b c h w"], lower: Float[Tensor, "b c h w"]
    ) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b c h w"]]:
        """Both stacks' features."""
        r, skip = self.reach, int(self.first)
        rows, columns = upper.shape[-2:]
        above = self.above(pad(upper, (r, r, r + skip, 0))[:, :, : rows + r])
        left = self.left(pad(lower, (r + skip, 0))[..., : columns + r]) + self.down(above)
        added = self.out(_gate(left))
        return _gate(above), added if self.first else lower + added


def _gate(x: Tensor) -> Tensor:
    # y = tanh(W x) sigmoid(V x)
    value, gate = x.chunk(2, dim=1)
    return value.tanh() * gate.sigmoid()


class PixelCNN(Prior):
    """P(z) = product over places, row by row, of p(z_i | z_1 ... z_(i-1))."""

    def __init__(self, codes: int, grid: Grid, channels: int, layers: int, reach: int) -> None:
        super().__init__()
        self.grid = grid
        self.embedding = nn.Embedding(codes, channels)
        self.layers = nn.ModuleList(
            GatedLayer(channels, reach, first=number == 0) for number in range(layers)
        )
        self.output = nn.Conv2d(channels, codes, 1)

    def forward(self, context: Float[Tensor, "b c"] | None = None) -> Distribution:
        return Autoregressive(self)

    def logits(self, z: Int64[Tensor, "b h w"]) -> Float[Tensor, "b codes h w"]:
        """Log p(z_i | z_1 ... z_(i-1)) up to a constant, for each place and code."""
        upper = lower = self.embedding(z).movedim(-1, 1)
        for layer in self.layers:
            upper, lower = layer(upper, lower)
        logits: Tensor = self.output(lower.relu())
        return logits


class Autoregressive(Distribution):
    """The grids of a PixelCNN, event shape `(rows, columns)`."""

    def __init__(self, network: PixelCNN) -> None:
        super().__init__(torch.Size([]), torch.Size(network.grid), validate_args=False)
        self._network = network

    def log_prob(self, value: Int64[Tensor, "*batch h w"]) -> Float[Tensor, "*batch"]:
        """Log p(z), nats."""
        z = value.reshape(-1, *self.event_shape)
        surprise = cross_entropy(self._network.logits(z), z, reduction="none")
        return -surprise.flatten(1).sum(1).reshape(value.shape[:-2])

    @torch.no_grad()
    def sample(
        self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()
    ) -> Int64[Tensor, "*batch h w"]:
        """Grids drawn place by place from torch's global generator."""
        rows, columns = self.event_shape
        device = self._network.output.weight.device
        shape = torch.Size(sample_shape)
        z = torch.zeros(shape.numel(), rows, columns, dtype=torch.int64, device=device)
        for row in range(rows):
            for column in range(columns):
                # what lies below has no part in it
                seen = self._network.logits(z[:, : row + 1])[:, :, row, column]
                z[:, row, column] = torch.multinomial(seen.softmax(-1), 1)[:, 0]
        return z.reshape(*shape, rows, columns)


class PixelCNNConfig(BaseGridPrior):
    """A gated PixelCNN: each code given those above it and to its left."""

    formula = "p(z) = product over i of p(z_i | z_1 ... z_(i-1)), i row by row"
    advice = """Use it for what `uniform` leaves out, which grids of codes there are; as a rule by
        `vaelab fit-prior`, after the codes have come to rest. Drawing from it takes a pass for each
        place."""
    references = """
        "Conditional image generation with PixelCNN decoders" (van den Oord et al., 2016, section 2,
        arXiv 1606.05328); for codes: "Neural discrete representation learning" (van den Oord et
        al., 2017, section 3.3, arXiv 1711.00937)"""

    kind: Literal["pixelcnn"] = "pixelcnn"
    channels: int = Field(default=32, ge=1, le=1024)
    """Features at each place."""
    layers: int = Field(default=3, ge=1, le=64)
    """Gated layers, one after the other."""
    reach: int = Field(default=2, ge=1, le=16)
    """Rows above and columns to each side that a layer reads."""

    def build(self, codes: int, grid: Grid) -> PixelCNN:
        return PixelCNN(codes, grid, self.channels, self.layers, self.reach)
