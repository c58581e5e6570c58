"""The model's own prior as a mixture of normals, which a page can draw and draw from."""

from base64 import b64encode
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, MixtureSameFamily, Normal

from vaelab.bundle.kept import quantise
from vaelab.distributions.normal_mixture import mixture_parameters
from vaelab.models import Explorable, HierarchicalVAE
from vaelab.models.base import OneLevel
from vaelab.randomness import Purpose, seeded

IQR = 1.349
"""Of N(0, 1) between the quartiles."""
MAX_PARTS = 512
"""Normals by which a prior is told; of one that is no mixture of them so many draws."""


@torch.no_grad()
def prior_parts(model: Explorable) -> dict[str, Any] | None:
    """What a manifest says of p(z), by a model in evaluation mode; None: it is N(0, I), or none.

    A prior of each class has a part for each. What is no mixture of normal distributions is told by
    draws, with the width of a kernel that estimates its density, n^(-1 / (d + 4)) of their spread:
    "Density estimation for statistics and data analysis" (Silverman, 1986, eq. 3.31 and 4.14).
    """
    if not isinstance(model, OneLevel | HierarchicalVAE) or model.entries:
        return None
    if model.prior.unit_scale:
        return None
    by_class = model.prior.reads_class
    classes = torch.eye(model.classes, device=next(model.parameters()).device)
    weights, loc, scale, exact = _parts(model.prior(classes if by_class else None))
    codes = quantise(loc.float().cpu().numpy(), scale.float().cpu().numpy())
    return {
        "weights": [round(weight, 6) for weight in weights.tolist()],
        "loc_unit": codes.loc_unit, "log_scale_unit": codes.log_scale_unit,
        "parts": b64encode(codes.values.tobytes()).decode(), "exact": exact, "by_class": by_class,
    }  # fmt: skip


def _parts(
    prior: Distribution,
) -> tuple[Float[Tensor, " m"], Float[Tensor, "m d"], Float[Tensor, "m d"], bool]:
    """Weights, locations and scales, and whether the mixture of them is the prior itself."""
    d = prior.event_shape[0]
    match prior:
        case Independent(base_dist=Normal() as normal):
            loc, scale = normal.loc.reshape(-1, d), normal.scale.reshape(-1, d)
            return torch.full((len(loc),), 1 / len(loc)), loc, scale, True
        case MixtureSameFamily(component_distribution=Independent(base_dist=Normal())):
            log_weights, loc, scale = mixture_parameters(prior)
            if len(loc) <= MAX_PARTS:
                return log_weights.softmax(-1), loc, scale, True
    with seeded(0, Purpose.SHOWN_PRIOR):
        draws = prior.sample(torch.Size([MAX_PARTS]))
    low, high = torch.quantile(draws, torch.tensor([0.25, 0.75], device=draws.device), dim=0)
    spread = torch.minimum(draws.std(0), (high - low) / IQR)  # few far draws do not widen it
    width = spread * MAX_PARTS ** (-1 / (d + 4))
    return torch.full((MAX_PARTS,), 1 / MAX_PARTS), draws, width.expand_as(draws), False
