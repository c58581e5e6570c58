"""What is swept: keys with listed values or ranges, and the settings they span."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import exp, inf, isfinite, log, prod
from random import Random
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from vaelab.config import takes_integers
from vaelab.errors import BadValueError
from vaelab.experiment import Experiment
from vaelab.yamlfile import parse_yaml

SEED = "training.seed"
RANGE = re.compile(r"([\w.+-]*?)\.\.([\w.+-]*?)(?::(\w*))?")
FORM = "write key=v1,v2,... or key=LOW..HIGH or key=LOW..HIGH:log, e.g. objective.beta=0.5,1,2"
MAX_VALUE_LETTERS = 24

Value = str | int | float | bool | None
"""What is no single number, word or null stays YAML text."""
Range = IntDistribution | FloatDistribution
"""Both ends are among its numbers; `log`: evenly in their logarithm."""
Dimension = CategoricalDistribution | Range
Setting = Mapping[str, Value]
"""A value for each swept key but the seed."""
Key = tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Space:
    """What is swept, in the order it was given, and seeds to train each setting with."""

    dimensions: Mapping[str, Dimension]
    seeds: tuple[int | None, ...]
    """None is the config's."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Of the dimensions."""
        return tuple(self.dimensions)

    @property
    def repeats(self) -> int:
        """Trials of each setting."""
        return len(self.seeds)

    @property
    def size(self) -> int:
        """Trials of the grid."""
        return prod(map(len, self._choices.values())) * self.repeats

    @property
    def count(self) -> float:
        """Settings, infinitely many where a range is of real numbers."""
        return prod(map(_count, self.dimensions.values()))

    @property
    def _choices(self) -> dict[str, tuple[Value, ...]]:
        listed = self.dimensions.items()
        return {key: one.choices for key, one in listed if isinstance(one, CategoricalDistribution)}

    def draw(self, random: Random, known: Collection[Key]) -> Setting:
        """A setting that is not known, unless all are."""
        while True:
            setting = {key: _draw(one, random) for key, one in self.dimensions.items()}
            if key_of(setting) not in known or len(known) >= self.count:
                return setting

    def grid(self) -> Iterator[Setting]:
        """Every combination of the listed values."""
        for values in product(*self._choices.values()):
            yield dict(zip(self._choices, values, strict=True))

    def samples(self) -> Iterator[tuple[str, Setting]]:
        """Settings that show whether every key and value can be used, and which one is at stake.

        Where the seed alone is swept it is the only one, and nothing.
        """
        if not self.dimensions:
            yield "", {}
        every = {key: ends(one) for key, one in self.dimensions.items()}
        first = {key: values[0] for key, values in every.items()}
        for key, values in every.items():
            for value in values:
                yield assignment(key, value), {**first, key: value}

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


def ends(dimension: Dimension) -> tuple[Value, ...]:
    """Values that have to be right if all are."""
    if isinstance(dimension, CategoricalDistribution):
        return dimension.choices
    low, high = dimension.low, dimension.high
    middle = (low * high) ** 0.5 if dimension.log else (low + high) / 2
    return tuple(dict.fromkeys(as_number(dimension, one) for one in (low, middle, high)))


def as_number(dimension: Range, number: float) -> int | float:
    """A whole number where the range is of such."""
    return round(number) if isinstance(dimension, IntDistribution) else float(number)


def _count(dimension: Dimension) -> float:
    """How many values it has; infinitely many unless they are whole numbers or listed."""
    if isinstance(dimension, CategoricalDistribution):
        return len(dimension.choices)
    return dimension.high - dimension.low + 1 if isinstance(dimension, IntDistribution) else inf


def _draw(dimension: Dimension, random: Random) -> Value:
    if isinstance(dimension, CategoricalDistribution):
        return random.choice(dimension.choices)
    low, high = float(dimension.low), float(dimension.high)
    half = 0.5 if isinstance(dimension, IntDistribution) else 0.0  # so that ends are as likely
    outer = low - half, high + half
    number = exp(random.uniform(*map(log, outer))) if dimension.log else random.uniform(*outer)
    return as_number(dimension, min(max(number, low), high))


def read_space(words: Sequence[str]) -> tuple[Space, list[str]]:
    """What is swept, and the overrides among the words, which have one value."""
    dimensions: dict[str, Dimension] = {}
    fixed: list[str] = []
    for word in words:
        key, equals, text = word.partition("=")
        key = key.strip()
        if not equals or not key:
            raise BadValueError(f"`{word}` says nothing to sweep; {FORM}")
        if key in dimensions:
            raise BadValueError(f"`{key}` is swept twice; give all its values at once")
        if match := RANGE.fullmatch(text.strip()) if text.strip() != ".." else None:
            dimensions[key] = _range(word, key, *match.groups())
        elif len(texts := split(text)) > 1:
            dimensions[key] = _listed(word, texts)
        elif not text.strip():
            raise BadValueError(f"`{word}` has no value; {FORM}")
        else:
            fixed.append(word)
    for word in fixed:
        if (key := word.partition("=")[0].strip()) in dimensions:
            raise BadValueError(f"`{key}` is swept, and `{word}` gives it one value; leave one out")
    if not dimensions:
        raise BadValueError(f"nothing is swept: no key has several values; {FORM}")
    return Space(dimensions, _seeds(dimensions.pop(SEED, None))), fixed


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


def words(value: Value) -> str:
    """A swept value for people."""
    return f"{value:.3g}" if isinstance(value, float) else written(value)


def _listed(word: str, texts: Sequence[str]) -> CategoricalDistribution:
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
    return CategoricalDistribution(values)


def _range(word: str, key: str, low: str, high: str, scale: str | None) -> Range:
    if scale not in (None, "log"):
        raise BadValueError(f"`{word}`: a range may end in :log, and in nothing else; {FORM}")
    first, last = _number(word, key, low), _number(word, key, high)
    integer = takes_integers(Experiment, key)
    if integer and not (first.is_integer() and last.is_integer()):
        raise BadValueError(f"`{word}`: `{key}` takes whole numbers, so its ends have to be such")
    if first >= last:
        raise BadValueError(
            f"`{word}` is an empty range: LOW has to be smaller than HIGH, "
            f"but {low} is not smaller than {high}"
        )
    if scale and first <= 0:
        raise BadValueError(
            f"`{word}`: a logarithm needs numbers above 0, but the range begins at {low}; "
            "begin above 0, or leave :log out"
        )
    if integer:
        return IntDistribution(int(first), int(last), log=scale == "log")
    return FloatDistribution(first, last, log=scale == "log")


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


def _seeds(dimension: Dimension | None) -> tuple[int | None, ...]:
    if dimension is None:
        return (None,)
    if isinstance(dimension, Range):
        raise BadValueError(f"seeds are listed, not searched: {SEED}=0,1,2")
    seeds = []
    for value in dimension.choices:
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadValueError(f"`{SEED}` takes whole numbers, got {written(value)}")
        seeds.append(value)
    return tuple(seeds)


def _plain(value: Value) -> str:
    return re.sub(r"[^\w.+-]+", "-", words(value)).strip("-")[:MAX_VALUE_LETTERS]
