"""A normal distribution for each class."""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from vaelab.errors import BadCombinationError
from vaelab.priors.base import BasePrior, Encode, Prior


class ClassConditionalPrior(Prior):
    """p(z|c) = N(loc_c, diag(scale_c^2)), both learned; N(0, I) before the first step.

    Args:
        latent: dimension d of the code.
        classes: number of classes.
    """

    def __init__(self, latent: int, classes: int) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(classes, latent))
        self.log_scale = nn.Parameter(torch.zeros(classes, latent))

    def forward(self, context: Float[Tensor, "b c"] | None = None) -> Distribution:
        """The normal of each image's class, batch shape `(b,)`.

        Raises:
            TypeError: no classes were given.
        """
        if context is None:
            raise TypeError("this prior is one of each class: give the classes as `context`")
        loc = context.to(self.loc.dtype) @ self.loc
        scale = (context.to(self.loc.dtype) @ self.log_scale).exp()
        return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)


class ClassConditionalConfig(BasePrior):
    """A normal distribution for each class, its location and scales learned.

        p(z|c) = N(z; loc_c, diag(scale_c^2))

    Use it where each class should have its own place in the latent space and be sampled by itself.
    The numbers are about p(x|c), not p(x).

    "Learning structured output representation using deep conditional generative models" (Sohn et
    al., 2015, section 4.1).
    """

    reads_class: ClassVar[bool] = True

    kind: Literal["class_conditional"] = "class_conditional"

    def build(
        self, latent: int, image_shape: tuple[int, int, int], encode: Encode | None, classes: int
    ) -> ClassConditionalPrior:
        """The module."""
        if classes < 2:
            raise BadCombinationError(
                f"prior `class_conditional` has a distribution for each class, but the data has "
                f"{classes}; use `prior: standard_normal` or `mixture`, or data with classes"
            )
        return ClassConditionalPrior(latent, classes)
