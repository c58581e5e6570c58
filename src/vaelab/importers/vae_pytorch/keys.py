"""The seed's keys: what each did, and what has to fit together."""

from collections.abc import Iterator
from math import isqrt, sqrt
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, StrictBool

from vaelab.config import Config

Entries = tuple[PositiveInt, ...]
Widths = Annotated[Entries, Field(min_length=2)]
ADAM_EPS = 1e-8
"""The seed's Adam has torch's default."""
WEIGHT_WITHOUT_KL = 1e-5
SeedActivation = Literal["relu", "leaky", "tanh", "gelu", "silu"]


class ModelParams(Config):
    """The seed's network; conv and transposed blocks are convolution, batch norm, activation."""

    in_channels: int | None = None
    """Never read."""
    convbn_blocks: PositiveInt
    conv_kernel_size: Entries
    conv_kernel_strides: Entries
    convbn_channels: Entries
    """Channels of the image, then those out of each convolution."""
    enc_fc_layers: Widths
    """Features, widths of the hidden layers of each head, dimension of the code."""
    enc_fc_mu_activation: SeedActivation | None
    """Applied after every layer of the mean's head, the last included."""
    enc_fc_var_activation: SeedActivation | None
    """Applied after every layer of the other head, the last included."""
    conv_activation_fn: SeedActivation
    enc_fc_activation_fn: SeedActivation | None
    """Checked and never applied."""
    dec_fc_layers: Widths
    """Dimension of the code, widths of the hidden layers, values of the first image."""
    dec_fc_activation_fn: SeedActivation
    """Applied after every layer, the last included."""
    transpose_bn_blocks: PositiveInt
    transposebn_channels: Entries
    """Channels into each transposed convolution, then those of the image."""
    transpose_kernel_size: Entries
    transpose_kernel_strides: Entries
    transpose_activation_fn: SeedActivation
    """The activation of the transposed blocks, the image's included."""
    log_variance: StrictBool
    """Whether the second head gives the log-variance, or the standard deviation up to its sign."""
    latent_dim: PositiveInt
    concat_channel: StrictBool
    """Stack one plane per class onto the image."""
    decoder_fc_condition: StrictBool
    """Append the one-hot class to the code."""
    num_classes: PositiveInt
    conditional: StrictBool
    """Whether the two before are looked at."""


class TrainParams(Config):
    """The seed's training: mean error over pixels and images plus kl_weight times the mean KL."""

    task_name: str
    batch_size: PositiveInt
    epochs: PositiveInt
    kl_weight: NonNegativeFloat = Field(allow_inf_nan=False)
    """Weight of the KL against the error of one pixel."""
    lr: PositiveFloat = Field(allow_inf_nan=False)
    crit: Literal["l1", "l2"]
    """Absolute or squared error."""
    ckpt_name: str
    """File of the weights with the smallest training loss."""
    seed: NonNegativeInt
    """Of torch, numpy and random."""
    save_training_image: StrictBool
    """Write an input and its reconstruction at every step."""
    train_path: str
    """Folder of the training images, a folder per class in it."""
    test_path: str
    """Folder of the test images, likewise."""
    output_train_dir: str
    """Folder of the pictures inside the run."""
    save_latent_plot: StrictBool
    """Draw the latent scatter after every epoch."""


class SeedConfig(Config):
    """One YAML file of the seed.

    Its loss, mean error over D pixels + w KL, is w times a negative ELBO in nats:

    (1/D) sum (x - y)^2 + w KL = w (sum (x - y)^2 / (2 scale^2) + KL),  scale^2 = w D / 2
    (1/D) sum |x - y|   + w KL = w (sum |x - y| / scale + KL),          scale = w D
    """

    model_params: ModelParams
    train_params: TrainParams

    @property
    def likelihood(self) -> Literal["gaussian", "laplace"]:
        """What the error of a pixel comes from."""
        return "gaussian" if self.train_params.crit == "l2" else "laplace"

    @property
    def pixels(self) -> int:
        """D, channels included."""
        return self.model_params.transposebn_channels[-1] * image_side(self.model_params) ** 2

    @property
    def weight(self) -> float:
        """The w of the loss, or that of the seed's other configs where it has no KL term."""
        return self.train_params.kl_weight or WEIGHT_WITHOUT_KL

    @property
    def scale(self) -> float:
        """The likelihood's, in units of signed pixels."""
        product = self.weight * self.pixels
        return _rounded(sqrt(product / 2) if self.likelihood == "gaussian" else product)

    @property
    def eps(self) -> float:
        """Adam's: of the unit of a gradient, and the loss in nats is 1/w times the seed's."""
        return _rounded(ADAM_EPS / self.weight)


def _rounded(value: float) -> float:
    """Six digits: nearly what float32 has, and no more to read."""
    return float(f"{value:.6g}")


def image_side(model: ModelParams) -> int:
    """Side of the image that the transposed convolutions make: out = (in - 1) stride + kernel."""
    side = isqrt(model.dec_fc_layers[-1] // model.transposebn_channels[0])
    steps = zip(model.transpose_kernel_size, model.transpose_kernel_strides, strict=True)
    for kernel, stride in steps:
        side = (side - 1) * stride + kernel
    return side


def problems(model: ModelParams) -> list[str]:
    """What keeps the seed from building or running this network, a sentence each."""
    return [*_length_problems(model)] or [*_shape_problems(model)]


def _length_problems(model: ModelParams) -> Iterator[str]:
    wanted = {
        "conv_kernel_size": ("convbn_blocks", 0),
        "conv_kernel_strides": ("convbn_blocks", 0),
        "convbn_channels": ("convbn_blocks", 1),
        "transpose_kernel_size": ("transpose_bn_blocks", 0),
        "transpose_kernel_strides": ("transpose_bn_blocks", 0),
        "transposebn_channels": ("transpose_bn_blocks", 1),
    }
    for key, (blocks, more) in wanted.items():
        length, needed = len(getattr(model, key)), getattr(model, blocks) + more
        if length != needed:
            yield (
                f"`model_params.{key}` has {length} entries, but "
                f"{blocks}: {getattr(model, blocks)} needs {needed}"
            )


def _shape_problems(model: ModelParams) -> Iterator[str]:
    if model.enc_fc_layers[-1] != model.latent_dim:
        yield (
            f"`model_params.enc_fc_layers` ends with {model.enc_fc_layers[-1]}, "
            f"but latent_dim is {model.latent_dim}; make them equal"
        )
    if model.dec_fc_layers[0] != model.latent_dim:
        yield (
            f"`model_params.dec_fc_layers` begins with {model.dec_fc_layers[0]}, "
            f"but latent_dim is {model.latent_dim}; make them equal"
        )
    channels = model.transposebn_channels[-1]
    if channels not in (1, 3):
        yield (
            f"`model_params.transposebn_channels` ends with {channels} channels; "
            "an image has 1 (grey) or 3 (colour)"
        )
    if model.convbn_channels[0] != channels:
        yield (
            f"`model_params.convbn_channels` begins with {model.convbn_channels[0]}, the image's "
            f"channels, but transposebn_channels ends with {channels}; make them equal"
        )
    first, values = model.transposebn_channels[0], model.dec_fc_layers[-1]
    if isqrt(values // first) ** 2 * first != values:
        side = max(1, round((values / first) ** 0.5))
        yield (
            f"`model_params.dec_fc_layers` ends with {values}, which is no square of "
            f"{first} channels; {first * side * side} would be {first} x {side} x {side}"
        )
    else:
        yield from _encoder_problems(model, image_side(model))


def _encoder_problems(model: ModelParams, size: int) -> Iterator[str]:
    side = size
    for kernel, stride in zip(model.conv_kernel_size, model.conv_kernel_strides, strict=True):
        if kernel > side:
            yield (
                f"`model_params.conv_kernel_size`: nothing is left of the {size} x {size} image "
                f"that the decoder makes; a kernel of {kernel} gets {side} x {side}"
            )
            return
        side = (side - kernel) // stride + 1
    channels = model.convbn_channels[-1]
    features = channels * side * side
    if model.enc_fc_layers[0] != features:
        yield (
            f"`model_params.enc_fc_layers` begins with {model.enc_fc_layers[0]}, but the "
            f"convolutions turn the {size} x {size} image that the decoder makes into "
            f"{channels} x {side} x {side} = {features} features"
        )
