"""Independent pixels around their locations with one scale for all of them."""

from math import log, pi

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Independent, Laplace, Normal
from torch.nn.functional import l1_loss, mse_loss


class SharedScale(Independent[Normal | Laplace]):
    """A product over D pixels whose density needs one sum over them, not one formula for each.

    Args:
        family: `Normal` or `Laplace`.
        loc: `(..., c, h, w)`.
        scale: one number.
    """

    def __init__(
        self,
        family: type[Normal] | type[Laplace],
        loc: Float[Tensor, "... c h w"],
        scale: Float[Tensor, ""],
    ) -> None:
        super().__init__(family(loc, scale, validate_args=False), 3, validate_args=False)
        self._loc, self._scale = loc, scale

    def log_prob(self, value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The log density, nats, `(...)`."""
        pixels = self.event_shape.numel()
        value, loc = torch.broadcast_tensors(  # type: ignore[no-untyped-call]
            value, self._loc.to(value.dtype)
        )
        if isinstance(self.base_dist, Normal):
            # log p = -||x - loc||^2 / (2 s^2) - D (log s + 1/2 log 2 pi)
            distance = mse_loss(loc, value, reduction="none").flatten(-3).sum(-1)
            return -distance / (2 * self._scale**2) - pixels * (self._scale.log() + log(2 * pi) / 2)
        # log p = -||x - loc||_1 / s - D log 2 s
        distance = l1_loss(loc, value, reduction="none").flatten(-3).sum(-1)
        return -distance / self._scale - pixels * (2 * self._scale).log()
