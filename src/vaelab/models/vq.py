"""A variational autoencoder whose code is a grid of entries of a codebook."""

from functools import partial
from itertools import takewhile
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.data.pixels import Domain
from vaelab.distributed import gather_batch
from vaelab.distributions import PointMass
from vaelab.errors import BadCombinationError, BadValueError
from vaelab.models.base import BaseModel, ConditionalDistribution, Explorable, OneLevel
from vaelab.models.ends import check_output, input_factor
from vaelab.models.inputs import Classes, Images, Noise, takes_images
from vaelab.models.terms import Level, Terms
from vaelab.networks import BaseDecoder, BaseEncoder, Network
from vaelab.networks.base import ImageShape, as_image
from vaelab.networks.conv import ConvDecoder, ConvEncoder
from vaelab.networks.convolutions import Convolution
from vaelab.networks.layers import Activate, Layer, Linear, Reshape
from vaelab.networks.resnet import ResNetDecoder, ResNetEncoder
from vaelab.priors import GridPriorConfig, UniformConfig

MIN_USE = 0.1
"""Used less than this part of the even share, a vector is dead and begins anew."""


class Codebook(nn.Module):
    """K vectors that follow those they stand for.

    Each is the running mean of the encoder's vectors that it is the nearest to:

        N <- decay N + (1 - decay) n,    N e <- decay N e + (1 - decay) sum of those vectors

    "Neural discrete representation learning" (van den Oord et al., 2017, eq. 6 to 8, arXiv
    1711.00937). One that is hardly used becomes a vector of the batch, as in "Jukebox" (Dhariwal et
    al., 2020, section 3, arXiv 2005.00341); at the first batch that is every one.
    """

    def __init__(self, codes: int, latent: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("vectors", torch.randn(codes, latent))
        self.register_buffer("counts", torch.zeros(codes))

    def forward(self, index: Int64[Tensor, "*batch h w"]) -> Float[Tensor, "*batch d h w"]:
        """The vectors of these numbers."""
        return self.get_buffer("vectors")[index].movedim(-1, -3)

    @torch.no_grad()
    def nearest(self, given: Float[Tensor, "b d h w"]) -> Int64[Tensor, "b h w"]:
        """The number of the vector at the least distance from each."""
        vectors = self.get_buffer("vectors")
        # |z - e|^2 = |e|^2 - 2 z e + |z|^2, whose last part is the same for all e
        rows = given.movedim(1, -1).to(vectors.dtype)
        return (vectors.square().sum(1) - 2 * rows @ vectors.T).argmin(-1)

    @torch.no_grad()
    def follow(
        self,
        given: Float[Tensor, "b d h w"],
        index: Int64[Tensor, "b h w"],
        noise: Float[Tensor, "b h w"],
    ) -> None:
        """Move towards a batch of vectors; `noise` chooses those that dead ones become."""
        given, index, noise = map(gather_batch, (given, index, noise))
        vectors, counts = self.get_buffer("vectors"), self.get_buffer("counts")
        codes, decay = len(counts), self.decay
        rows = given.movedim(1, -1).flatten(0, 2).to(vectors.dtype)
        every = torch.arange(codes, device=index.device)
        chosen = (index.flatten()[:, None] == every).to(vectors.dtype)
        sums = decay * counts[:, None] * vectors + (1 - decay) * chosen.T @ rows
        counts.mul_(decay).add_((1 - decay) * chosen.sum(0))
        share = len(rows) / codes
        dead = counts < MIN_USE * share
        drawn = rows[noise.flatten().argsort()[every % len(rows)]]
        vectors.copy_(torch.where(dead[:, None], drawn, sums / counts[:, None]))
        counts.copy_(torch.where(dead, share, counts))


GridEncoder = Annotated[ConvEncoder | ResNetEncoder, Field(discriminator="kind")]
GridDecoder = Annotated[ConvDecoder | ResNetDecoder, Field(discriminator="kind")]


class VQConfig(BaseModel):
    """Codes from a codebook: at each place of a grid the entry nearest to what the encoder gives.

    The posterior is certain, so this is a bound on log p(x) like any other: under the uniform prior
    its rate is n log K for n places and K entries. The decoder's gradient passes to the encoder as
    if nothing had been replaced; the entries are running means of what they replace; what keeps the
    encoder near them is part of the loss and not of the bound.
    """

    formula = "z_i = argmin over k of |f(x)_i - e_k|,   elbo = log p(x|z) + log p(z)"
    advice = """Use it for sharp pictures and codes that are symbols, and fit its prior afterwards
        (`vaelab fit-prior`) before judging its bound or its samples."""
    references = """
        "Neural discrete representation learning" (van den Oord et al., 2017, section 3, arXiv
        1711.00937)"""

    flat: ClassVar[bool] = False
    certain: ClassVar[bool] = True

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
    """Decay per step of the running means that the entries are."""
    prior: GridPriorConfig = UniformConfig()
    """p(z)."""

    def build(self, image_shape: ImageShape, domain: Domain, classes: int) -> "VQVAE":
        self.likelihood.check(domain)
        return VQVAE(self, image_shape, domain)


class VQVAE(OneLevel, Explorable):
    """p(x|z) p(z) with z a grid of K codes, and a posterior that is certain."""

    certain: ClassVar[bool] = True
    fitted_priors: ClassVar[tuple[str, ...]] = ("pixelcnn",)

    def __init__(self, config: VQConfig, image_shape: ImageShape, domain: Domain) -> None:
        super().__init__()
        decoder = config.encoder.mirrored() if config.decoder is None else config.decoder
        check_output(config.likelihood, decoder)
        self.encoder = Network(to_grid(config.encoder, image_shape, config.latent))
        latent, rows, columns = self.encoder.output_shape
        likelihood = config.likelihood.build(domain)
        channels, *size = image_shape
        output = (likelihood.params_size(channels), size[0], size[1])
        layers = from_grid(decoder, (latent, rows, columns), output)
        self.latent, self.entries = rows * columns, config.codes
        self.codebook = Codebook(config.codes, latent, config.decay)
        self.decoder = ConditionalDistribution(layers, [], likelihood)
        self.prior = config.prior.build(config.codes, (rows, columns))
        self.image_shape, self.input_factor = image_shape, input_factor(domain)
        self.commitment = config.commitment

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """(rows, columns); the posterior needs no noise, and the codebook a little in training."""
        return self.encoder.output_shape[1:]

    @takes_images
    def encode(self, x: Images, context: Classes = None) -> Distribution:
        """q(z|x), event shape `(rows, columns)`."""
        return PointMass(self.codebook.nearest(self.encoder(x * self.input_factor)))

    def decode(
        self, z: Int64[Tensor, "*batch rows columns"], context: Tensor | None = None
    ) -> Distribution:
        """p(x|z), event shape `(c, h, w)`."""
        return self.decoder(self.codebook(z))

    def to_numbers(self, x: Images, context: Classes = None) -> tuple[Tensor, Tensor]:
        """The numbers of the entries, row by row; they are certain."""
        index = self.codebook.nearest(self.encoder(x * self.input_factor)).flatten(1)
        return index, torch.zeros_like(index)

    def of_numbers(self, z: Tensor, context: Classes = None) -> Distribution:
        grid = z.round().long().clamp(0, self.entries - 1)
        return self.decode(grid.reshape(-1, *self.latent_shape))

    def terms(self, x: Images, context: Classes = None, *, noise: Noise) -> Terms:
        """The log densities at the one code there is, K times the same."""
        given = self.encoder(x * self.input_factor)
        posterior = PointMass(self.codebook.nearest(given))
        chosen = self.codebook(posterior.value)
        # the value of `chosen`, the gradient of `given`
        passed = given + (chosen - given).detach()
        likelihood = self.decoder(passed)
        distance = (given - chosen).square().flatten(1).sum(1)
        samples = noise.shape[:1]
        level = Level(posterior.sample(samples), posterior, self.prior())
        updates = (
            partial(self.codebook.follow, given, posterior.value, noise[0]),
            partial(self.decoder.family.follow, likelihood, x),
        )
        return Terms(
            likelihood.log_prob(x).expand(*samples, -1), (level,), self.commitment * distance,
            updates if self.training else (),
        )  # fmt: skip

    @takes_images
    def reconstruct(self, x: Images, context: Classes = None) -> Distribution:
        """p(x|z) at the image's code."""
        return self.decode(self.codebook.nearest(self.encoder(x * self.input_factor)))

    @torch.no_grad()
    def sample(self, num: int, context: Classes = None) -> Distribution:
        """p(x|z) at `num` grids z ~ p(z), drawn from torch's global generator."""
        z: Tensor = self.prior().sample([num])
        return self.decode(z)


def to_grid(config: BaseEncoder, image_shape: ImageShape, latent: int) -> list[Layer]:
    """Layers from an image to vectors `(latent, rows, columns)`.

    Those of the encoder up to where its last image becomes one vector, and a 1 x 1 convolution.
    """
    *layers, last = config.trunk(image_shape, "none", 0)
    if not isinstance(last, Reshape) or config.heads:
        raise _dense_layers("encoder", "`hidden` or `heads`")
    return [*layers, _pointwise(as_image(last.input_shape), latent)]


def from_grid(config: BaseDecoder, grid: ImageShape, output: ImageShape) -> list[Layer]:
    """Layers from vectors `(latent, rows, columns)` to the parameters of the likelihood.

    A 1 x 1 convolution in place of the dense layer that makes the decoder's first image, and the
    layers after it.
    """
    layers = config.trunk(grid[0], output, "none", 0)
    dense = list(takewhile(lambda layer: not isinstance(layer, Reshape), layers))
    after = layers[len(dense) + 1 :]
    if sum(isinstance(layer, Linear) for layer in dense) > 1:
        raise _dense_layers("decoder", "`hidden`")
    first = as_image(layers[len(dense)].output_shape)
    if first[1:] != grid[1:]:
        raise BadValueError(
            f"model.decoder begins with {first[1]} x {first[2]}, but the encoder's grid of codes "
            f"is {grid[1]} x {grid[2]}; use `paddings` in the encoder that give back what its "
            "kernels take off, or a decoder with other kernels and strides"
        )
    functions = [layer.function for layer in dense if isinstance(layer, Activate)]
    activations = [Activate(first, function) for function in functions]
    return [_pointwise(grid, first[0]), *activations, *after]


def _pointwise(shape: ImageShape, channels: int) -> Layer:
    return Convolution(shape, channels, (1, 1), 1, 0, bias=True)


def _dense_layers(side: str, keys: str) -> BadCombinationError:
    return BadCombinationError(
        f"model `vq` keeps the image's grid, which the dense layers of model.{side} would take "
        f"apart; leave out {keys}"
    )
