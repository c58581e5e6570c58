"""A variational autoencoder whose code is a grid of entries of a codebook."""

from typing import Annotated, ClassVar, Literal

from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution

from vaelab.data.pixels import Domain
from vaelab.distributions import PointMass
from vaelab.models.base import BaseModel, LatentVariableModel, NetworkDistribution
from vaelab.models.codebook import Codebook
from vaelab.models.ends import check_output, input_factor
from vaelab.models.grid import from_grid, to_grid
from vaelab.models.terms import Level, Terms
from vaelab.networks import (
    BaseDecoder,
    BaseEncoder,
    ConvDecoder,
    ConvEncoder,
    Network,
    ResNetDecoder,
    ResNetEncoder,
)
from vaelab.priors import GridPriorConfig, Prior, UniformConfig

GridEncoder = Annotated[ConvEncoder | ResNetEncoder, Field(discriminator="kind")]
GridDecoder = Annotated[ConvDecoder | ResNetDecoder, Field(discriminator="kind")]


class VQConfig(BaseModel):
    """Codes from a codebook: at each place of a grid the entry nearest to what the encoder gives.

        z_i = argmin over k of |f(x)_i - e_k|,   elbo = log p(x|z) + log p(z)

    The posterior is certain, so this is a bound on log p(x) like any other: under the uniform prior
    its rate is n log K for n places and K entries. The decoder's gradient passes to the encoder as
    if nothing had been replaced; the entries are running means of what they replace; what keeps the
    encoder near them is part of the loss and not of the bound. Use it for sharp pictures and codes
    that are symbols, and fit its prior afterwards (`vaelab fit-prior`) before judging its bound or
    its samples.

    "Neural discrete representation learning" (van den Oord et al., 2017, section 3, arXiv
    1711.00937).
    """

    flat: ClassVar[bool] = False

    kind: Literal["vq"] = "vq"
    codes: int = Field(default=64, ge=2, le=65_536)
    """K, entries of the codebook."""
    latent: int = Field(default=16, ge=1, le=4096)
    """Dimension of each."""
    encoder: GridEncoder = ConvEncoder(
        channels=(32, 64), kernels=(4, 4), strides=(2, 2), paddings=(1, 1)
    )
    """The network from the image to the grid, which is its last image; a 1 x 1 convolution then
    gives each place the dimension of the entries."""
    decoder: GridDecoder | None = None
    """The network from the grid to the image; null: the encoder mirrored."""
    commitment: float = Field(default=0.25, gt=0, allow_inf_nan=False)
    """Weight of the squared distance of what the encoder gives from the entries chosen."""
    decay: float = Field(default=0.99, ge=0, lt=1)
    """Of the running means that the entries are, per step."""
    prior: GridPriorConfig = UniformConfig()
    """p(z)."""

    @property
    def words(self) -> str:
        """Such as `conv 64 codes, pixelcnn`; a prior that is uniform goes without saying."""
        usual = self.prior.kind == "uniform"
        return f"{self.encoder.kind} {self.codes} codes" + ("" if usual else f", {self.prior.kind}")

    @property
    def networks(self) -> tuple[BaseEncoder | BaseDecoder, ...]:
        """From the image to the grid, and back."""
        return (self.encoder,) if self.decoder is None else (self.encoder, self.decoder)

    @property
    def prior_kind(self) -> str:
        """That of p(z)."""
        return self.prior.kind

    @property
    def conditional(self) -> bool:
        """It reads no class."""
        return False

    @property
    def numbers_conditional(self) -> bool:
        """It reads no class."""
        return False

    def build(self, image_shape: tuple[int, int, int], domain: Domain, classes: int) -> "VQVAE":
        """The model with freshly initialised parameters."""
        self.likelihood.check(domain)
        decoder = self.encoder.mirrored() if self.decoder is None else self.decoder
        check_output(self.likelihood, decoder)
        encoder = Network(to_grid(self.encoder, image_shape, self.latent))
        _, rows, columns = encoder.output_shape
        likelihood = self.likelihood.build(domain)
        channels, *size = image_shape
        output = (likelihood.params_size(channels), size[0], size[1])
        layers = from_grid(decoder, (self.latent, rows, columns), output)
        return VQVAE(
            encoder, Codebook(self.codes, self.latent, self.decay),
            NetworkDistribution(layers, [], likelihood),
            self.prior.build(self.codes, (rows, columns)),
            image_shape, self.commitment, input_factor(domain),
        )  # fmt: skip


class VQVAE(LatentVariableModel):
    """p(x|z) p(z) with z a grid of K codes, and a posterior that is certain.

    Args:
        encoder: image to grid of vectors.
        codebook: what takes their place.
        decoder: p(x|z) given the grid of vectors.
        prior: p(z).
        image_shape: `(c, h, w)`.
        commitment: weight of the squared distance between vectors and entries.
        input_factor: what the pixels are multiplied with on their way into the encoder.
    """

    certain: ClassVar[bool] = True

    def __init__(
        self,
        encoder: Network,
        codebook: Codebook,
        decoder: NetworkDistribution,
        prior: Prior,
        image_shape: tuple[int, int, int],
        commitment: float,
        input_factor: float,
    ) -> None:
        super().__init__()
        self.encoder, self.codebook, self.decoder = encoder, codebook, decoder
        self.prior = prior
        self.image_shape, self.classes = image_shape, 0
        self.commitment, self.input_factor = commitment, input_factor

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """(rows, columns); the posterior needs no noise, and the codebook a little in training."""
        return self.encoder.output_shape[1:]

    def encode(
        self, x: Float[Tensor, "b c h w"], context: Float[Tensor, "b classes"] | None = None
    ) -> Distribution:
        """q(z|x), event shape `(rows, columns)`."""
        return PointMass(self.codebook.nearest(self.encoder(x * self.input_factor)))

    def decode(self, z: Int64[Tensor, "*batch rows columns"]) -> Distribution:
        """p(x|z), event shape `(c, h, w)`."""
        return self.decoder(self.codebook(z))

    def terms(
        self,
        x: Float[Tensor, "b c h w"],
        context: Float[Tensor, "b classes"] | None = None,
        *,
        noise: Float[Tensor, "k b rows columns"],
    ) -> Terms:
        """The log densities at the one code there is, K times the same."""
        given = self.encoder(x * self.input_factor)
        posterior = PointMass(self.codebook.nearest(given))
        chosen = self.codebook(posterior.value)
        # the value of `chosen`, the gradient of `given`
        passed = given + (chosen - given).detach()
        log_likelihood = self.decoder(passed).log_prob(x)
        distance = (given - chosen).square().flatten(1).sum(1)
        if self.training:
            self.codebook.follow(given, posterior.value, noise[0])
        samples = noise.shape[:1]
        level = Level(posterior.sample(samples), posterior, self.prior())
        return Terms(log_likelihood.expand(*samples, -1), (level,), self.commitment * distance)

    def reconstruct(
        self, x: Float[Tensor, "b c h w"], context: Float[Tensor, "b classes"] | None = None
    ) -> Distribution:
        """p(x|z) at the image's code."""
        return self.decode(self.codebook.nearest(self.encoder(x * self.input_factor)))

    def sample(self, num: int, context: Float[Tensor, "n classes"] | None = None) -> Distribution:
        """p(x|z) at `num` grids z ~ p(z), drawn from torch's global generator."""
        z: Tensor = self.prior().sample([num])
        return self.decode(z)
