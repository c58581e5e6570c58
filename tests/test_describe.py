"""A description counts what is there, and its picture can be read."""

from io import StringIO
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from torch import nn

from vaelab.config import override, validate
from vaelab.console import Console
from vaelab.describe import Description
from vaelab.describe.blocks import Block, blocks
from vaelab.drawing import DPI, render
from vaelab.experiment import Experiment
from vaelab.models import VAE
from vaelab.networks.conditioning import FiLM
from vaelab.networks.layers import Activate, Layer, Linear
from vaelab.networks.resnet import Residual
from vaelab.runs.lookup import load_experiment
from vaelab.training import build_model
from vaelab.yamlfile import read_yaml

CONFIGS = Path(__file__).parents[1] / "configs"
GREY, COLOUR, SMALL = (1, 28, 28), (3, 32, 24), (1, 8, 8)
DEEP = [
    "model.encoder.channels=[8,8,16,16,32,32,64,512]",
    "model.encoder.kernels=[3,3,3,3,3,3,3,3]",
    "model.encoder.strides=[1,1,1,2,1,1,1,2]",
    "model.encoder.paddings=[1,1,1,1,1,1,1,1]",
    "model.decoder=null",
]
CASES: dict[str, tuple[str, tuple[int, int, int], list[str]]] = {
    "simple": ("simple", GREY, []),
    "vae_kl": ("vae_kl", GREY, []),
    "conditional": ("vae_kl_latent4_enc_channel_dec_fc_condition", GREY, []),
    "digits": ("digits", SMALL, []),
    "vamp": ("digits", SMALL, ["model.latent=64", "model.prior=vamp"]),
    "one_hot": (
        "digits", SMALL,
        ["model.condition.encoder=one_hot", "model.condition.decoder=one_hot", "model.latent=1"],
    ),
    "colour": ("vae_kl", COLOUR, ["model.decoder=null"]),
    "flows": ("digits", SMALL, ["model.posterior=iaf", "model.prior=flow"]),
    "deep": ("vae_kl", GREY, DEEP),
    "resnet": ("resnet", GREY, []),
    "film": (
        "resnet", COLOUR,
        [
            "model.encoder={kind: resnet, widths: [8, 16, 32, 64], blocks: 1, norm: none}",
            "model.condition={encoder: film, decoder: film}",
            "data.pixels=unit", "model.likelihood={kind: gaussian, scale: learned}",
        ],
    ),
    "film_conv": ("vae_kl", GREY, ["model.condition={encoder: film, decoder: film}"]),
    "no_trunk": ("digits", SMALL, ["model.encoder.widths=[]", "model.decoder.widths=[]"]),
    "long_words": (
        "digits", SMALL,
        [
            "model.likelihood={kind: continuous_bernoulli}", "model.prior=vamp",
            "model.latent=16", "model.decoder.output_activation=identity",
        ],
    ),
}  # fmt: skip


def case(name: str) -> tuple[Experiment, VAE, Description]:
    config, shape, assignments = CASES[name]
    data: dict[str, Any] = read_yaml(CONFIGS / f"{config}.yaml")
    experiment = validate(Experiment, override(Experiment, data, assignments), name)
    model = experiment.model.build(shape, experiment.data.pixels.domain, 10)
    return experiment, model, Description(model, experiment)


@pytest.mark.parametrize("name", CASES)
def test_parameters_are_all_counted_once(name: str) -> None:
    _, model, description = case(name)
    assert description.parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name", ["simple", "vae_kl", "conditional", "deep", "resnet"])
def test_multiply_adds_are_what_the_modules_do(name: str) -> None:
    _, model, description = case(name)
    counted = 0

    def count(module: nn.Module, given: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal counted
        transposed = isinstance(module, nn.ConvTranspose2d)
        values = given[0][0] if transposed else output[0]
        each = 1 if isinstance(module, nn.BatchNorm2d) else module.weight[0].numel()
        counted += each * values.numel()

    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            module.register_forward_hook(count)
    model.eval()
    context = torch.eye(10)[:2] if model.classes else None
    model.decode(model.encode(torch.zeros(2, *model.image_shape), context).mean, context)
    assert description.multiply_adds == counted


def test_rows_follow_the_image_through_the_model() -> None:
    _, _, description = case("conditional")
    parts = list(dict.fromkeys(row.part for row in description.rows))
    assert parts == [
        "encoder", "loc", "log variance", "posterior", "decoder", "likelihood", "prior"
    ]  # fmt: skip
    first, second = description.rows[:2]
    assert (first.layer, first.shape) == ("+ 10 class planes", (11, 28, 28))
    assert (second.layer, second.shape) == ("conv 2×2, stride 2", (16, 14, 14))
    assert (second.parameters, second.multiply_adds) == (16 * 11 * 4, 16 * 14 * 14 * 11 * 4)


def test_likelihood_and_prior_have_their_parameters() -> None:
    _, _, description = case("vamp")
    rows = {row.part: row for row in description.rows}
    assert rows["likelihood"].layer == "gaussian, scale learned"
    assert rows["likelihood"].parameters == 1
    assert rows["prior"].layer == "vamp, components 100"
    assert rows["prior"].parameters == 100 * 64


def test_the_table_holds_every_row_and_the_totals() -> None:
    _, _, description = case("vae_kl")
    console = Console(width=100, file=StringIO())
    console.print(description.table())
    text = console.file.getvalue()
    assert f"{description.parameters:,}" in text
    assert f"{description.multiply_adds:,}" in text
    assert all(row.layer in text for row in description.rows)


def test_blocks_carry_norm_and_activation_along() -> None:
    layers: list[Layer] = [Linear(4, 3), Activate((3,), "relu"), Linear(3, 2)]
    assert blocks(layers) == [Block((3,), ("linear", "ReLU")), Block((2,), ("linear",))]


def test_equal_residual_blocks_in_a_row_are_one_with_their_number() -> None:
    one, other = (Residual((Activate((3,), name), Linear(3, 3)), 1.0) for name in ("relu", "tanh"))
    after = Activate((3,), "relu")
    words = ("residual block", "ReLU", "linear")
    assert blocks([one, one, other, after, FiLM((3,), 2)]) == [
        Block((3,), words, repeats=2),
        Block((3,), ("residual block", "tanh", "linear"), repeats=1),
        Block((3,), ("ReLU", "FiLM by class"), modulated=True),
    ]
    labels = " ".join(boxes(case("film")[2].draw()))
    assert labels.count("residual") == 8
    assert len([text for text in boxes(case("film")[2].draw()) if text.endswith(": class")]) == 8


def test_identity_is_not_worth_a_word() -> None:
    assert Activate((3,), "identity").words == ()


def test_a_layer_that_nobody_described_has_its_own_name() -> None:
    class Squeeze(Activate):
        pass

    class Fold(Layer):
        input_shape = output_shape = (3,)

        def module(self) -> nn.Module:
            return nn.Identity()

    assert Fold().words == ("Fold",)
    assert Squeeze((3,), "tanh").words == ("tanh",)


def boxes(figure: Figure) -> dict[str, Bbox]:
    renderer = figure.canvas.get_renderer()
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    shown = [text for text in texts if text.axes is None or text in text.axes.texts]
    return {
        f"{number}: {text.get_text()}": text.get_window_extent(renderer).padded(-2)
        for number, text in enumerate(shown)
    }


@pytest.mark.parametrize("name", CASES)
def test_no_text_of_the_picture_lies_on_another_or_beyond_the_page(name: str) -> None:
    figure = case(name)[2].draw()
    width, height = figure.get_size_inches() * DPI
    found = boxes(figure)
    assert len(found) > 15
    for text, box in found.items():
        assert 0 <= box.x0 <= box.x1 <= width, text
        assert 0 <= box.y0 <= box.y1 <= height, text
    for (one, first), (other, second) in combinations(found.items(), 2):
        assert Bbox.intersection(first, second) is None, f"{one!r} lies on {other!r}"


def test_a_common_network_fits_a_readme() -> None:
    for name in ("simple", "vae_kl", "conditional"):
        pixels = render(case(name)[2].draw())
        assert pixels.shape[1] == 900
        assert (pixels < 128).any()


def test_what_a_conditional_picture_says() -> None:
    words = " ".join(boxes(case("conditional")[2].draw()))
    plain = " ".join(boxes(case("vae_kl")[2].draw()))
    for part in ("encoder q(z|x)", "decoder p(x|z)", "KL(q(z|x) ‖ p(z))", "standard normal",
                 "z = loc + scale · ε", "distortion", "scale 0.0626", "log variance"):  # fmt: skip
        assert part in words
        assert part in plain
    assert "class" in words
    assert "class" not in plain


@pytest.mark.parametrize(
    "data", [["data={kind: digits, pixels: binary}"], ["data=digits", "model.likelihood=gaussian"]]
)
def test_a_model_of_other_parts_is_described_part_by_part(data: list[str]) -> None:
    experiment = load_experiment("hierarchical", data)[0]
    model = build_model(experiment, experiment.data.image_spec())
    description = Description(model, experiment)
    assert description.draw() is None
    parts = list(dict.fromkeys(row.part for row in description.rows))
    assert parts == ["encoder", "upwards", "prior", "downwards", "decoder"]
    assert description.parameters == sum(p.numel() for p in model.parameters())
