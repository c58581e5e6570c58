"""A normalizing flow as prior."""

from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution
from zuko.flows import MAF, NSF

from vaelab.errors import BadCombinationError
from vaelab.priors.base import BasePrior, Prior

Transform = Literal["affine", "spline"]
FLOWS = {"affine": MAF, "spline": NSF}


class FlowPrior(Prior):
    """p(z) = N(f(z); 0, I) |det df/dz|, f autoregressive, so that f costs one pass.

    Drawing from it inverts f, one pass for each dimension. A transform shifts and scales a
    dimension, or puts it through a monotonic rational-quadratic spline.
    """

    def __init__(
        self, latent: int, transform: Transform, transforms: int, widths: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.flow = FLOWS[transform](latent, transforms=transforms, hidden_features=widths)

    def forward(self, context: Float[Tensor, "b c"] | None = None) -> Distribution:
        distribution: Distribution = self.flow()
        return distribution


class FlowConfig(BasePrior):
    """A normalizing flow learned as the prior: masked autoregressive, affine or by splines.

    In each dimension f is a function of that and the dimensions before it.
    """

    formula = "p(z) = N(f(z); 0, I) |det df/dz|"
    advice = """Use it where the codes have a shape that no few normal distributions make; it needs
        two dimensions or more, and draws them one after the other."""
    references = """
        "Masked autoregressive flow for density estimation" (Papamakarios et al., 2017, section 3.1,
        arXiv 1705.07057); "Neural spline flows" (Durkan et al., 2019, section 3, arXiv 1906.04032);
        as the prior of a VAE: "Variational lossy autoencoder" (Chen et al., 2017, section 3.2,
        arXiv 1611.02731)"""

    kind: Literal["flow"] = "flow"
    transform: Transform = "affine"
    """Transform of each step: `affine` (MAF) or `spline` (NSF)."""
    transforms: int = Field(default=3, ge=1, le=32)
    """Number of transforms, applied one after the other."""
    widths: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(max_length=16)] = (
        64,
        64,
    )
    """Widths of the hidden layers behind each."""

    def build(self, latent: int, classes: int) -> FlowPrior:
        if latent < 2:
            raise BadCombinationError(
                "prior `flow` makes each dimension a function of those before it, but "
                "model.latent is 1; use `prior: mixture`, or two dimensions"
            )
        return FlowPrior(latent, self.transform, self.transforms, self.widths)
