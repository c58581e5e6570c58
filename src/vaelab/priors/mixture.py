"""A learned mixture of normal distributions."""

from typing import Literal
from warnings import catch_warnings, simplefilter

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal

from vaelab.errors import BadValueError
from vaelab.priors.base import BasePrior, Encode, Prior


class MixturePrior(Prior):
    """p(z) = sum over m of w_m N(z; loc_m, diag(scale_m^2)), all learned.

    The locations start as draws of N(0, I): components that begin at one place stay there.

    Args:
        latent: dimension d of the code.
        components: M.
    """

    def __init__(self, latent: int, components: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(components))
        self.loc = nn.Parameter(torch.randn(components, latent))
        self.log_scale = nn.Parameter(torch.zeros(components, latent))

    @torch.no_grad()
    def start_at(self, codes: Float[Tensor, "n d"], seed: int) -> None:
        """Begin with the mixture that expectation-maximisation finds for these codes.

        Raises:
            BadValueError: there are fewer of them than components.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture  # a second to import, seldom needed

        components = len(self.logits)
        if len(codes) < components:
            raise BadValueError(
                f"a mixture of {components} components cannot be fitted to {len(codes)} codes; use "
                f"model.prior.components={len(codes)} or less"
            )
        mixture = GaussianMixture(components, covariance_type="diag", random_state=seed % 2**32)
        with catch_warnings():  # where it ends is where learning begins
            simplefilter("ignore", ConvergenceWarning)
            mixture.fit(codes.double().cpu().numpy())
        self.logits.copy_(torch.from_numpy(mixture.weights_).log())
        self.loc.copy_(torch.from_numpy(mixture.means_))
        self.log_scale.copy_(torch.from_numpy(mixture.covariances_).log() / 2)

    def forward(self, context: Float[Tensor, "b c"] | None = None) -> Distribution:
        """The mixture, whatever the class."""
        weights = Categorical(logits=self.logits, validate_args=False)
        normal = Normal(self.loc, self.log_scale.exp(), validate_args=False)
        components = Independent(normal, 1, validate_args=False)
        return MixtureSameFamily(weights, components, validate_args=False)


class MixtureConfig(BasePrior):
    """A mixture of normal distributions whose weights, locations and scales are learned.

        p(z) = sum over m of w_m N(z; loc_m, diag(scale_m^2))

    Use it where codes gather in groups, such as the classes, and a single normal distribution would
    put samples between them; the rate is then estimated from samples.

    "Deep unsupervised clustering with Gaussian mixture variational autoencoders" (Dilokthanakul et
    al., 2016, arXiv 1611.02648); as the baseline `MoG`: "VAE with a VampPrior" (Tomczak and
    Welling, 2018, section 5, arXiv 1705.07120).
    """

    kind: Literal["mixture"] = "mixture"
    components: int = Field(default=10, ge=1, le=10_000)
    """Number of normal distributions."""

    def build(
        self, latent: int, image_shape: tuple[int, int, int], encode: Encode | None, classes: int
    ) -> MixturePrior:
        """The module."""
        return MixturePrior(latent, self.components)
