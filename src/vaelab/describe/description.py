"""A model layer by layer: shapes, parameters, multiply-adds; as a table and as a picture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from rich.box import SIMPLE
from rich.table import Table
from torch import nn

from vaelab.config import Config
from vaelab.describe.architecture import Architecture, draw_architecture
from vaelab.describe.blocks import phrases
from vaelab.experiment import Experiment
from vaelab.models import VAE, LatentVariableModel, NetworkDistribution, VAEConfig
from vaelab.networks import Network
from vaelab.networks.layers import Layer, Shape


@dataclass(frozen=True)
class Row:
    """A layer.

    Attributes:
        part: of the model that it is in.
        layer: what it is.
        shape: of its output for one image.
        parameters: number of trained numbers.
        multiply_adds: for one image.
    """

    part: str
    layer: str
    shape: Shape
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Description:
    """What there is to say about a model."""

    rows: tuple[Row, ...]
    architecture: Architecture | None
    """None where the model is more than an encoder, a code and a decoder."""

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
        """The architecture as a picture, where there is one."""
        return None if self.architecture is None else draw_architecture(self.architecture)


def describe(model: LatentVariableModel, experiment: Experiment) -> Description:
    """Describe a model.

    Args:
        model: what `experiment.model.build` made.
        experiment: for the names of what it is made of.
    """
    config = experiment.model
    if not (isinstance(model, VAE) and isinstance(config, VAEConfig)):
        return Description(tuple(_part_rows(model)), None)
    rows = tuple(_vae_rows(model, config))
    return Description(rows, _architecture(model, config, experiment, rows))


def _part_rows(model: LatentVariableModel) -> Iterator[Row]:
    """The layers of each part of any model."""
    for name, part in model.named_children():
        if isinstance(part, Network):
            yield from _layer_rows(name, part.layers)
        elif isinstance(part, NetworkDistribution):
            yield from _layer_rows(name, part.trunk.layers)
            for head in part.heads:
                yield from _layer_rows(name, head.layers if isinstance(head, Network) else ())
        else:
            yield _module_row(name, type(part).__name__, (), part)


def _vae_rows(model: VAE, config: VAEConfig) -> Iterator[Row]:
    yield from _layer_rows("encoder", model.encoder.trunk.layers)
    for name, head in _heads(model).items():
        yield from _layer_rows(name, head.layers)
    posterior, likelihood = _in_words(config.posterior), _in_words(config.likelihood)
    yield _module_row("posterior", posterior, model.latent_shape, model.encoder.family)
    yield from _layer_rows("decoder", model.decoder.trunk.layers)
    yield _module_row("likelihood", likelihood, model.image_shape, model.decoder.family)
    yield _module_row("prior", _in_words(config.prior), model.latent_shape, model.prior)


def _heads(model: VAE) -> dict[str, Network]:
    """The heads by what they give; one that gives everything bears all the names."""
    names = _parameter_names(model)
    heads = [head for head in model.encoder.heads if isinstance(head, Network)]
    return dict(zip(names if len(heads) > 1 else [" and ".join(names)], heads, strict=True))


def _parameter_names(model: VAE) -> list[str]:
    return [name.replace("_", " ") for name in model.encoder.family.parameter_names]


def _layer_rows(part: str, layers: Sequence[Layer]) -> Iterator[Row]:
    for layer in layers:
        if words := phrases(layer):
            counts = layer.parameters, layer.multiply_adds
            yield Row(part, ", ".join(words), layer.output_shape, *counts)


def _module_row(part: str, words: str, shape: Shape, module: nn.Module) -> Row:
    count = sum(parameter.numel() for parameter in module.parameters())
    return Row(part, words, shape, count, 0)


def _architecture(
    model: VAE, config: VAEConfig, experiment: Experiment, rows: Sequence[Row]
) -> Architecture:
    image = " × ".join(map(str, model.image_shape))
    numbers = "one number" if model.latent == 1 else f"{model.latent} numbers"
    given = ", given the class" if model.classes else ""
    return Architecture(
        title=f"{experiment.task_name}: images of {image} to {numbers} and back{given}",
        note=(
            f"{experiment.data.name} · {sum(row.parameters for row in rows):,} parameters · "
            f"{sum(row.multiply_adds for row in rows):,} multiply-adds for an image"
        ),
        encoder=model.encoder.trunk.layers,
        heads=tuple(head.layers for head in _heads(model).values()),
        parameters=tuple(_parameter_names(model)),
        decoder=model.decoder.trunk.layers,
        latent=model.latent,
        likelihood=_in_words(config.likelihood),
        prior=_in_words(config.prior),
    )


def _in_words(config: Config) -> str:
    """A kind with its settings, those of no consequence for the picture left out."""
    shown = {name: value for name, value in config if name not in {"kind", "floor"}}
    kind = str(type(config).model_fields["kind"].default).replace("_", " ")
    settings = (
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in shown.items()
    )
    return ", ".join([kind, *settings])
