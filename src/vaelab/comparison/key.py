"""What numbers have to have in common to be compared."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

KEY = {
    "images_checksum": "images", "split": "split", "images": "number of images",
    "pixels": "pixels", "measure": "kind of likelihood", "limit": "limit of the density",
    "conditional": "conditional on the class",
}  # fmt: skip
"""Names in evaluation.json, and what they are called."""
MEASURES = {"lebesgue": "density", "counting": "probability"}
UNSAID = "not said by an earlier version"
"""What was measured by a version that did not write it down compares with its like alone."""


def key_of(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """The part of evaluation.json that has to be equal, by the names of `KEY`.

    An earlier version knew its images by the checksum of all the data and its splits.
    """
    known = {
        "images_checksum": f"{evaluation['data_checksum'][:8]} of all data, {UNSAID}",
        "limit": UNSAID,
        **evaluation,
    }
    return {name: known[name] for name in KEY}


def key_words(key: Mapping[str, Any]) -> str:
    """What numbers have in common, for people."""
    limit = f" ({key['limit']})" if key["limit"] else ""
    conditional = ", given the class" if key["conditional"] else ""
    return (
        f"{key['images']:,} {key['split']} images {_short(key['images_checksum'])}, "
        f"{key['pixels']} pixels, {MEASURES[key['measure']]}{limit}{conditional}"
    )


def differences(keyed: Sequence[tuple[Mapping[str, Any], str]]) -> list[str]:
    """Why groups are not ranked together: what each has that others have not.

    Args:
        keyed: the key of each group, and the name of one of its runs.
    """
    lines = []
    for name, words in KEY.items():
        found = {str(key[name]): run for key, run in keyed}
        if len(found) > 1:
            listed = ", ".join(f"{_short(value)} ({run})" for value, run in found.items())
            lines.append(f"{words}: {listed}")
    if old := [run for key, run in keyed if UNSAID in _all(key.values())]:
        lines.append(f"`vaelab evaluate {old[0]}` says more of what {old[0]} was measured on")
    return lines


def _short(value: str) -> str:
    return MEASURES.get(value, value[:8] if len(value) == 64 else value) or "none"


def _all(values: Iterable[Any]) -> str:
    return " ".join(map(str, values))
