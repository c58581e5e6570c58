"""The graphs compute what the model computes, operation by operation and as a whole."""

import json
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from tests.training.conftest import tiny
from vaelab.bundle.export import export
from vaelab.bundle.graph import OPERATIONS, Graph, interpret
from vaelab.data.float_pixels import FloatPixels
from vaelab.data.pixels import Domain
from vaelab.distributions.normal import soft_bound
from vaelab.errors import BadValueError
from vaelab.models.vae import VAE
from vaelab.networks import Network
from vaelab.networks.conditioning import Modulation
from vaelab.networks.exported import UnsupportedLayerError
from vaelab.networks.layers import BatchNorm, Linear, ShapeKeeping

SIDES = st.integers(1, 7)


def compute(name: str, x: Tensor, shape: tuple[int, ...], *more: Tensor, **rest: Any) -> Tensor:
    """One operation by itself on `(n, *shape)` values."""
    tensors = {key: rest.pop(key) for key in ("weight", "bias") if key in rest}
    places, vectors, offset = {}, [torch.zeros(0)], 0
    for key, tensor in tensors.items():
        places[key] = None if tensor is None else (offset, tensor.numel())
        vectors += [] if tensor is None else [tensor.flatten()]
        offset += 0 if tensor is None else tensor.numel()
    given = dict(zip("xyz", (x, *more), strict=False))
    inputs = {key: index for index, key in enumerate(given)}
    op = {"op": name, "in": [*inputs.values()], "out": 9, "shape": [*shape], **places, **rest}
    written = {"inputs": inputs, "ops": [op], "outputs": {"out": 9}}
    graph = Graph.from_json(written, offset, "a test")
    assert json.loads(json.dumps(graph.to_json())) == json.loads(json.dumps(written))
    return interpret(graph, torch.cat(vectors), given)["out"]


@settings(max_examples=25)
@given(st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_linear(inputs: int, outputs: int, bias: bool) -> None:
    layer, x = nn.Linear(inputs, outputs, bias=bias), torch.randn(3, inputs)
    y = compute("linear", x, (outputs,), weight=layer.weight, bias=layer.bias)
    torch.testing.assert_close(y, layer(x))


@settings(max_examples=40)
@given(SIDES, SIDES, SIDES, SIDES, SIDES, st.integers(1, 3), st.integers(0, 2), st.booleans())
def test_convolutions(
    channels: int, outputs: int, side: int, high: int, wide: int, stride: int, pad: int, bias: bool
) -> None:
    x = torch.randn(2, channels, high + side, wide + side)
    layers = {
        "conv2d": nn.Conv2d(channels, outputs, (high, wide), stride, pad, bias=bias),
        "conv_transpose2d": nn.ConvTranspose2d(
            channels, outputs, (high, wide), stride, min(pad, (high - 1) // 2, (wide - 1) // 2),
            bias=bias,
        ),
    }  # fmt: skip
    for name, layer in layers.items():
        wanted = layer(x)
        y = compute(
            name, x, tuple(wanted.shape[1:]), weight=layer.weight, bias=layer.bias,
            kernel=[high, wide], stride=stride, padding=layer.padding[0],
        )  # fmt: skip
        torch.testing.assert_close(y, wanted)


@settings(max_examples=20)
@given(SIDES, SIDES, SIDES, st.integers(1, 4))
def test_shapes_and_pairs(channels: int, height: int, width: int, number: int) -> None:
    shape = (channels, height, width)
    x, y = torch.randn(2, *shape), torch.randn(2, *shape)
    flat = x.flatten(1)
    size = flat.shape[1]
    assert compute("reshape", x, (size,)).equal(flat)
    start = number % size
    assert compute("slice", flat, (size - start,), start=start).equal(flat[:, start:])
    first = number % channels
    later = (channels - first, height, width)
    assert compute("slice", x, later, start=first).equal(x[:, first:])
    assert compute("add", x, shape, y).equal(x + y)
    assert compute("multiply", x, shape, y).equal(x * y)
    weight, bias = torch.randn(channels), torch.randn(channels)
    norm = nn.BatchNorm2d(channels, affine=True, eps=0).eval()  # of mean 0 and variance 1
    norm.load_state_dict({"weight": weight, "bias": bias}, strict=False)
    y = compute("scale_shift", x, shape, weight=weight, bias=bias)
    torch.testing.assert_close(y, norm(x))
    scale, shift = torch.randn(2, channels), torch.randn(2, channels)
    wanted = torch.stack([
        torch.stack([s * plane + t for s, plane, t in zip(*one, strict=True)])
        for one in zip(scale, x, shift, strict=True)
    ])  # fmt: skip
    torch.testing.assert_close(compute("modulate", x, shape, scale, shift), wanted)
    features = torch.randn(2, channels)
    y = compute("modulate", features, (channels,), scale, shift)
    torch.testing.assert_close(y, scale * features + shift)
    larger = (channels, height * number, width * number)
    wanted = nn.Upsample(scale_factor=number)(x)
    assert compute("upsample", x, larger, factor=number).equal(wanted)
    context = functional.one_hot(torch.tensor([0, number - 1]), number).float()
    planes = context[:, :, None, None].expand(-1, -1, height, width)
    stacked = torch.cat([x, planes], dim=1)
    assert compute("class_planes", x, (channels + number, height, width), context).equal(stacked)
    appended = torch.cat([flat, context], dim=1)
    assert compute("append_one_hot", flat, (size + number,), context).equal(appended)


def exact_mean(logits: Tensor) -> Tensor:
    """Of continuous Bernoullis, to many digits."""
    mpmath.mp.dps = 40
    every = [mpmath.mpf(logit) for logit in logits.flatten().tolist()]
    means = [1 / (1 - mpmath.exp(-one)) - 1 / one if one else 0.5 for one in every]
    return torch.tensor([float(mean) for mean in means], dtype=logits.dtype).view_as(logits)


@settings(max_examples=20)
@given(SIDES, SIDES, SIDES, st.integers(2, 20))
def test_entries_of_a_codebook(depth: int, rows: int, columns: int, entries: int) -> None:
    vectors, x = torch.randn(entries, depth), torch.randn(2, depth, rows, columns)
    distance = torch.cdist(x.movedim(1, -1).flatten(1, 2), vectors)
    found = compute("nearest", x, (rows * columns,), weight=vectors)
    chosen = distance.gather(-1, found.long()[..., None]).squeeze(-1)
    torch.testing.assert_close(chosen, distance.min(-1).values)
    embedded = compute("embed", found, (depth, rows, columns), weight=vectors)
    wanted = functional.embedding(found.long(), vectors)
    assert torch.equal(embedded.flatten(2).movedim(1, -1), wanted)


POINTWISE = {
    "relu": nn.ReLU(), "leaky_relu": nn.LeakyReLU(0.2), "tanh": nn.Tanh(), "gelu": nn.GELU(),
    "silu": nn.SiLU(), "sigmoid": nn.Sigmoid(), "soft_bound": lambda v: soft_bound(v, 20.0),
    "exp_half": lambda v: torch.exp(v / 2), "abs_plus": lambda v: v.abs() + 1e-6,
    "times": lambda v: 0.25 * v,
    "continuous_bernoulli_mean": exact_mean,
}  # fmt: skip
SETTINGS = {
    "leaky_relu": {"slope": 0.2},
    "soft_bound": {"bound": 20.0},
    "abs_plus": {"floor": 1e-6},
    "times": {"factor": 0.25},
}


@pytest.mark.parametrize("name", POINTWISE)
def test_value_by_value(name: str) -> None:
    ends = torch.tensor([0.0, 1e-7, -1e-4, 0.049, 0.051, -300.0, 300.0])
    x = torch.cat([torch.linspace(-12, 12, 4001), ends])
    x = x.double()[None]
    y = compute(name, x, (x.shape[1],), **SETTINGS.get(name, {}))
    tolerance = 1e-10 if name == "continuous_bernoulli_mean" else 1e-12  # of its series
    torch.testing.assert_close(y, POINTWISE[name](x), atol=tolerance, rtol=tolerance)


def test_every_operation_is_tested_here() -> None:
    others = {
        "linear", "conv2d", "conv_transpose2d", "reshape", "slice", "add", "multiply", "upsample",
        "class_planes", "append_one_hot", "scale_shift", "modulate", "nearest", "embed",
    }  # fmt: skip
    assert others | set(POINTWISE) == set(OPERATIONS)


MODELS = {
    "mlp": (),
    "abs": ("model.posterior.scale=abs",),
    "heads": ("model.encoder.heads=[24]", "model.encoder.heads_activation=identity"),
    "conv": ("model.encoder={kind: conv, heads: [16], activation: leaky_relu}",),
    "conv, abs, gelu": (
        "model.encoder={kind: conv, channels: [4, 6], kernels: [3, 3], strides: [1, 2],"
        " paddings: [1, 0], activation: gelu, hidden: [20]}",
        "model.posterior.scale=abs",
        "model.decoder={kind: conv, channels: [6, 4], strides: [2, 1], output_norm: batch,"
        " output_activation: tanh, activation: silu}",
        "data={kind: digits, pixels: signed}",
    ),
    "planes and one hot": (
        "model.encoder={kind: conv}",
        "model.condition={encoder: planes, decoder: one_hot}",
    ),
    "one hot": ("model.condition={encoder: one_hot, decoder: one_hot}",),
    "resnet": ("model.encoder={kind: resnet, widths: [4, 6, 8], heads: [5]}",),
    "resnet without norm": (
        "model.encoder={kind: resnet, widths: [4, 6], blocks: 1, norm: none, activation: gelu}",
        "model.condition={encoder: planes, decoder: one_hot}",
    ),
    "resnet, film": (
        "model.encoder={kind: resnet, widths: [4, 6], activation: silu}",
        "model.condition={encoder: film, decoder: film}",
    ),
    "conv, film": (
        "model.encoder={kind: conv, hidden: [9]}",
        "model.condition={encoder: film, decoder: film}",
    ),
    "mlp, film": ("model.condition={encoder: film, decoder: film}",),
    "decoder alone": ("model.condition={decoder: one_hot}",),
    "laplace, latent 5": ("model.likelihood.kind=laplace", "model.latent=5"),
    "bernoulli": ("data={kind: digits, pixels: binary}", "model.likelihood.kind=bernoulli"),
    "levels": ("data={kind: digits, pixels: levels}", "model.encoder={kind: conv}"),
    "optimal": ("model.likelihood.kind=optimal_gaussian",),
    "continuous bernoulli": ("model.likelihood.kind=continuous_bernoulli",),
    "a scale per pixel": ("model.likelihood={kind: gaussian, scale: per_pixel}",),
    "a scale per pixel, conv": (
        "model.likelihood={kind: laplace, scale: per_pixel, floor: 0.02}",
        "model.encoder={kind: conv}",
        "model.decoder={kind: conv, output_activation: identity}",
    ),
}


def model_of(name: str, dtype: torch.dtype) -> VAE:
    """With running statistics and weights that are not those of a fresh model."""
    experiment = tiny(*MODELS[name])
    torch.manual_seed(0)
    model = experiment.model.build((1, 8, 8), experiment.data.pixels.domain, 10).to(dtype)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.2, 3)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
        if isinstance(module, Modulation):
            nn.init.normal_(module.weight)
    return model.eval()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float64, 1e-10)])
@torch.no_grad()
def test_a_whole_model(name: str, dtype: torch.dtype, tolerance: float) -> None:
    model = model_of(name, dtype)
    graphs = export(model)
    weights = torch.from_numpy(graphs.weights()).to(dtype)
    x, z = torch.rand(7, 1, 8, 8, dtype=dtype), torch.randn(7, model.latent, dtype=dtype)
    context = functional.one_hot(torch.arange(7), 10).to(dtype)
    given_class = context if model.classes else None

    posterior = model.encode(x, given_class).base_dist
    codes = interpret(graphs.encoder, weights, {"x": x, "class": context})
    torch.testing.assert_close(codes["loc"], posterior.loc, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(codes["scale"], posterior.scale, atol=tolerance, rtol=tolerance)
    output = interpret(graphs.decoder, weights, {"z": z, "class": context})
    wanted = model.decode(z, given_class)
    torch.testing.assert_close(output["mean"], wanted.mean, atol=tolerance, rtol=tolerance)
    assert ("scale" in output) == ("per pixel" in name)
    if "scale" in output:
        scale = wanted.base_dist.scale
        torch.testing.assert_close(output["scale"], scale, atol=tolerance, rtol=tolerance)


@torch.no_grad()
def test_a_scale_of_real_numbers_is_in_units_of_their_brightness() -> None:
    experiment = tiny("model.likelihood={kind: gaussian, scale: per_pixel}")
    model = experiment.model.build((1, 8, 8), Domain.REAL, 10).eval()
    model.pixels = FloatPixels(values=Domain.REAL, low=-3, high=5)
    graphs = export(model)
    z = torch.randn(5, 2)
    weights = torch.from_numpy(graphs.weights()).float()
    pixels, wanted = graphs.decode(weights, z, torch.zeros(5, 0)), model.decode(z)
    torch.testing.assert_close(-3 + 8 * pixels["mean"], wanted.mean, atol=1e-5, rtol=1e-5)
    scale = wanted.base_dist.scale
    torch.testing.assert_close(8 * pixels["scale"], scale, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_two_levels() -> None:
    torch.manual_seed(0)
    config = tiny("model={kind: hierarchical, latent: 5, top: {latent: 3, widths: [7]}}")
    model = config.model.build((1, 8, 8), config.data.pixels.domain, 10).eval()
    graphs = export(model)
    weights = torch.from_numpy(graphs.weights()).float()
    x, z, none = torch.rand(6, 1, 8, 8), torch.randn(6, 3), torch.zeros(6, 0)
    posterior = model.encoder(x)
    lower = interpret(graphs.encoder, weights, {"x": x})
    torch.testing.assert_close(lower["loc"], posterior.mean, atol=2e-5, rtol=2e-5)
    torch.testing.assert_close(lower["scale"], posterior.stddev, atol=2e-5, rtol=2e-5)
    upper, codes = model.upwards(posterior.mean), graphs.encode(weights, x, none)
    torch.testing.assert_close(codes["loc"], upper.mean, atol=2e-5, rtol=2e-5)
    torch.testing.assert_close(codes["scale"], upper.stddev, atol=2e-5, rtol=2e-5)
    below = interpret(graphs.downwards, weights, {"z": z})
    torch.testing.assert_close(below["loc"], model.downwards(z).mean, atol=2e-5, rtol=2e-5)
    torch.testing.assert_close(below["scale"], model.downwards(z).stddev, atol=2e-5, rtol=2e-5)
    wanted = model.decoder(model.downwards(z).mean).mean
    assert torch.equal(wanted, model.of_numbers(z).mean)
    decoded = graphs.decode(weights, z, none)["mean"]
    torch.testing.assert_close(decoded, wanted, atol=2e-5, rtol=2e-5)


@torch.no_grad()
def test_a_codebook() -> None:
    torch.manual_seed(0)
    config = tiny("model={kind: vq, codes: 9, latent: 3}")
    model = config.model.build((1, 8, 8), config.data.pixels.domain, 10).eval()
    x = torch.rand(20, 1, 8, 8)
    vectors = model.encoder(x).movedim(1, -1).flatten(0, 2)
    model.codebook.get_buffer("vectors").copy_(vectors[::9])
    graphs = export(model)
    weights = torch.from_numpy(graphs.weights()).float()
    assert graphs.encoder.ops[-1].weight == graphs.decoder.ops[0].weight
    entries = interpret(graphs.encoder, weights, {"x": x})["entries"]
    assert entries.shape == (20, model.latent)
    assert torch.equal(entries, model.encode(x).value.flatten(1).float())
    assert len(entries.unique()) > 3
    output = interpret(graphs.decoder, weights, {"z": entries})["mean"]
    torch.testing.assert_close(output, model.reconstruct(x).mean, atol=2e-5, rtol=2e-5)
    outside = interpret(graphs.decoder, weights, {"z": torch.tensor([[-3.0, 0, 8, 99]])})["mean"]
    inside = interpret(graphs.decoder, weights, {"z": torch.tensor([[0.0, 0, 8, 8]])})["mean"]
    assert torch.equal(outside, inside)


def test_batch_norm_is_folded_and_linear_layers_without_anything_between_are_one() -> None:
    names = [op.name for op in export(model_of("conv", torch.float32)).encoder.ops]
    assert names.count("conv2d") == 3
    assert not [name for name in names if "norm" in name]
    heads = export(model_of("heads", torch.float32))
    linears = [op for op in heads.encoder.ops if op.name == "linear"]
    assert [op.shape for op in linears] == [(32,), (2,), (2,)]


def test_the_weights_follow_the_model() -> None:
    model = model_of("conv", torch.float32)
    graphs = export(model)
    before = graphs.weights()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    after = graphs.weights()
    assert before.shape == after.shape
    assert not np.allclose(before, after)


def test_a_norm_without_a_convolution_scales_and_shifts() -> None:
    names = [op.name for op in export(model_of("resnet", torch.float32)).encoder.ops]
    blocks, norms_before_a_convolution = 6, 7
    assert names.count("add") == blocks
    assert names.count("scale_shift") == norms_before_a_convolution
    (part,) = Network([BatchNorm((3, 2, 2))]).operations()
    assert part.name == "scale_shift"


def test_a_layer_that_nothing_stands_for_is_refused_by_name() -> None:
    class Squeeze(ShapeKeeping):
        def module(self) -> nn.Module:
            return nn.Softmax(1)

    with pytest.raises(UnsupportedLayerError, match="Squeeze"):
        Network([Squeeze((3,))]).operations()


GRAPH = {
    "inputs": {"z": 0},
    "ops": [{"op": "linear", "in": [0], "out": 1, "shape": [3], "weight": [0, 6], "bias": None}],
    "outputs": {"mean": 1},
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"op": "attention"}, "op 0 `attention` does not exist in version 1"),
        ({"in": [5]}, r"reads \[5\], which nothing wrote"),
        ({"out": 0}, "writes 0 a second time"),
        ({"weight": [3, 6]}, "reads weights 3 to 9, but there are 6"),
        ({"shape": [0]}, "is damaged"),
        ({"in": None}, "is damaged"),
    ],
)
def test_a_damaged_graph_is_refused(change: dict[str, Any], words: str) -> None:
    graph = {**GRAPH, "ops": [{**GRAPH["ops"][0], **change}]}
    with pytest.raises(BadValueError, match=words):
        Graph.from_json(graph, 6, "the decoder")


def test_an_output_that_nothing_wrote_is_refused() -> None:
    with pytest.raises(BadValueError, match=r"gives \[4\], which nothing wrote"):
        Graph.from_json({**GRAPH, "outputs": {"mean": 4}}, 6, "the decoder")


def test_a_linear_layer_alone() -> None:
    (part,) = Network([Linear(2, 3)]).operations()
    assert part.name == "linear"
