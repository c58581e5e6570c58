"""What is known of a kind (its own words, its keys, a config), and how a terminal shows it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic.fields import FieldInfo
from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vaelab.config import Config, configs_in
from vaelab.data import Domain
from vaelab.errors import BadValueError, near
from vaelab.experiment import Experiment
from vaelab.likelihoods import BaseLikelihood
from vaelab.optim import ConstantSchedule
from vaelab.priors import BaseGridPrior
from vaelab.registry import About, Axis, Kind, descriptions, one_line


def _reached(cls: type[Config], known: list[type[Config]]) -> list[type[Config]]:
    """Those known, and the configs that a config may hold, in its order."""
    for field in cls.model_fields.values():
        for inner in configs_in(field.annotation):
            if inner not in known:
                known.append(inner)
                _reached(inner, known)
    return known


AXES = tuple(dict.fromkeys(cls.axis for cls in _reached(Experiment, []) if issubclass(cls, Kind)))
"""In the order in which one meets them."""


@dataclass(frozen=True)
class Key:
    """A setting of a kind; `default` as in YAML, empty where it has to be given."""

    name: str
    default: str
    meaning: str


@dataclass(frozen=True)
class Entry:
    """A kind of an axis: its name in the YAML, what it says, its keys, a config that has it."""

    axis: Axis
    name: str
    about: About
    keys: tuple[Key, ...]
    example: str


def kinds() -> list[Entry]:
    """Every kind of every axis."""
    return [describe(axis, cls) for axis in AXES for cls in axis.kinds.values()]


def describe(axis: Axis, cls: type[Kind]) -> Entry:
    """What there is to say of a kind."""
    name = str(cls.model_fields["kind"].default)
    said = descriptions(cls)
    keys = tuple(_key(key, field, said.get(key, "")) for key, field in _fields(cls).items())
    return Entry(axis, name, About.of(cls), keys, _example(axis, cls))


def _fields(cls: type[Kind]) -> dict[str, FieldInfo]:
    return {name: field for name, field in cls.model_fields.items() if name != "kind"}


def _key(name: str, field: FieldInfo, meaning: str) -> Key:
    default = ""
    if not field.is_required():
        value = _plain(field.get_default(call_default_factory=True))
        text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000)
        default = text.removesuffix("...\n").strip()
    return Key(name, default, one_line(meaning))


def _plain(value: Any) -> Any:
    """A default as one would write it: a kind that is all defaults by its name."""
    if isinstance(value, ConstantSchedule):
        return value.value
    if isinstance(value, Config):
        values = value.model_dump(mode="json")
        return values["kind"] if "kind" in values and value == type(value)() else values
    return list(value) if isinstance(value, tuple) else value


def _example(axis: Axis, cls: type[Kind]) -> str:
    """YAML that works as it stands, with what else the kind needs and options at their defaults."""
    values = {name: _default(field) for name, field in _fields(cls).items()} | dict(cls.example)
    options = {name: value for name, value in values.items() if value not in (None, [])}
    chosen: Any = {"kind": cls.model_fields["kind"].default, **options}
    *outer, last = axis.place.split(", ")[-1].split(".")
    config: dict[str, Any] = {last: [chosen] if axis.several else chosen}
    for key in reversed(outer):
        config = {key: config}
    if issubclass(cls, BaseLikelihood) and Domain.UNIT not in cls.domains:
        config = {"data": {"pixels": min(cls.domains).value}, **config}
    if issubclass(cls, BaseGridPrior):
        config = {"model": {"kind": "vq", **config["model"]}}
    return yaml.safe_dump(config, sort_keys=False, default_flow_style=None, width=100)


def _default(field: FieldInfo) -> Any:
    """A default as plain data; None where there is none, or a kind that is all defaults."""
    if field.is_required():
        return None
    value = field.get_default(call_default_factory=True)
    plain = _plain(value)
    return None if isinstance(value, Kind) and plain == value.kind else plain


def overview() -> Table:
    """The names of all kinds, a line for each axis."""
    result = Table(
        box=SIMPLE, show_header=False, pad_edge=False,
        caption="`vaelab kinds prior` says what those of an axis are, `vaelab kinds prior vamp` "
        "all of one, `vaelab kinds --long` what every one is",
    )  # fmt: skip
    result.add_column("axis", style="bold", no_wrap=True)
    result.add_column("kinds")
    for axis in AXES:
        result.add_row(axis.name, Text(", ".join(axis.kinds), "cyan"))
    return result


def table(name: str | None = None) -> Table:
    """The kinds of one axis or of all, with what each is."""
    result = Table(box=SIMPLE, show_header=False, pad_edge=False)
    result.add_column("kind", no_wrap=True)
    result.add_column("what it is")
    for axis in AXES if name is None else [_axis(name)]:
        result.add_row(f"[bold]{axis.name}[/bold]", f"[dim]where: {axis.place}[/dim]")
        for kind in (describe(axis, cls) for cls in axis.kinds.values()):
            result.add_row(f"  [cyan]{kind.name}[/cyan]", "\n".join(_rich_lines(kind)))
        result.add_section()
    return result


def entry(axis_name: str, name: str) -> Group:
    """All that is known of one kind."""
    axis = _axis(axis_name)
    known = axis.kinds
    if name not in known:
        raise BadValueError(
            f"there is no {axis.name} `{name}`; {near(name, known)}choose one of {', '.join(known)}"
        )
    return Group(*_parts(describe(axis, known[name])))


def _axis(name: str) -> Axis:
    axes = {axis.name: axis for axis in AXES}
    if name in axes:
        return axes[name]
    raise BadValueError(
        f"there is no axis `{name}`; {near(name, axes)}the axes are {', '.join(axes)}"
    )


def _rich_lines(kind: Entry) -> Iterator[str]:
    yield escape(kind.about.sentence)
    if kind.keys:
        yield f"[green]{', '.join(key.name for key in kind.keys)}[/green]"
    if kind.about.references:
        yield f"[dim]{escape(kind.about.references)}[/dim]"


def _parts(kind: Entry) -> Iterator[RenderableType]:
    yield Text.assemble(
        (f"{kind.axis.name} {kind.name}", "bold"), (f"   where: {kind.axis.place}", "dim")
    )
    yield Text(f"\n{kind.about.sentence}")
    if kind.about.formula:
        yield Padding(Text(kind.about.formula, "cyan"), (1, 0, 0, 4))
    for text in (kind.about.details, kind.about.advice):
        if text:
            yield Text(f"\n{text}")
    if kind.about.references:
        yield Text(f"\n{kind.about.references}", "dim")
    if kind.keys:
        options = Table(box=SIMPLE, pad_edge=False)
        for column in ("option", "default", "meaning"):
            options.add_column(column)
        for key in kind.keys:
            options.add_row(Text(key.name, "green"), Text(key.default), Text(key.meaning))
        yield options
    yield Padding(Text(kind.example.rstrip("\n"), "cyan"), (0 if kind.keys else 1, 0, 0, 4))
