"""Every kind of every axis, read off the code: its name, what it is, its paper, its keys.

`python -m vaelab.kinds > docs/kinds.md` writes the reference.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import cleandoc
from typing import Any, get_args

import yaml
from pydantic.fields import FieldInfo
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from vaelab.config import Config
from vaelab.data import DataConfig, PixelsConfig
from vaelab.distributions import PosteriorConfig
from vaelab.errors import BadValueError
from vaelab.figures import FigureConfig
from vaelab.likelihoods import LikelihoodConfig
from vaelab.metrics import MetricConfig
from vaelab.models import ModelConfig
from vaelab.networks import DecoderConfig, EncoderConfig
from vaelab.objectives import ObjectiveConfig
from vaelab.optimizers import LearningRateScheduleConfig, OptimizerConfig
from vaelab.priors import PriorConfig
from vaelab.schedules import ConstantSchedule, ScheduleConfig

SENTENCE = re.compile(r'.*?\.(?=\s+[A-Z"`(]|$)')
CITATION = re.compile(
    r'"[^"]+" \([^()]*\b(?:19|20)\d\d\b[^()]*\)(?:,[^;"]*?(?:arXiv|doi) [\w./]*\w)?'
)


@dataclass(frozen=True)
class Axis:
    """A choice: its name, the key of a config (or the command) that makes it, and its union."""

    name: str
    place: str
    union: Any


AXES = (
    Axis("data", "data", DataConfig),
    Axis("pixels", "data.pixels", PixelsConfig),
    Axis("model", "model", ModelConfig),
    Axis("encoder", "model.encoder", EncoderConfig),
    Axis("decoder", "model.decoder", DecoderConfig),
    Axis("posterior", "model.posterior", PosteriorConfig),
    Axis("likelihood", "model.likelihood", LikelihoodConfig),
    Axis("prior", "model.prior", PriorConfig),
    Axis("objective", "objective", ObjectiveConfig),
    Axis("schedule", "objective.beta", ScheduleConfig),
    Axis("optimizer", "training.optimizer", OptimizerConfig),
    Axis("learning_rate_schedule", "training.learning_rate_schedule", LearningRateScheduleConfig),
    Axis("figure", "figures.every_epoch, figures.at_end", FigureConfig),
    Axis("metric", "vaelab evaluate", MetricConfig),
)


@dataclass(frozen=True)
class Key:
    """A setting of a kind; `default` as in YAML, empty where it has to be given."""

    name: str
    default: str
    meaning: str


@dataclass(frozen=True)
class Kind:
    """A member of an axis.

    Attributes:
        axis: name of the axis.
        name: what `kind` says in the YAML.
        sentence: what it is.
        reference: the papers its docstring cites; empty where there is none.
        keys: its settings besides `kind`.
    """

    axis: str
    name: str
    sentence: str
    reference: str
    keys: tuple[Key, ...]


def kinds() -> list[Kind]:
    """Every kind of every axis."""
    return [_kind(axis, cls) for axis in AXES for cls in members(axis.union)]


def members(union: Any) -> Iterator[type[Config]]:
    """The config classes of a union, through any annotations around it."""
    if isinstance(union, type) and issubclass(union, Config):
        yield union
    else:
        for inner in get_args(union):
            yield from members(inner)


def table(name: str | None = None) -> Table:
    """The kinds of one axis or of all, for the terminal.

    Raises:
        BadValueError: there is no axis of this name.
    """
    result = Table(box=SIMPLE, show_header=False, pad_edge=False)
    result.add_column("kind", no_wrap=True)
    result.add_column("what it is")
    known = kinds()
    for axis in AXES if name is None else [_axis(name)]:
        result.add_row(f"[bold]{axis.name}[/bold]", f"[dim]where: {axis.place}[/dim]")
        for kind in (kind for kind in known if kind.axis == axis.name):
            result.add_row(f"  [cyan]{kind.name}[/cyan]", "\n".join(_rich_lines(kind)))
        result.add_section()
    return result


def _axis(name: str) -> Axis:
    axes = {axis.name: axis for axis in AXES}
    if name in axes:
        return axes[name]
    near = get_close_matches(name, axes, n=1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`? " if near else ""
    raise BadValueError(f"there is no axis `{name}`; {hint}the axes are {', '.join(axes)}")


def _rich_lines(kind: Kind) -> Iterator[str]:
    yield escape(kind.sentence)
    if kind.keys:
        yield f"[green]{', '.join(key.name for key in kind.keys)}[/green]"
    if kind.reference:
        yield f"[dim]{escape(kind.reference)}[/dim]"


def markdown() -> str:
    """All kinds with their keys as a reference page."""
    lines = [
        "# Kinds",
        "",
        "Every member of every axis, generated from the code by `python -m vaelab.kinds`.",
        "A key without a default has to be given.",
    ]
    known = kinds()
    for axis in AXES:
        lines += ["", f"## {axis.name}", "", f"Where: `{axis.place}`."]
        for kind in (kind for kind in known if kind.axis == axis.name):
            lines += ["", f"### {axis.name} `{kind.name}`", "", *_paragraphs(kind)]
    return "\n".join(lines) + "\n"


def _paragraphs(kind: Kind) -> Iterator[str]:
    yield kind.sentence
    if kind.reference:
        yield ""
        yield f"{kind.reference}."
    if kind.keys:
        yield from ("", "| key | default | meaning |", "| --- | --- | --- |")
    for key in kind.keys:
        default = f"`{key.default}`" if key.default else ""
        yield f"| `{key.name}` | {default} | {key.meaning.replace('|', chr(92) + '|')} |"


def _kind(axis: Axis, cls: type[Config]) -> Kind:
    text = _one_line(cleandoc(cls.__doc__ or ""))
    sentence = SENTENCE.match(text)
    fields = {name: field for name, field in cls.model_fields.items() if name != "kind"}
    return Kind(
        axis.name,
        str(cls.model_fields["kind"].default),
        sentence.group() if sentence else text,
        "; ".join(CITATION.findall(text)),
        tuple(_key(name, field) for name, field in fields.items()),
    )


def _key(name: str, field: FieldInfo) -> Key:
    default = "" if field.is_required() else _written(field.get_default(call_default_factory=True))
    return Key(name, default, _one_line(field.description or ""))


def _written(value: Any) -> str:
    """A default as one would write it: a kind that is all defaults by its name."""
    if isinstance(value, ConstantSchedule):
        value = value.value
    if isinstance(value, Config):
        values = value.model_dump(mode="json")
        value = values["kind"] if "kind" in values and value == type(value)() else values
    if isinstance(value, tuple):
        value = list(value)
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000)
    return text.removesuffix("...\n").strip()


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    print(markdown(), end="")
