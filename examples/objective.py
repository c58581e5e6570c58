"""An objective of your own.

vaelab train digits objective=renyi --plugin examples/objective.py
"""

from math import log
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from vaelab.models import Terms
from vaelab.objectives import BaseObjective, Controls


class RenyiConfig(BaseObjective):
    """The variational Rényi bound: the ELBO at alpha 1, the importance weighted bound at 0."""

    formula = "loss = -log(mean over k of w_k^(1 - alpha)) / (1 - alpha),  w = p(x, z) / q(z|x)"
    advice = "Use it to go from one bound to the other."
    references = """
        "Rényi divergence variational inference" (Li and Turner, 2016, eq. 8, arXiv 1602.02311)"""

    kind: Literal["renyi"] = "renyi"
    alpha: float = Field(default=0.5, ge=0, lt=1)
    """Order of the divergence."""
    samples: int = Field(default=5, ge=1)
    """Posterior samples per image and step."""

    @property
    def num_samples(self) -> int:
        """`samples`."""
        return self.samples

    def __call__(self, terms: Terms, controls: Controls) -> Tensor:
        """Mean over the batch, nats."""
        power = 1 - self.alpha
        bound = torch.logsumexp(power * terms.log_weights, 0) - log(self.samples)
        return -(bound / power).mean()
