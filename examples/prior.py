"""A prior of your own.

vaelab train digits model.prior=student_t --plugin examples/prior.py
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, StudentT

from vaelab.priors import BasePrior, Prior


class StudentTPrior(Prior):
    """Independent t distributions; the rate is estimated at the posterior's samples."""

    def __init__(self, latent: int, freedom: float) -> None:
        super().__init__()
        self.freedom = freedom
        self.log_scale = nn.Parameter(torch.zeros(latent))

    def forward(self, context: Tensor | None = None) -> Distribution:
        """The distribution, event shape `(latent,)`; `context` is the class, which it ignores."""
        each = StudentT(self.freedom, 0.0, self.log_scale.exp(), validate_args=False)
        return Independent(each, 1, validate_args=False)


class StudentTConfig(BasePrior):
    """Student's t in every dimension: heavy tails, so that codes of odd images may lie far out."""

    formula = "p(z) = prod over j of t(z_j / s_j; freedom) / s_j,  s learned"

    kind: Literal["student_t"] = "student_t"
    freedom: float = Field(default=5.0, gt=2)
    """Degrees of freedom; the more, the nearer to a normal distribution."""

    def build(self, latent: int, classes: int) -> StudentTPrior:
        """The module."""
        return StudentTPrior(latent, self.freedom)
