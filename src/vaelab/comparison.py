"""Runs beside each other: which numbers may be compared, and how they compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any

from matplotlib.figure import Figure
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from vaelab.errors import BadValueError, MissingFileError
from vaelab.figures.rate_distortion import Point, draw_rate_distortion
from vaelab.run import Run

KEY = {
    "data_checksum": "data", "split": "split", "images": "images", "pixels": "pixels",
    "measure": "kind of likelihood", "conditional": "conditional on the class",
}  # fmt: skip
"""What numbers have to have in common: names in evaluation.json, and what they are called."""
SHOWN = ("distortion_nats", "rate_nats", "elbo_nats")
ALSO = ("active_units", "knn5_accuracy")
MEASURES = {"lebesgue": "density", "counting": "probability"}


@dataclass(frozen=True)
class Group:
    """Runs whose numbers can be compared.

    Attributes:
        key: what they have in common, by the names of `KEY`.
        runs: evaluations, the best first.
        ranked_by: the number that says so.
    """

    key: Mapping[str, Any]
    runs: tuple[Mapping[str, Any], ...]
    ranked_by: str

    def table(self) -> Table:
        """A line for each run, the best first."""
        likelihood = sorted({run["likelihood"] for run in self.runs})
        table = Table(
            box=SIMPLE,
            title=escape(self.words()),
            caption=f"nats per image ± standard error over images, under {', '.join(likelihood)}; "
            f"best {self.ranked_by} first; bold: within two standard errors of it",
        )
        names = [*SHOWN, *(n for n in (self.ranked_by, *ALSO) if n not in SHOWN)]
        table.add_column("run", overflow="fold")
        for name in names:
            table.add_column(name.removesuffix("_nats").replace("_", " "), justify="right")
        for run in self.runs:
            cells = [_cell(run["numbers"].get(name)) for name in names]
            table.add_row(escape(run["run"]), *cells, style="bold" if self.ties(run) else "")
        return table

    def ties(self, run: Mapping[str, Any]) -> bool:
        """Whether a run is within two standard errors of the best."""
        best, own = (one["numbers"][self.ranked_by] for one in (self.runs[0], run))
        errors = [number["standard_error"] or 0.0 for number in (best, own)]
        return bool(abs(best["value"] - own["value"]) <= 2 * hypot(*errors))

    def words(self) -> str:
        """What they have in common, for people."""
        key = self.key
        conditional = ", given the class" if key["conditional"] else ""
        return (
            f"{key['images']:,} {key['split']} images {key['data_checksum'][:8]}, "
            f"{key['pixels']} pixels, {MEASURES[key['measure']]}{conditional}"
        )


def compare(runs: Sequence[Run]) -> list[Group]:
    """Groups of runs whose numbers can be compared, each with its best run first.

    Args:
        runs: two or more, all evaluated.

    Raises:
        BadValueError: a run is named twice, or there is only one.
        MissingFileError: a run has not been evaluated.
    """
    if len({run.path.resolve() for run in runs}) < max(2, len(runs)):
        raise BadValueError("a comparison needs two different runs or more")
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for run in runs:
        evaluation = _evaluated(run)
        groups.setdefault(tuple(evaluation[name] for name in KEY), []).append(evaluation)
    return [_ranked(key, members) for key, members in groups.items()]


def differences(groups: Sequence[Group]) -> list[str]:
    """Why the groups are not ranked together: what each has that others have not."""
    lines = []
    for name, words in KEY.items():
        found = {str(group.key[name]): group.runs[0]["run"] for group in groups}
        if len(found) > 1:
            listed = ", ".join(f"{_named(value)} ({run})" for value, run in found.items())
            lines.append(f"{words}: {listed}")
    return lines


def draw(groups: Sequence[Group]) -> Figure:
    """The plane of rate and distortion, one for each group."""
    return draw_rate_distortion([
        (group.words(), [_point(run) for run in group.runs]) for group in groups
    ])  # fmt: skip


def _evaluated(run: Run) -> Mapping[str, Any]:
    evaluation = run.evaluation()
    if not evaluation or "measure" not in evaluation:
        raise MissingFileError(
            f"there are no numbers of {run.path} that say what they can be compared with; "
            f"`vaelab evaluate {run.path}` measures them"
        )
    return evaluation


def _ranked(key: tuple[Any, ...], members: list[Mapping[str, Any]]) -> Group:
    bounds = [{n for n in run["numbers"] if n.startswith("nll_iwae")} for run in members]
    shared = {name for name in set.intersection(*bounds) if name.endswith("_nats")}
    if shared:  # the tightest bound that all have, the smaller the better
        name = max(shared, key=lambda name: int(name.removeprefix("nll_iwae").split("_")[0]))
        ordered = sorted(members, key=lambda run: run["numbers"][name]["value"])
    else:
        name = "elbo_nats"
        ordered = sorted(members, key=lambda run: -run["numbers"][name]["value"])
    return Group(dict(zip(KEY, key, strict=True)), tuple(ordered), name)


def _cell(number: Mapping[str, Any] | None) -> str:
    if number is None:
        return "-"
    error = number["standard_error"]
    value = f"{number['value']:,.4g}" if abs(number["value"]) < 1000 else f"{number['value']:,.0f}"
    return value if error is None else f"{value} ± {error:.2g}"


def _point(run: Mapping[str, Any]) -> Point:
    rate, distortion = run["numbers"]["rate_nats"], run["numbers"]["distortion_nats"]
    return Point(
        run["run"], rate["value"], distortion["value"],
        rate["standard_error"] or 0.0, distortion["standard_error"] or 0.0,
    )  # fmt: skip


def _named(value: str) -> str:
    return MEASURES.get(value, value[:8] if len(value) == 64 else value)
