"""What a CPU computes as matrix products is what the layers' own modules give."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from vaelab.distributed import BatchSlice, sharing
from vaelab.engine import accelerate
from vaelab.networks import ConvDecoder, ConvEncoder, MLPDecoder, MLPEncoder, Network
from vaelab.networks.batch_norm import running_moments
from vaelab.networks.conditioning import FiLM, Modulation
from vaelab.networks.layers import Activate, BatchNorm, Layer, Linear, Reshape

ACTIVATIONS = ["relu", "leaky_relu", "tanh", "gelu", "silu", "sigmoid", "identity"]
CLASSES = 4


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


class Plain(nn.Module):
    """The modules one after the other, as PyTorch computes them."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.layers = network.layers
        self.stack = copy.deepcopy(network.stack)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        for layer, module in zip(self.layers, self.stack, strict=True):
            x = module(x, context) if layer.reads_class else module(x)
        return x


def assert_equal(layers: list[Layer], training: bool, images: int = 3) -> None:
    """Values, gradients of the input and of every parameter, and running moments."""
    network = Network(layers).train(training)
    accelerate(network)
    for module in network.modules():
        if isinstance(module, Modulation):
            nn.init.normal_(module.weight)
    plain = Plain(network).train(training)
    context = torch.eye(CLASSES)[torch.arange(images) % CLASSES]
    given = torch.randn(images, *layers[0].input_shape)
    outputs, gradients = [], []
    for module in (network, plain):
        x = given.clone().requires_grad_()
        y = module(x, context)
        torch.manual_seed(1)
        outputs.append(y)
        gradients.append(torch.autograd.grad(y, [x, *module.parameters()], torch.randn(y.shape)))
    torch.testing.assert_close(*outputs)
    torch.testing.assert_close(*gradients)
    torch.testing.assert_close(network.state_dict(), plain.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(*(module.eval()(given, context) for module in (network, plain)))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_with_and_without_norm(activation, norm, training) -> None:
    shape = (3, 10, 9)
    encoder = ConvEncoder(
        activation=activation, norm=norm, hidden=(7,), hidden_activation=activation
    )
    assert_equal(encoder.trunk((1, 12, 11), "planes", CLASSES), training)
    decoder = ConvDecoder(
        activation=activation, norm=norm, output_norm=norm, output_activation=activation,
        hidden=(7,), hidden_activation=activation,
    )  # fmt: skip
    assert_equal(decoder.trunk(5, shape, "one_hot", CLASSES), training)
    mlp = MLPEncoder(widths=(8, 7), activation=activation)
    assert_equal(mlp.trunk(shape, "one_hot", CLASSES), training)
    assert_equal(mlp.trunk(shape, "planes", CLASSES), training)
    mlp = MLPDecoder(widths=(8,), activation=activation, output_activation=activation)
    assert_equal(mlp.trunk(5, shape, "one_hot", CLASSES), training)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_film_between_the_layers_of_every_network(activation, training) -> None:
    shape = (3, 10, 9)
    encoder = ConvEncoder(activation=activation, hidden=(7,), hidden_activation=activation)
    assert_equal(encoder.trunk((1, 12, 11), "film", CLASSES), training)
    decoder = ConvDecoder(activation=activation, norm="none", hidden_activation=activation)
    assert_equal(decoder.trunk(5, shape, "film", CLASSES), training)
    mlp = MLPEncoder(widths=(8, 7), activation=activation)
    assert_equal(mlp.trunk(shape, "film", CLASSES), training)
    assert_equal(mlp.mirrored().trunk(5, shape, "film", CLASSES), training)


@pytest.mark.parametrize("training", [True, False])
def test_an_image_that_comes_out_of_features_is_normed_and_modulated(training) -> None:
    shape = (2, 3, 2)
    layers = [
        Linear(5, 12), Reshape((12,), shape), BatchNorm(shape), FiLM(shape, CLASSES),
        Reshape(shape, (12,)), FiLM((12,), CLASSES), Linear(12, 3),
    ]  # fmt: skip
    assert_equal(layers, training)


@given(
    sides=st.tuples(st.integers(5, 14), st.integers(5, 14)),
    channels=st.sampled_from([1, 3]),
    layers=st.lists(
        st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 1)), min_size=1, max_size=2
    ),
    norm=st.sampled_from(["none", "batch"]),
    training=st.booleans(),
)
@settings(max_examples=60)
def test_every_kernel_stride_and_padding(sides, channels, layers, norm, training) -> None:
    kernels, strides, paddings = zip(*layers, strict=True)
    encoder = ConvEncoder(
        channels=(4,) * len(layers), kernels=kernels, strides=strides, paddings=paddings, norm=norm
    )
    try:
        trunk = encoder.trunk((channels, *sides), "none", 1)
    except ValueError:
        return  # nothing left of the image
    assert_equal(trunk, training)
    assert_equal(encoder.mirrored().trunk(3, (channels, *sides), "none", 1), training)


@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_a_grey_image_from_windows_that_tile_it(kernel: int, norm) -> None:
    decoder = ConvDecoder(
        channels=(4,), kernels=(kernel,), strides=(kernel,), output_norm=norm, hidden=()
    )
    assert_equal(decoder.trunk(5, (1, 2 * kernel, 4 * kernel), "none", 1), True)


def test_one_row_has_no_variance() -> None:
    network = Network(
        ConvEncoder(kernels=(4,) * 1, channels=(2,), strides=(4,)).trunk((1, 4, 4), "none", 1)
    )
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        network(torch.randn(1, 1, 4, 4))


def test_a_copy_computes_with_its_own_parameters() -> None:
    network = Network(ConvEncoder().trunk((1, 12, 12), "none", 1)).eval()
    x = torch.randn(2, 1, 12, 12)
    before = network(x)
    other = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1)
    torch.testing.assert_close(network(x), before)
    assert not torch.allclose(other(x), before)


@pytest.mark.parametrize("together", [True, False])
def test_in_training_by_running_moments(together: bool) -> None:
    torch.manual_seed(0)
    layers = [BatchNorm((2, 3, 3)), Activate((2, 3, 3), "tanh")]
    network = Network(layers)
    for name, buffer in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.copy_(torch.rand(2) + 0.5)
    plain = Plain(network)
    x = torch.randn(5, 2, 3, 3)
    found = []
    for module in (network, plain):
        given = x.clone().requires_grad_()
        with running_moments(module), sharing(BatchSlice(0, 5, 5) if together else None):
            y = module(given, torch.zeros(5, CLASSES))
        found.append((y, *torch.autograd.grad(y.square().sum(), [given, *module.parameters()])))
    torch.testing.assert_close(*found)
    before = {name: buffer.clone() for name, buffer in plain.named_buffers()}
    torch.testing.assert_close(dict(network.named_buffers()), before)
    mean, variance = (network.get_buffer(f"stack.0.running_{name}") for name in ("mean", "var"))
    norm = network.stack[0]
    wanted = (x - mean[:, None, None]) / (variance[:, None, None] + norm.eps).sqrt()
    torch.testing.assert_close(found[0][0], torch.tanh(wanted))
