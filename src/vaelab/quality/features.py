"""Features: what of an image is compared, with a name that goes into every number's."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from vaelab.console import track
from vaelab.data.loading.evaluation import EVALUATED_AT_ONCE, to_device
from vaelab.data.store import Images
from vaelab.errors import BadValueError

MAX_SIDE = 32
"""Of the images whose pixels are features: distances say no more on finer ones, and cost more."""


@dataclass(frozen=True, eq=False)
class Features:
    """A function of images, and what it is called.

    Attributes:
        name: small letters, digits and underscores, such as `inception_v3`; numbers under features
            of different names are not comparable, so a change of the function is a change of it.
        function: images `(n, c, h, w)` in [0, 1] to features `(n, f)`, a tensor; called with some
            hundred images at a time.
        about: what else stands beside the numbers.

    Raises:
        BadValueError: the name is not such a name.
    """

    name: str
    function: Callable[[Tensor], Tensor]
    about: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,49}", self.name):
            raise BadValueError(
                f"features are named by small letters, digits and underscores, got {self.name!r}"
            )

    @torch.no_grad()
    def of(self, images: Images, what: str) -> Float[Tensor, "n f"]:
        """The features of images 0 to 255, in float64; `what` they are is for the progress bar."""
        starts = range(0, len(images), EVALUATED_AT_ONCE)
        title = f"{self.name} of {what}"
        parts = [
            self._checked(to_device(images[start : start + EVALUATED_AT_ONCE], "cpu") / 255)
            for start in track(starts, title)
        ]
        return torch.cat(parts)

    def _checked(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n f"]:
        result = self.function(images)
        if not isinstance(result, Tensor) or result.dim() != 2 or len(result) != len(images):
            got = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
            raise BadValueError(
                f"features `{self.name}` of {len(images)} images must be a tensor "
                f"({len(images)}, f), got {got}; flatten what the function gives to one row an "
                "image"
            )
        if not torch.isfinite(result).all():
            raise BadValueError(
                f"features `{self.name}` gave values that are not finite; the function takes "
                "images in [0, 1]"
            )
        return result.double().cpu()


def pixel_features() -> Features:
    """The pixels themselves, of images averaged down to 32 a side where they are larger.

    They need no classes and no training, but two images of the same thing in another place are far
    apart.
    """
    return Features("pixels", lambda images: at_most(images, MAX_SIDE).flatten(1))


def at_most(images: Float[Tensor, "n c h w"], side: int) -> Float[Tensor, "n c height width"]:
    """Images averaged down so that no side is longer."""
    largest = max(images.shape[-2:])
    if largest <= side:
        return images
    size = [max(1, round(length * side / largest)) for length in images.shape[-2:]]
    return interpolate(images, size, mode="area")
