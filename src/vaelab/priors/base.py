"""What every prior p(z) promises."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.registry import Axis, Kind

Encode = Callable[[Tensor], Distribution]


class Prior(nn.Module, ABC):
    """p(z), or p(z|c) where it reads the class."""

    unit_scale: ClassVar[bool] = False
    """Whether every dimension of it has mean 0 and variance 1, so that codes have a unit."""

    __call__: Callable[..., Distribution]

    @abstractmethod
    def forward(self, context: Float[Tensor, "b c"] | None = None) -> Distribution:
        """The distribution, event shape `(d,)`."""


class BasePrior(Kind, ABC):
    """Settings of a prior."""

    axis = Axis(
        "prior", "model.prior",
        "p(z), the codes that samples are decoded from, and what the rate is measured against.",
    )  # fmt: skip

    reads_class: ClassVar[bool] = False
    """Whether it is p(z|c)."""

    @abstractmethod
    def build(
        self, latent: int, image_shape: tuple[int, int, int], encode: Encode | None, classes: int
    ) -> Prior:
        """The module.

        Args:
            latent: dimension d of the code.
            image_shape: `(c, h, w)`.
            encode: an encoder's input (pixels, levels scaled to [0, 1]) to q(z|x) as in
                evaluation, a bound method of the model; None where the encoder reads the class.
            classes: number of classes in the data.

        Raises:
            BadCombinationError: the prior does not go with the encoder, the code or the data.
        """
