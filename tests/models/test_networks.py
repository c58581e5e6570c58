"""Shapes follow from the data, and what does not fit says what would."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaelab.data import Domain
from vaelab.errors import BadCombinationError, BadValueError
from vaelab.models import Condition, VAEConfig
from vaelab.networks import ConvDecoder, ConvEncoder, MLPEncoder, Network

sides = st.integers(4, 33)


@given(
    height=sides,
    width=sides,
    channels=st.sampled_from([1, 3]),
    strides=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    norm=st.sampled_from(["none", "batch"]),
)
@settings(max_examples=40, deadline=None)
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


def test_declared_shapes_parameters_and_products_are_those_of_the_modules() -> None:
    shape = (3, 14, 11)
    layers = ConvEncoder(kernels=(3, 3, 2), hidden=(7,)).trunk(shape, "planes", 5)
    for layer in layers:
        module = layer.module().eval()
        x = torch.rand(2, *layer.input_shape)
        context = (torch.eye(5)[:2],) if type(layer).__name__ == "ClassPlanes" else ()
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


def test_one_hot_on_a_conv_encoder_is_refused_with_the_remedy() -> None:
    with pytest.raises(BadCombinationError, match="use `planes`"):
        ConvEncoder().trunk((1, 28, 28), "one_hot", 10)


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
