"""The zoo in a terminal: what can be chosen, and one kind in full."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vaelab.errors import BadValueError
from vaelab.kinds.axes import AXES
from vaelab.kinds.describe import Kind, kinds
from vaelab.registry import Axis


def table(name: str | None = None) -> Table:
    """The kinds of one axis or of all.

    Raises:
        BadValueError: there is no axis of this name.
    """
    result = Table(box=SIMPLE, show_header=False, pad_edge=False)
    result.add_column("kind", no_wrap=True)
    result.add_column("what it is")
    known = kinds()
    for axis in AXES if name is None else [_axis(name)]:
        result.add_row(f"[bold]{axis.name}[/bold]", f"[dim]where: {axis.place}[/dim]")
        for kind in (kind for kind in known if kind.axis is axis):
            result.add_row(f"  [cyan]{kind.name}[/cyan]", "\n".join(_rich_lines(kind)))
        result.add_section()
    return result


def entry(axis_name: str, name: str) -> Group:
    """All that is known of one kind.

    Raises:
        BadValueError: there is no axis of this name, or no such kind on it.
    """
    axis = _axis(axis_name)
    known = {kind.name: kind for kind in kinds() if kind.axis is axis}
    if name not in known:
        raise BadValueError(
            f"there is no {axis.name} `{name}`; {_near(name, known)}choose one of "
            f"{', '.join(known)}"
        )
    return Group(*_parts(known[name]))


def _axis(name: str) -> Axis:
    axes = {axis.name: axis for axis in AXES}
    if name in axes:
        return axes[name]
    raise BadValueError(
        f"there is no axis `{name}`; {_near(name, axes)}the axes are {', '.join(axes)}"
    )


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean `{near[0]}`? " if near else ""


def _rich_lines(kind: Kind) -> Iterator[str]:
    yield escape(kind.sentence)
    if kind.keys:
        yield f"[green]{', '.join(key.name for key in kind.keys)}[/green]"
    if kind.reference:
        yield f"[dim]{escape(kind.reference)}[/dim]"


def _parts(kind: Kind) -> Iterator[RenderableType]:
    yield Text.assemble(
        (f"{kind.axis.name} {kind.name}", "bold"), (f"   where: {kind.axis.place}", "dim")
    )
    yield Text(f"\n{kind.sentence}")
    if kind.formula:
        yield Padding(Text(kind.formula, "cyan"), (1, 0, 0, 4))
    for text in (kind.details, kind.advice):
        if text:
            yield Text(f"\n{text}")
    if kind.reference:
        yield Text(f"\n{kind.reference}", "dim")
    if kind.keys:
        options = Table(box=SIMPLE, pad_edge=False)
        for column in ("option", "default", "meaning"):
            options.add_column(column)
        for key in kind.keys:
            options.add_row(Text(key.name, "green"), Text(key.default), Text(key.meaning))
        yield options
    yield Padding(Text(kind.example.rstrip("\n"), "cyan"), (0 if kind.keys else 1, 0, 0, 4))
