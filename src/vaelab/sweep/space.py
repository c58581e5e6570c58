"""What is swept: keys with listed values or ranges, and the settings they span."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import exp, inf, isfinite, log, prod
from random import Random
from typing import Any

from vaelab.config import takes_integers
from vaelab.errors import BadValueError
from vaelab.experiment import Experiment
from vaelab.yamlfile import parse_yaml

SEED = "training.seed"
RANGE = re.compile(r"([\w.+-]*?)\.\.([\w.+-]*?)(?::(\w*))?")
FORM = "write key=v1,v2,... or key=LOW..HIGH or key=LOW..HIGH:log, e.g. objective.beta=0.5,1,2"
LONGEST_VALUE = 24

Value = str | int | float | bool | None
Setting = Mapping[str, Value]
"""A value for each swept key but the seed."""
Key = tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Listed:
    """A key and the values it takes; what is no single number, word or null stays YAML text."""

    key: str
    values: tuple[Value, ...]

    @property
    def ends(self) -> tuple[Value, ...]:
        """Values that have to be right if all are."""
        return self.values

    @property
    def count(self) -> int:
        """Values."""
        return len(self.values)

    def draw(self, random: Random) -> Value:
        """One of them."""
        return random.choice(self.values)


@dataclass(frozen=True)
class Range:
    """A key and the numbers it takes, both ends among them; `log`: evenly in their logarithm."""

    key: str
    low: float
    high: float
    log: bool
    integer: bool

    @property
    def ends(self) -> tuple[Value, ...]:
        """Values that have to be right if all are."""
        middle = (self.low * self.high) ** 0.5 if self.log else (self.low + self.high) / 2
        numbers = (self.low, middle, self.high)
        return tuple(dict.fromkeys(round(n) if self.integer else n for n in numbers))

    @property
    def count(self) -> float:
        """Values; infinitely many unless they are whole numbers."""
        return int(self.high - self.low) + 1 if self.integer else inf

    def draw(self, random: Random) -> Value:
        """One of them."""
        half = 0.5 if self.integer else 0.0  # so that the ends are as likely as the others
        ends = self.low - half, self.high + half
        number = exp(random.uniform(*map(log, ends))) if self.log else random.uniform(*ends)
        number = min(max(number, self.low), self.high)
        return round(number) if self.integer else number


@dataclass(frozen=True)
class Space:
    """What is swept.

    Attributes:
        dimensions: the keys but the seed, in the order they were given.
        seeds: each setting is trained with every one of them; none: with the config's.
    """

    dimensions: tuple[Listed | Range, ...]
    seeds: tuple[int, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Of the dimensions."""
        return tuple(dimension.key for dimension in self.dimensions)

    @property
    def repeats(self) -> int:
        """Trials of each setting."""
        return max(1, len(self.seeds))

    @property
    def size(self) -> int:
        """Trials of the grid."""
        listed = [one for one in self.dimensions if isinstance(one, Listed)]
        return prod(len(one.values) for one in listed) * self.repeats

    @property
    def count(self) -> float:
        """Settings, infinitely many where a range is of real numbers."""
        return prod(one.count for one in self.dimensions)

    def draw(self, random: Random, known: Collection[Key]) -> Setting:
        """A setting that is not known, unless all are."""
        while True:
            setting = {one.key: one.draw(random) for one in self.dimensions}
            if key_of(setting) not in known or len(known) >= self.count:
                return setting

    def grid(self) -> Iterator[Setting]:
        """Every combination of the listed values."""
        listed = [one for one in self.dimensions if isinstance(one, Listed)]
        for values in product(*(one.values for one in listed)):
            yield dict(zip((one.key for one in listed), values, strict=True))

    def samples(self) -> Iterator[tuple[str, Setting]]:
        """Settings that show whether every key and value can be used, and which one is at stake."""
        first: dict[str, Value] = {one.key: one.ends[0] for one in self.dimensions}
        for dimension in self.dimensions:
            for value in dimension.ends:
                yield assignment(dimension.key, value), {**first, dimension.key: value}

    def name(self, setting: Setting, seed: int | None) -> str:
        """A folder's name that says the setting, e.g. `beta2_seed0`."""
        words = [f"{self.short(key)}{_plain(value)}" for key, value in setting.items()]
        words += [] if seed is None else [f"seed{seed}"]
        return "_".join(words)[:120]

    def short(self, key: str) -> str:
        """The last part of a key, or as many as tell it from the other keys."""
        parts = key.split(".")
        for count in range(1, len(parts)):
            tail = ".".join(parts[-count:])
            if sum(f".{other}".endswith(f".{tail}") for other in self.keys) == 1:
                return tail
        return key


def read_space(words: Sequence[str]) -> tuple[Space, list[str]]:
    """What is swept, and the overrides among the words, which have one value.

    Raises:
        BadValueError: a word is neither, a range is empty, or nothing is swept.
    """
    dimensions: list[Listed | Range] = []
    fixed: list[str] = []
    for word in words:
        key, equals, text = word.partition("=")
        key = key.strip()
        if not equals or not key:
            raise BadValueError(f"`{word}` says nothing to sweep; {FORM}")
        if key in [one.key for one in dimensions]:
            raise BadValueError(f"`{key}` is swept twice; give all its values at once")
        if match := RANGE.fullmatch(text.strip()) if text.strip() != ".." else None:
            dimensions.append(_range(word, key, *match.groups()))
        elif len(texts := split(text)) > 1:
            dimensions.append(_listed(word, key, texts))
        elif not text.strip():
            raise BadValueError(f"`{word}` has no value; {FORM}")
        else:
            fixed.append(word)
    for word in fixed:
        if (key := word.partition("=")[0].strip()) in [one.key for one in dimensions]:
            raise BadValueError(f"`{key}` is swept, and `{word}` gives it one value; leave one out")
    if not dimensions:
        raise BadValueError(f"nothing is swept: no key has several values; {FORM}")
    seeds = next((one for one in dimensions if one.key == SEED), None)
    rest = tuple(one for one in dimensions if one.key != SEED)
    return Space(rest, _seeds(seeds)), fixed


def key_of(setting: Setting) -> Key:
    """The setting as something that can be looked up."""
    return tuple(sorted(setting.items(), key=lambda item: item[0]))


def split(text: str) -> list[str]:
    """Values between commas, except those inside brackets, braces or quotes."""
    values, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "[]{}":
            depth += 1 if letter in "[{" else -1
        elif letter == "," and depth == 0:
            values.append("")
            continue
        values[-1] += letter
    return [value.strip() for value in values]


def assignment(key: str, value: Value) -> str:
    """The override that gives a key its value."""
    return f"{key}={written(value)}"


def written(value: Value) -> str:
    """A value as YAML."""
    return value if isinstance(value, str) else json.dumps(value)


def _listed(word: str, key: str, texts: Sequence[str]) -> Listed:
    if not all(texts):
        raise BadValueError(f"`{word}` has an empty value between its commas; {FORM}")
    values: list[Value] = []
    for text in texts:
        value: Any = parse_yaml(text, f"the sweep's {word}")
        number = isinstance(value, int | float) and isfinite(value)
        value = value if number or value is None else text
        if value in values:
            raise BadValueError(f"`{word}` has the value {text} twice; give each once")
        values.append(value)
    return Listed(key, tuple(values))


def _range(word: str, key: str, low: str, high: str, scale: str | None) -> Range:
    if scale not in (None, "log"):
        raise BadValueError(f"`{word}`: a range may end in :log, and in nothing else; {FORM}")
    ends = [_number(word, key, text) for text in (low, high)]
    integer = takes_integers(Experiment, key)
    if integer and not all(end.is_integer() for end in ends):
        raise BadValueError(f"`{word}`: `{key}` takes whole numbers, so its ends have to be such")
    if ends[0] >= ends[1]:
        raise BadValueError(
            f"`{word}` is an empty range: LOW has to be smaller than HIGH, "
            f"but {low} is not smaller than {high}"
        )
    if scale and ends[0] <= 0:
        raise BadValueError(
            f"`{word}`: a logarithm needs numbers above 0, but the range begins at {low}; "
            "begin above 0, or leave :log out"
        )
    return Range(key, ends[0], ends[1], scale == "log", integer)


def _number(word: str, key: str, text: str) -> float:
    if not text:
        raise BadValueError(f"`{word}` is a range without one of its ends; {FORM}")
    value = parse_yaml(text, f"the sweep's {word}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise BadValueError(
            f"`{word}`: a range is of numbers, and {text} is none; list values of other kinds, "
            f"e.g. {key}=a,b"
        )
    return float(value)


def _seeds(dimension: Listed | Range | None) -> tuple[int, ...]:
    if dimension is None:
        return ()
    if isinstance(dimension, Range):
        raise BadValueError(f"seeds are listed, not searched: {SEED}=0,1,2")
    wrong = [one for one in dimension.values if isinstance(one, bool) or not isinstance(one, int)]
    if wrong:
        raise BadValueError(f"`{SEED}` takes whole numbers, got {written(wrong[0])}")
    return tuple(int(one) for one in dimension.values if isinstance(one, int))


def _plain(value: Value) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else written(value)
    return re.sub(r"[^\w.+-]+", "-", text).strip("-")[:LONGEST_VALUE]
