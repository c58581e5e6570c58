"""Swept values in pictures: those that are long are cut down to what tells them apart."""

from collections.abc import Sequence

from vaelab.sweep.results import words
from vaelab.sweep.space import Listed, Setting, Space, Value, split

LONGEST = 24
"""Characters of a label."""


class Labels:
    """The labels of a sweep's values.

    Args:
        space: what is swept.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._labels = {
            one.key: dict(
                zip(one.values, labels([words(value) for value in one.values]), strict=True)
            )
            for one in space.dimensions
            if isinstance(one, Listed)
        }

    def of(self, key: str, value: Value) -> str:
        """The label of a key's value."""
        return self._labels.get(key, {}).get(value) or words(value)

    def setting(self, setting: Setting) -> str:
        """All values of a setting, with the names of their keys."""
        short = self._space.short
        return ", ".join(f"{short(key)} {self.of(key, setting[key])}" for key in self._space.keys)


def labels(texts: Sequence[str]) -> list[str]:
    """A label for each of different texts, no two alike.

    Where one is too long, the options that all with options have in common are left out.
    """
    if max(map(len, texts)) <= LONGEST:
        return list(texts)
    options = {text: split(text[1:-1]) for text in texts if text.startswith("{")}
    common = set.intersection(*map(set, options.values())) if len(options) > 1 else set()
    apart = [[one for one in options.get(text, ()) if one not in common] for text in texts]
    cut = [
        shortened(", ".join(own) or text, LONGEST) for own, text in zip(apart, texts, strict=True)
    ]
    if len(set(cut)) == len(cut):
        return cut
    return [f"{number}: {shortened(text, LONGEST - 5)}" for number, text in enumerate(cut, 1)]


def shortened(text: str, longest: int) -> str:
    """Its beginning, if it is longer than that."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
