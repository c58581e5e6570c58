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

    reads_class: ClassVar[bool] = False
    """Whether it is p(z|c)."""
    start_codes: ClassVar[int] = 0
    """Most codes that `fit_start` has a use for; 0: none."""

    __call__: Callable[..., Distribution]

    def bind(self, encode: Encode | None, image_shape: tuple[int, int, int]) -> None:
        """Be given the encoder; for a prior that encodes images of its own.

        Args:
            encode: an encoder's input (pixels, levels scaled to [0, 1]) to q(z|x) as in
                evaluation, a bound method of the model; None where the encoder reads the class.
            image_shape: `(c, h, w)`.

        Raises:
            BadCombinationError: there is none, and the prior needs one.
        """

    @abstractmethod
    def forward(self, context: Float[Tensor, "b c"] | None = None) -> Distribution:
        """The distribution, event shape `(d,)`."""

    def fit_start(self, codes: Float[Tensor, "n d"], seed: int) -> None:
        """Begin near these codes, before learning from codes of all images.

        Raises:
            BadValueError: there are too few of them.
        """


class BasePrior(Kind, ABC):
    """Settings of a prior."""

    axis = Axis(
        "prior", "model.prior",
        "p(z), the codes that samples are decoded from, and what the rate is measured against.",
    )  # fmt: skip

    reads_class: ClassVar[bool] = False
    """Whether it is p(z|c)."""
    reads_images: ClassVar[bool] = False
    """Whether it encodes images of its own."""

    @abstractmethod
    def build(self, latent: int, classes: int) -> Prior:
        """The module.

        Args:
            latent: dimension d of the code.
            classes: number of classes in the data.

        Raises:
            BadCombinationError: the prior does not go with the code or the data.
        """
