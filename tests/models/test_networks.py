"""Shapes follow from the data, and what does not fit says what would."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from vaelab.data import Domain
from vaelab.errors import BadCombinationError, BadValueError
from vaelab.models import Condition, VAEConfig
from vaelab.networks import (
    ConvDecoder,
    ConvEncoder,
    MLPDecoder,
    MLPEncoder,
    Network,
    ResNetDecoder,
    ResNetEncoder,
)
from vaelab.networks.base import BaseEncoder
from vaelab.networks.conditioning import FiLM
from vaelab.networks.layers import Linear
from vaelab.networks.resnet import Residual

sides = st.integers(4, 33)


@given(
    height=sides,
    width=sides,
    channels=st.sampled_from([1, 3]),
    strides=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    norm=st.sampled_from(["none", "batch"]),
)
@settings(max_examples=40)
def test_a_mirrored_conv_decoder_reaches_every_image_size(
    height, width, channels, strides, norm
) -> None:
    encoder = ConvEncoder(
        channels=(4,) * len(strides),
        kernels=(3,) * len(strides),
        strides=tuple(strides),
        paddings=(1,) * len(strides),
        norm=norm,
    )
    network = Network(encoder.mirrored().trunk(3, (channels, height, width), "none", 1)).eval()
    assert network(torch.zeros(2, 3)).shape == (2, channels, height, width)


@pytest.mark.parametrize("condition", ["planes", "film"])
@pytest.mark.parametrize(
    "encoder", [ConvEncoder(kernels=(3, 3, 2), hidden=(7,)), ResNetEncoder(widths=(4, 6))]
)
def test_declared_shapes_parameters_and_products_are_those_of_the_modules(
    encoder: BaseEncoder, condition
) -> None:
    shape = (3, 14, 12)
    up = encoder.mirrored().trunk(5, shape, "film", 5)
    for layer in [*encoder.trunk(shape, condition, 5), *up]:
        module = layer.module().eval()
        x = torch.rand(2, *layer.input_shape)
        context = (torch.eye(5)[:2],) if layer.reads_class else ()
        assert module(x, *context).shape[1:] == layer.output_shape
        assert sum(p.numel() for p in module.parameters()) == layer.parameters


def test_there_is_no_bias_before_a_norm() -> None:
    network = Network(ConvEncoder(norm="batch").trunk((1, 28, 28), "none", 1))
    assert not any(name.endswith("0.bias") for name, _ in network.named_parameters())


def test_a_decoder_that_misses_the_size_says_what_each_layer_gives_and_what_fits() -> None:
    decoder = ConvDecoder(channels=(64, 32, 16), kernels=(2, 2, 2), strides=(2, 2, 2))
    with pytest.raises(BadValueError) as error:
        decoder.trunk(2, (1, 28, 28), "none", 1)
    assert "3 x 3 -> 6 x 6 -> 12 x 12 -> 24 x 24" in str(error.value)
    assert "28 x 28" in str(error.value)
    assert "kernels: [3, 2, 2]" in str(error.value)
    fitting = decoder.model_copy(update={"kernels": (3, 2, 2)})
    assert fitting.trunk(2, (1, 28, 28), "none", 1)[-1].output_shape == (1, 28, 28)


def test_an_encoder_that_leaves_nothing_names_the_layer() -> None:
    with pytest.raises(BadValueError, match="convolution 3 gets 1 x 1"):
        ConvEncoder(kernels=(3, 3, 3)).trunk((1, 8, 8), "none", 1)


@pytest.mark.parametrize("encoder", [ConvEncoder(), ResNetEncoder()])
def test_one_hot_on_an_image_is_refused_with_the_remedy(encoder: BaseEncoder) -> None:
    with pytest.raises(BadCombinationError, match="use `planes` or `film`"):
        encoder.trunk((1, 28, 28), "one_hot", 10)


def test_film_without_a_hidden_layer_is_refused_with_the_remedy() -> None:
    with pytest.raises(
        BadCombinationError, match=r"model\.encoder\.widths is empty; use `one_hot`"
    ):
        MLPEncoder(widths=()).trunk((1, 8, 8), "film", 3)
    with pytest.raises(
        BadCombinationError, match=r"model\.decoder\.widths is empty; use `one_hot`"
    ):
        MLPDecoder(widths=()).trunk(2, (1, 8, 8), "film", 3)
    with pytest.raises(BadCombinationError, match="one layer; use `one_hot`"):
        ConvDecoder(channels=(4,), strides=(2,)).trunk(2, (1, 8, 8), "film", 3)


def test_film_is_what_it_says_and_starts_as_the_identity() -> None:
    module = FiLM((2, 3, 1), 3).module()
    x, context = torch.randn(2, 2, 3, 1), torch.eye(3)[[2, 0]]
    assert module(x, context).equal(x)
    with torch.no_grad():
        module.weight.copy_(torch.arange(12.0).view(4, 3))
    wanted = torch.stack([
        torch.stack([(1 + 2) * x[0, 0] + 8, (1 + 5) * x[0, 1] + 11]),
        torch.stack([(1 + 0) * x[1, 0] + 6, (1 + 3) * x[1, 1] + 9]),
    ])  # fmt: skip
    torch.testing.assert_close(module(x, context), wanted)


@pytest.mark.parametrize(("side", "stages"), [(28, 3), (32, 3), (64, 4), (128, 5), (8, 1), (8, 4)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_resnet_halves_the_image_between_its_stages_and_doubles_it_back(
    side: int, stages: int, channels: int
) -> None:
    shape = (channels, side, 2 * side)
    encoder = ResNetEncoder(widths=(2, 3, 4, 5, 6)[:stages], blocks=1)
    down = encoder.trunk(shape, "none", 1)
    small = side // 2 ** (stages - 1)
    assert down[-1].input_shape == (encoder.widths[-1], small, 2 * small)
    up = encoder.mirrored().trunk(3, shape, "none", 1)
    assert up[1].output_shape == down[-1].input_shape
    assert up[-1].output_shape == shape
    for layers in (down, up):
        assert sum(isinstance(layer, Residual) for layer in layers) == stages


def test_a_size_that_a_resnet_cannot_halve_is_refused_with_one_that_fits() -> None:
    words = "a resnet of 3 stages .* multiples of 4, but it is 30 x 27; use images of 28 x 24"
    with pytest.raises(BadValueError, match=f"encoder: {words}"):
        ResNetEncoder().trunk((1, 30, 27), "none", 1)
    with pytest.raises(BadValueError, match=f"decoder: {words}"):
        ResNetDecoder().trunk(2, (1, 30, 27), "none", 1)


def test_a_residual_block_adds_what_its_layers_make_scaled_down_at_the_start() -> None:
    torch.manual_seed(0)
    block = Residual((Linear(3, 3),), 0.5)
    module = block.module()
    x = torch.randn(5, 3)
    torch.testing.assert_close(module(x) - x, module.stack[0](x))
    torch.manual_seed(0)
    whole = Linear(3, 3).module()
    torch.testing.assert_close(module.stack[0].weight, 0.5 * whole.weight)
    with pytest.raises(ValueError, match="takes another"):
        Residual((Linear(3, 4),), 1.0)


@pytest.mark.parametrize("training", [True, False])
def test_a_block_of_a_resnet_is_norm_activation_and_convolution_twice(training: bool) -> None:
    torch.manual_seed(0)
    trunk = ResNetEncoder(widths=(4,), blocks=1, activation="tanh").trunk((1, 6, 6), "film", 3)
    network = Network(trunk[1:2]).train(training)
    first_norm, _, first, second_norm, film, _, second = network.stack[0].stack
    nn.init.normal_(film.weight)
    x, context = torch.randn(5, 4, 6, 6), torch.eye(3)[[0, 1, 2, 1, 0]]
    result = network(x, context)
    h = functional.conv2d(first_norm(x).tanh(), first.weight, padding=1)
    scale, shift = (film.weight @ context.T).T.view(5, 2, 4, 1, 1).unbind(1)
    h = ((1 + scale) * second_norm(h) + shift).tanh()
    torch.testing.assert_close(result, x + functional.conv2d(h, second.weight, padding=1))


def test_as_many_blocks_as_one_likes_keep_the_variance_of_what_they_are_given() -> None:
    torch.manual_seed(0)
    for blocks in (1, 16):
        layers = ResNetEncoder(widths=(32,), blocks=blocks).trunk((3, 16, 16), "none", 1)
        stem, *middle = layers[: 1 + blocks]
        x = stem.module()(torch.randn(32, 3, 16, 16))
        variance = x.var()
        for layer in middle:
            x = layer.module()(x)
        assert 1 < x.var() / variance < 3


def test_there_is_no_bias_before_a_norm_of_a_resnet() -> None:
    network = Network(ResNetEncoder().trunk((1, 28, 28), "none", 1))
    biases = {name for name, _ in network.named_parameters() if "bias" in name}
    norms = {
        f"{name}.bias" for name, module in network.named_modules()
        if isinstance(module, nn.BatchNorm2d)
    }  # fmt: skip
    assert biases == norms


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="channels has 3, strides has 3, kernels has 2"):
        ConvEncoder(kernels=(3, 3))


def test_heads_give_each_parameter_layers_of_its_own() -> None:
    shared = MLPEncoder().build_heads(10, [2, 2])
    separate = MLPEncoder(heads=(5,)).build_heads(10, [2, 2])
    assert [head.output_shape for head in shared] == [(4,)]
    assert [head.output_shape for head in separate] == [(2,), (2,)]


@pytest.mark.parametrize(
    ("encoder", "condition"),
    [
        (MLPEncoder(), Condition(encoder="planes", decoder="one_hot")),
        (MLPEncoder(), Condition(encoder="one_hot", decoder="one_hot")),
        (MLPEncoder(), Condition(encoder="none", decoder="one_hot")),
        (ConvEncoder(kernels=(2, 2, 2)), Condition(encoder="planes", decoder="one_hot")),
        (ResNetEncoder(), Condition(encoder="planes", decoder="one_hot")),
    ],
)
def test_the_class_changes_what_a_conditional_model_computes(encoder, condition) -> None:
    torch.manual_seed(0)
    model = VAEConfig(encoder=encoder, condition=condition).build((1, 8, 8), Domain.UNIT, 3).eval()
    x = torch.rand(1, 1, 8, 8).expand(3, -1, -1, -1)
    classes = torch.eye(3)
    locs = model.encode(x, classes).mean
    images = model.decode(torch.zeros(3, 2), classes).mean
    assert (locs[0] != locs[1]).any() == (condition.encoder != "none")
    assert (images[0] != images[1]).any()
    torch.testing.assert_close(
        model.decode(torch.zeros(2, 3, 2), classes).mean, images.expand(2, -1, -1, -1, -1)
    )
    with pytest.raises(TypeError, match="give the classes"):
        model.decode(torch.zeros(3, 2))


def test_conditioning_on_one_class_is_refused() -> None:
    config = VAEConfig(condition=Condition(decoder="one_hot"))
    with pytest.raises(BadCombinationError, match="the data has 1"):
        config.build((1, 8, 8), Domain.UNIT, 1)
