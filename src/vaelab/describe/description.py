"""A model layer by layer: shapes, parameters, multiply-adds; as a table and as a picture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from matplotlib.figure import Figure
from rich.box import SIMPLE
from rich.table import Table
from torch import nn

from vaelab.config import Config
from vaelab.describe.architecture import Drawing
from vaelab.describe.blocks import head_layers, parameter_names
from vaelab.experiment import Experiment
from vaelab.models import VAE, ConditionalDistribution, LatentVariableModel, VAEConfig
from vaelab.networks import Network
from vaelab.networks.layers import Layer, Shape


@dataclass(frozen=True)
class Row:
    """A layer in its part of the model, its output and its multiply-adds for one image."""

    part: str
    layer: str
    shape: Shape
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Description:
    """What there is to say about a model, whose experiment names what it is made of."""

    model: LatentVariableModel
    experiment: Experiment

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Its layers."""
        config = self.experiment.model
        if isinstance(self.model, VAE) and isinstance(config, VAEConfig):
            return tuple(_vae_rows(self.model, config))
        return tuple(_part_rows(self.model))

    @property
    def parameters(self) -> int:
        """Number of trained numbers."""
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """To encode and decode one image."""
        return sum(row.multiply_adds for row in self.rows)

    def table(self) -> Table:
        """All layers for the terminal."""
        table = Table(box=SIMPLE, show_footer=True, pad_edge=False)
        table.add_column("part", "total", style="bold", footer_style="bold")
        table.add_column("layer")
        table.add_column("output", justify="right")
        table.add_column("parameters", f"{self.parameters:,}", justify="right")
        table.add_column("multiply-adds", f"{self.multiply_adds:,}", justify="right")
        part = ""
        for row in self.rows:
            if part and row.part != part:
                table.add_section()
            counts = (
                f"{count:,}" if count else "" for count in (row.parameters, row.multiply_adds)
            )
            shape = " × ".join(map(str, row.shape))
            table.add_row("" if row.part == part else row.part, row.layer, shape, *counts)
            part = row.part
        return table

    def draw(self) -> Figure | None:
        """The architecture; None where the model is more than an encoder, a code and a decoder."""
        model, config = self.model, self.experiment.model
        if not (isinstance(model, VAE) and isinstance(config, VAEConfig)):
            return None
        image = " × ".join(map(str, model.image_shape))
        numbers = "one number" if model.latent == 1 else f"{model.latent} numbers"
        given = ", given the class" if model.classes else ""
        title = f"{self.experiment.task_name}: images of {image} to {numbers} and back{given}"
        note = (
            f"{self.experiment.data.name} · {self.parameters:,} parameters · "
            f"{self.multiply_adds:,} multiply-adds for an image"
        )
        likelihood, prior = _in_words(config.likelihood), _in_words(config.prior)
        return Drawing(model, title, note, likelihood, prior).figure


def _part_rows(model: LatentVariableModel) -> Iterator[Row]:
    """The layers of each part of any model."""
    for name, part in model.named_children():
        if isinstance(part, Network):
            yield from _layer_rows(name, part.layers)
        elif isinstance(part, ConditionalDistribution):
            yield from _layer_rows(name, part.trunk.layers)
            for head in part.heads:
                yield from _layer_rows(name, head.layers if isinstance(head, Network) else ())
            yield _module_row(name, type(part.family).__name__, (), part.family)
        else:
            yield _module_row(name, type(part).__name__, (), part)


def _vae_rows(model: VAE, config: VAEConfig) -> Iterator[Row]:
    yield from _layer_rows("encoder", model.encoder.trunk.layers)
    names, heads = parameter_names(model), head_layers(model)
    if len(heads) < len(names):  # one that gives everything bears all the names
        names = [" and ".join(names)]
    for name, head in zip(names, heads, strict=True):
        yield from _layer_rows(name, head)
    posterior, likelihood = _in_words(config.posterior), _in_words(config.likelihood)
    yield _module_row("posterior", posterior, model.latent_shape, model.encoder.family)
    yield from _layer_rows("decoder", model.decoder.trunk.layers)
    yield _module_row("likelihood", likelihood, model.image_shape, model.decoder.family)
    yield _module_row("prior", _in_words(config.prior), model.latent_shape, model.prior)


def _layer_rows(part: str, layers: Sequence[Layer]) -> Iterator[Row]:
    for layer in layers:
        if layer.words:
            counts = layer.parameters, layer.multiply_adds
            yield Row(part, ", ".join(layer.words), layer.output_shape, *counts)


def _module_row(part: str, words: str, shape: Shape, module: nn.Module) -> Row:
    count = sum(parameter.numel() for parameter in module.parameters())
    return Row(part, words, shape, count, 0)


def _in_words(config: Config) -> str:
    """A kind with its settings, those of no consequence for the picture left out."""
    shown = {name: value for name, value in config if name not in {"kind", "floor"}}
    kind = str(type(config).model_fields["kind"].default).replace("_", " ")
    settings = (
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in shown.items()
    )
    return ", ".join([kind, *settings])
