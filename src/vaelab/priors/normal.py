"""Normal priors: the standard one, one for each class, a mixture."""

from typing import ClassVar, Literal
from warnings import catch_warnings, simplefilter

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from vaelab.distributions import normal_mixture
from vaelab.errors import BadCombinationError, BadValueError
from vaelab.priors.base import BasePrior, Prior


class StandardNormal(Prior):
    """p(z) = N(0, I) in `latent` dimensions."""

    unit_scale: ClassVar[bool] = True

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.register_buffer("loc", torch.zeros(latent), persistent=False)
        self.register_buffer("scale", torch.ones(latent), persistent=False)

    def forward(self, context: Float[Tensor, "b c"] | None = None) -> Distribution:
        normal = Normal(self.get_buffer("loc"), self.get_buffer("scale"), validate_args=False)
        return Independent(normal, 1, validate_args=False)


class StandardNormalConfig(BasePrior):
    """A normal distribution of mean 0 and variance 1 in every dimension."""

    formula = "p(z) = N(z; 0, I)"
    advice = """Use it first: the rate of a normal posterior has a closed form, there is nothing to
        learn, and the latent space has one centre and no preferred directions."""
    references = """
        "Auto-encoding variational Bayes" (Kingma and Welling, 2014, section 3, arXiv 1312.6114)"""

    facts: ClassVar[frozenset[str]] = frozenset({"standard_normal"})

    kind: Literal["standard_normal"] = "standard_normal"

    def build(self, latent: int, classes: int) -> StandardNormal:
        return StandardNormal(latent)


class ClassConditionalPrior(Prior):
    """p(z|c) = N(loc_c, diag(scale_c^2)), both learned; N(0, I) before the first step."""

    reads_class: ClassVar[bool] = True

    def __init__(self, latent: int, classes: int) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(classes, latent))
        self.log_scale = nn.Parameter(torch.zeros(classes, latent))

    def forward(self, context: Float[Tensor, "b c"] | None = None) -> Distribution:
        """The normal of each image's class, batch shape `(b,)`."""
        if context is None:
            raise TypeError("this prior is one of each class: give the classes as `context`")
        loc = context.to(self.loc.dtype) @ self.loc
        scale = (context.to(self.loc.dtype) @ self.log_scale).exp()
        return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)


class ClassConditionalConfig(BasePrior):
    """A normal distribution for each class, its location and scales learned."""

    formula = "p(z|c) = N(z; loc_c, diag(scale_c^2))"
    advice = """Use it where each class should have its own place in the latent space and be sampled
        by itself. The numbers are about p(x|c), not p(x)."""
    references = """
        "Learning structured output representation using deep conditional generative models" (Sohn
        et al., 2015, section 4.1)"""

    reads_class: ClassVar[bool] = True

    kind: Literal["class_conditional"] = "class_conditional"

    def build(self, latent: int, classes: int) -> ClassConditionalPrior:
        if classes < 2:
            raise BadCombinationError(
                f"prior `class_conditional` has a distribution for each class, but the data has "
                f"{classes}; use `prior: standard_normal` or `mixture`, or data with classes"
            )
        return ClassConditionalPrior(latent, classes)


class MixturePrior(Prior):
    """p(z) = sum over m of w_m N(z; loc_m, diag(scale_m^2)), all learned.

    The locations start as draws of N(0, I): components that begin at one place stay there.
    """

    start_codes: ClassVar[int] = 20_000

    def __init__(self, latent: int, components: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(components))
        self.loc = nn.Parameter(torch.randn(components, latent))
        self.log_scale = nn.Parameter(torch.zeros(components, latent))

    @torch.no_grad()
    def fit_start(self, codes: Float[Tensor, "n d"], seed: int) -> None:
        """Begin with the mixture that expectation-maximisation finds for these codes."""
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
        return normal_mixture(self.logits, self.loc, self.log_scale.exp())


class MixtureConfig(BasePrior):
    """A mixture of normal distributions whose weights, locations and scales are learned."""

    formula = "p(z) = sum over m of w_m N(z; loc_m, diag(scale_m^2))"
    advice = """Use it where codes gather in groups, such as the classes, and a single normal
        distribution would put samples between them; the rate is then estimated from samples."""
    references = """
        "Deep unsupervised clustering with Gaussian mixture variational autoencoders" (Dilokthanakul
        et al., 2016, arXiv 1611.02648); as the baseline `MoG`: "VAE with a VampPrior" (Tomczak and
        Welling, 2018, section 5, arXiv 1705.07120)"""

    kind: Literal["mixture"] = "mixture"
    components: int = Field(default=10, ge=1, le=10_000)
    """Number of normal distributions."""

    def build(self, latent: int, classes: int) -> MixturePrior:
        return MixturePrior(latent, self.components)
