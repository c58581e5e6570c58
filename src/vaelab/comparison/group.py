"""Entries whose numbers can be compared, ranked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from vaelab.comparison.entry import SHOWN, Entry, Measured, entries_of
from vaelab.comparison.key import key_of, key_words
from vaelab.comparison.pairs import Difference, How, difference
from vaelab.metrics import NLL

ALSO = ("active_units", "knn5_accuracy")
ERRORS: dict[How, str] = {
    "images": "paired over images, which says nothing of other seeds",
    "seeds": "over seeds, on these images",
    "unpaired": "* as if over different images, for want of values per image: `vaelab evaluate` "
    "again keeps them",
}
"""What the error of a difference is, for people."""


@dataclass(frozen=True, eq=False)
class Group:
    """Entries whose numbers can be compared.

    Attributes:
        key: what they have in common, by the names of `KEY`.
        entries: the best first.
        ranked_by: the number that says so.
    """

    key: Mapping[str, Any]
    entries: tuple[Entry, ...]
    ranked_by: str

    def behind(self, entry: Entry) -> Difference:
        """By how much an entry is worse than the best."""
        best = self.entries[0]
        if self.ranked_by == "elbo_nats":
            return difference(best, entry, self.ranked_by)
        return difference(entry, best, self.ranked_by)

    def table(self) -> Table:
        """A line for each entry, the best first."""
        differences = [self.behind(entry) for entry in self.entries[1:]]
        names = [*SHOWN, *(n for n in (self.ranked_by, *ALSO) if n not in SHOWN)]
        table = Table(box=SIMPLE, title=escape(self.words()), caption=self._caption(differences))
        table.add_column("run", overflow="fold")
        for name in names:
            table.add_column(name.removesuffix("_nats").replace("_", " "), justify="right")
        table.add_column("behind", justify="right", no_wrap=True)
        for entry, behind in zip(self.entries, [None, *differences], strict=True):
            ties = behind is None or behind.is_tie
            cells = [_cell(entry, name) for name in names]
            table.add_row(escape(entry.name), *cells, _behind(behind), style="bold" if ties else "")
        return table

    def words(self) -> str:
        """What they have in common, for people."""
        return key_words(self.key)

    def _caption(self, differences: Sequence[Difference]) -> str:
        kinds = {one.evaluation["likelihood"] for entry in self.entries for one in entry.members}
        several = any(len(entry.members) > 1 for entry in self.entries)
        over = "images, or seeds where there are several" if several else "images"
        errors = "; ".join(words for how, words in ERRORS.items()
                           if how in {one.how for one in differences})  # fmt: skip
        behind = f"behind: what it is worse by ± standard error of the difference, {errors}; "
        return (
            f"nats per image ± standard error over {over}, under {', '.join(sorted(kinds))}; best "
            f"{self.ranked_by} first; {behind if differences else ''}bold: not told from the best "
            "with 95% confidence"
        )


def grouped(measured: Sequence[Measured]) -> list[Group]:
    """Groups of what can be compared, each with its best entry first."""
    groups: dict[tuple[Any, ...], list[Measured]] = {}
    for one in measured:
        groups.setdefault(tuple(key_of(one.evaluation).items()), []).append(one)
    return [_ranked(dict(key), members) for key, members in groups.items()]


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
    value, error = entry.mean(name), entry.error(name)
    text = f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return text if error is None else f"{text} ± {error:.2g}"


def _behind(behind: Difference | None) -> str:
    if behind is None:
        return ""
    mark = "*" if behind.how == "unpaired" else ""
    return f"{behind.value:,.3g} ± {behind.standard_error:.2g}{mark}"
