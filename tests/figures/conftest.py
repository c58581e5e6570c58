"""Small models and data for the pictures, and one whose decoder is known."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from vaelab.data.pixels import Domain, UnitPixels
from vaelab.data.store import Split, Store
from vaelab.distributions import rsample
from vaelab.figures import FigureContext
from vaelab.models import Condition, FlatLatent, Level, Terms, VAEConfig
from vaelab.networks import MLPEncoder

CLASSES = ("ant", "bee", "cat")


def random_split(count: int, shape: tuple[int, int, int], seed: int) -> Split:
    draws = np.random.default_rng(seed)
    images = draws.integers(0, 256, (count, *shape), np.uint8)
    return Split(images, np.arange(count, dtype=np.int64) % len(CLASSES))


def random_store(shape: tuple[int, int, int], test: int = 40) -> Store:
    train, valid = random_split(10, shape, 1), random_split(5, shape, 2)
    return Store("noise", train, valid, random_split(test, shape, 3), CLASSES, "")


def log() -> list[dict[str, object]]:
    rows = []
    for step in range(1, 13):
        for split in ("train", "valid") if step % 4 == 0 else ("train",):
            distortion, rate = 1000.0 / step**2, float(step)
            rows.append(
                {
                    "step": step,
                    "epoch": step / 4,
                    "split": split,
                    "distortion_nats": distortion,
                    "rate_nats": rate,
                    "elbo_nats": -distortion - rate,
                }
            )
    return rows


@pytest.fixture
def make_subject() -> Callable[..., FigureContext]:
    def make(
        latent: int = 2,
        conditional: bool = False,
        shape: tuple[int, int, int] = (1, 8, 8),
        epoch: int | None = None,
        test: int = 40,
    ) -> FigureContext:
        torch.manual_seed(0)
        one_hot = Condition(encoder="one_hot", decoder="one_hot")
        config = VAEConfig(
            latent=latent,
            encoder=MLPEncoder(widths=(16,)),
            condition=one_hot if conditional else Condition(),
        )
        model = config.build(shape, Domain.UNIT, len(CLASSES))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(3)  # pictures that differ from each other
        return FigureContext("tiny", model, random_store(shape, test), UnitPixels(), log(), epoch)

    return make


class Painter(FlatLatent):
    """Codes are two pixels of the image; decoded, z1 is the left half's grey and z2 the right's.

    A conditional one adds the class to both.
    """

    def __init__(self, classes: int = 0) -> None:
        super().__init__()
        self.latent, self.image_shape, self.classes = 2, (1, 8, 8), classes
        self.unused = nn.Parameter(torch.zeros(()))

    def encode(
        self, x: Float[Tensor, "b c h w"], context: Float[Tensor, "b classes"] | None = None
    ) -> Distribution:
        loc = torch.stack([x[:, 0, 0, 0], x[:, 0, 0, 7]], 1) + self.shift(context)
        return Independent(Normal(loc, 0.1 * torch.ones_like(loc)), 1)

    def decode(
        self, z: Float[Tensor, "... d"], context: Float[Tensor, "... classes"] | None = None
    ) -> Distribution:
        grey = z - self.shift(context)
        left, right = (
            grey[..., i, None, None, None].expand(*z.shape[:-1], 1, 8, 4) for i in (0, 1)
        )
        return Independent(Normal(torch.cat([left, right], -1), 0.1), 3)

    def shift(self, context: Tensor | None) -> Tensor:
        return torch.zeros(1) if context is None else 10.0 * context.argmax(-1, keepdim=True)

    def terms(
        self,
        x: Float[Tensor, "b c h w"],
        context: Float[Tensor, "b classes"] | None = None,
        *,
        noise: Float[Tensor, "k b d"],
    ) -> Terms:
        posterior = self.encode(x, context)
        z = rsample(posterior, noise)
        prior = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
        return Terms(self.decode(z, context).log_prob(x), (Level(z, posterior, prior),))

    def sample(self, num: int, context: Float[Tensor, "n classes"] | None = None) -> Distribution:
        return self.decode(torch.randn(num, 2), context)


@pytest.fixture
def paint() -> Callable[..., FigureContext]:
    def make(classes: int = 0) -> FigureContext:
        store = random_store((1, 8, 8))
        return FigureContext("painter", Painter(classes), store, UnitPixels(), log())

    return make
