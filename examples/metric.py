"""A metric of your own.

vaelab evaluate RUN --metric posterior_entropy --plugin examples/metric.py
"""

from typing import Literal

import torch

from vaelab.data.loading.evaluation import EvalLoader
from vaelab.metrics import BaseMetric, Number
from vaelab.models import LatentVariableModel, as_flat


class PosteriorEntropyMetric(BaseMetric):
    """The entropy of q(z|x), nats, mean over images: how much of the code space an image takes."""

    kind: Literal["posterior_entropy"] = "posterior_entropy"

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, Number]:
        """`posterior_entropy_nats`, for families whose entropy is known."""
        flat = as_flat(model, "posterior_entropy")
        found = [flat.encode(batch.x, batch.context).entropy() for batch in loader.batches(500)]
        return {"posterior_entropy_nats": Number.mean(torch.cat(found), "nats", "closed form")}
