"""Runs beside each other: which numbers may be compared, and how they compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot, inf, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table
from scipy.special import stdtrit

from vaelab.console import with_error
from vaelab.errors import BadValueError, MissingFileError, typed
from vaelab.evaluation.entries import NLL, SHOWN, Entry, Measured, entries_of
from vaelab.evaluation.rate_distortion import Point, draw_rate_distortion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KEY = {
    "images_checksum": "images", "split": "split", "images": "number of images",
    "pixels": "pixels", "measure": "kind of likelihood", "limit": "limit of the density",
    "conditional": "conditional on the class",
}  # fmt: skip
"""Names in evaluation.json, and what they are called."""
MEASURES = {"lebesgue": "density", "counting": "probability"}
CONFIDENCE = 0.95

How = Literal["seeds", "images", "unpaired"]


@dataclass(frozen=True)
class Difference:
    """By how much one entry's number is larger than another's.

    Its error is over seeds; or over images, in pairs, or as if each entry had others.
    """

    value: float
    standard_error: float
    freedom: float
    how: How

    @property
    def is_tie(self) -> bool:
        """Whether 0 lies in its 95% interval, by Student's t for so few seeds or many images."""
        reach = stdtrit(self.freedom, (1 + CONFIDENCE) / 2) * self.standard_error
        return bool(abs(self.value) <= reach)


def difference(one: Entry, other: Entry, number: str) -> Difference:
    """Of `one` less that of `other`.

    Both were measured on the same images, whose values go up and down together: their differences
    vary much less than either. An error over images says what other images would change, one over
    seeds what other trainings would; with one seed on a side nothing is known of the latter.
    """
    value = one.mean(number) - other.mean(number)
    if min(len(one.members), len(other.members)) > 1:
        return _over_seeds(value, one, other, number)
    first, second = one.per_image(number), other.per_image(number)
    if first is not None and second is not None and len(first) == len(second) > 1:
        each = first - second
        error = float(each.std(ddof=1) / sqrt(len(each)))
        return Difference(value, error, len(each) - 1, "images")
    errors = [entry.error(number) or 0.0 for entry in (one, other)]
    return Difference(value, hypot(*errors), inf, "unpaired")


def _over_seeds(value: float, one: Entry, other: Entry, number: str) -> Difference:
    """Welch's (1947) error and degrees of freedom of the difference of two means."""
    parts = [
        (float(np.var(values, ddof=1)) / len(values), len(values) - 1)
        for values in (one.values(number), other.values(number))
    ]
    variance = sum(part for part, _ in parts)
    spread = sum(part**2 / freedom for part, freedom in parts)
    return Difference(value, sqrt(variance), variance**2 / spread if spread else inf, "seeds")


NAME_WIDTH = 16
"""Letters of a name that are in one line where a terminal is narrow."""
ALSO = ("active_units", "knn5_accuracy")
NARROW = "; active units and 5-nn accuracy are shown where the terminal is wider"
ERRORS: dict[How, str] = {
    "images": "paired over images, which says nothing of other seeds",
    "seeds": "over seeds, on these images",
    "unpaired": "* as if over different images, for want of values per image: `vaelab evaluate` "
    "again keeps them",
}
"""What the error of a difference is, for people."""


@dataclass(frozen=True, eq=False)
class Group:
    """Entries whose numbers can be compared, the best first by the number that they are ranked by.

    They have the `key` in common, by the names of `KEY`.
    """

    key: Mapping[str, Any]
    entries: tuple[Entry, ...]
    ranked_by: str

    def behind(self, entry: Entry) -> Difference:
        """By how much an entry is worse than the best."""
        best = self.entries[0]
        larger, smaller = (best, entry) if self.ranked_by == "elbo_nats" else (entry, best)
        return difference(larger, smaller, self.ranked_by)

    def table(self, narrow: bool = False) -> Table:
        """A line for each entry, the best first; fewer columns where 80 letters have to do."""
        differences = [self.behind(entry) for entry in self.entries[1:]]
        also = () if narrow else ALSO
        names = [*SHOWN, *(n for n in (self.ranked_by, *also) if n not in SHOWN)]
        table = Table(
            box=SIMPLE, title=escape(self.words()),
            caption=self._caption(differences) + (NARROW if narrow else ""),
        )  # fmt: skip
        longest = max(len(entry.name) for entry in self.entries)
        width = min(longest, NAME_WIDTH) if narrow else longest
        table.add_column("run", overflow="fold", min_width=width)
        for name in names:
            table.add_column(name.removesuffix("_nats").replace("_", " "), justify="right")
        if differences:
            table.add_column("behind", justify="right")
        for entry, behind in zip(self.entries, [None, *differences], strict=True):
            cells, bold = [_cell(entry, name) for name in names], False
            if differences:
                cells.append(_behind(behind))
                bold = behind is None or behind.is_tie
            if narrow:
                cells = [cell.replace(" ± ", "\n± ") for cell in cells]
            table.add_row(escape(entry.name), *cells, style="bold" if bold else "")
        return table

    def words(self) -> str:
        """What they have in common, for people."""
        key = self.key
        limit = f" ({key['limit']})" if key["limit"] else ""
        conditional = ", given the class" if key["conditional"] else ""
        return (
            f"{key['images']:,} {key['split']} images {_short(key['images_checksum'])}, "
            f"{key['pixels']} pixels, {MEASURES[key['measure']]}{limit}{conditional}"
        )

    def _caption(self, differences: Sequence[Difference]) -> str:
        kinds = {one.evaluation["likelihood"] for entry in self.entries for one in entry.members}
        several = any(len(entry.members) > 1 for entry in self.entries)
        over = "images, or seeds where there are several" if several else "images"
        errors = "; ".join(words for how, words in ERRORS.items()
                           if how in {one.how for one in differences})  # fmt: skip
        said = f"nats per image ± standard error over {over}, under {', '.join(sorted(kinds))}"
        if not differences:
            return said
        return (
            f"{said}; best {self.ranked_by} first; behind: how much worse than the best ± standard "
            f"error of the difference, {errors}; bold: no significant difference from the best "
            "(95%)"
        )


def compare(runs: Sequence[Path]) -> list[Group]:
    """Groups of runs, by their folders, whose numbers can be compared, each with its best first."""
    folders = [run.resolve() for run in runs]
    for run, folder in zip(runs, folders, strict=True):
        if folders.count(folder) > 1:
            raise BadValueError(f"{run} is there twice; a comparison needs different runs")
    if len(runs) < 2:
        raise BadValueError("a comparison needs two different runs or more")
    groups: dict[tuple[Any, ...], list[Measured]] = {}
    for one in _measured(runs):
        groups.setdefault(tuple(one.evaluation[name] for name in KEY), []).append(one)
    return [_ranked(dict(zip(KEY, key, strict=True)), those) for key, those in groups.items()]


def _measured(runs: Sequence[Path]) -> list[Measured]:
    """What is known of runs; one error says of which there is nothing."""
    found, missing = list[Measured](), dict[str, str]()
    for run in runs:
        try:
            found.append(Measured(run))
        except MissingFileError as error:
            missing[typed(run)] = str(error)
    if missing:
        words = "\n".join(missing.values())
        raise MissingFileError(f"{words}\nmeasure: vaelab evaluate {' '.join(missing)}")
    return found


def differences(groups: Sequence[Group]) -> list[str]:
    """Why groups are not ranked together: what each has that others have not."""
    lines = []
    for name, words in KEY.items():
        found = {str(group.key[name]): group.entries[0].members[0].name for group in groups}
        if len(found) > 1:
            listed = ", ".join(f"{_short(value)} ({run})" for value, run in found.items())
            lines.append(f"{words}: {listed}")
    return lines


def _short(value: str) -> str:
    return MEASURES.get(value, value[:8] if len(value) == 64 else value) or "none"


def draw(groups: Sequence[Group]) -> "Figure":
    """The plane of rate and distortion, one for each group."""
    return draw_rate_distortion([
        (group.words(), [_point(entry) for entry in group.entries])
        for group in groups
    ])  # fmt: skip


def _point(entry: Entry) -> Point:
    rate, distortion = "rate_nats", "distortion_nats"
    return Point(
        entry.name, entry.mean(rate), entry.mean(distortion),
        entry.error(rate) or 0.0, entry.error(distortion) or 0.0,
    )  # fmt: skip


def _ranked(key: Mapping[str, Any], members: Sequence[Measured]) -> Group:
    entries = entries_of(members)
    bounds = [{n for n in one.numbers if NLL.fullmatch(n)} for one in members]
    shared = set.intersection(*bounds)
    if shared:  # the tightest bound that all have, the smaller the better
        name = max(shared, key=lambda name: int(NLL.sub(r"\1", name)))
        ordered = sorted(entries, key=lambda entry: entry.mean(name))
    else:
        name = "elbo_nats"
        ordered = sorted(entries, key=lambda entry: -entry.mean(name))
    return Group(key, tuple(ordered), name)


def _cell(entry: Entry, name: str) -> str:
    if not entry.values(name):
        return "-"
    return with_error(entry.mean(name), entry.error(name))


def _behind(behind: Difference | None) -> str:
    if behind is None:
        return ""
    mark = "*" if behind.how == "unpaired" else ""
    return f"{with_error(behind.value, behind.standard_error, 3)}{mark}"
