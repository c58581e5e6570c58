"""What is known of a kind, read off its config class: docstring, keys and defaults.

The docstring's first line says what the kind is; an indented paragraph is its formula; from
"Use it" to the end of a paragraph is when to use it; `"Title" (Authors, year, eq. n, arXiv id)`
is where it comes from; the rest are details.
"""

import re
from dataclasses import dataclass
from inspect import cleandoc
from textwrap import dedent
from typing import Any

import yaml
from pydantic.fields import FieldInfo

from vaelab.config import Config
from vaelab.kinds.axes import AXES
from vaelab.kinds.example import example
from vaelab.registry import Axis
from vaelab.schedules import ConstantSchedule

CITATION = re.compile(
    r'"[^"]+" \((?P<authors>[^()]*?), (?P<year>(?:19|20)\d\d)\b[^()]*\)'
    r'(?:,[^;"]*?(?:arXiv|doi) [\w./]*\w)?'
)
SHORT_CITATION = r"\g<authors> (\g<year>)"
SOURCES = re.compile(r"([^.;:=()]+: )?\0(; ([^.;:=()]+: )?\0)*\.")  # a citation being a \0
BETWEEN_SENTENCES = re.compile(
    r'(?<=\.)(?<!\beq\.)(?<!\bal\.)(?<!\bfig\.)(?<!e\.g\.)(?<!i\.e\.)\s+(?=[\w"`(])'
)
ADVICE = "Use it "


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
        axis: that it is on.
        name: what `kind` says in the YAML.
        sentence: what it is.
        formula: lines that are indented in its docstring; empty where there are none.
        details: what else its docstring says.
        advice: when to use it, from "Use it" to the paragraph's end.
        reference: the papers its docstring cites; empty where there is none.
        keys: its settings besides `kind`.
        example: a config that has it.
    """

    axis: Axis
    name: str
    sentence: str
    formula: str
    details: str
    advice: str
    reference: str
    keys: tuple[Key, ...]
    example: str


def kinds() -> list[Kind]:
    """Every kind of every axis."""
    return [describe(axis, cls) for axis in AXES for cls in axis.kinds.values()]


def describe(axis: Axis, cls: type[Config]) -> Kind:
    """What a config class says about itself."""
    first, *rest = cleandoc(cls.__doc__ or "").split("\n\n")
    formulas = [dedent(paragraph) for paragraph in rest if paragraph.startswith("    ")]
    texts = [_one_line(paragraph) for paragraph in rest if not paragraph.startswith("    ")]
    prose: list[str] = []
    advice: list[str] = []
    sources: list[str] = []
    for text in texts:
        part = prose
        for sentence in BETWEEN_SENTENCES.split(text):
            part = advice if sentence.startswith(ADVICE) else part  # to the paragraph's end
            (sources if _is_sources(sentence) else part).append(sentence)
    fields = {name: field for name, field in cls.model_fields.items() if name != "kind"}
    return Kind(
        axis,
        str(cls.model_fields["kind"].default),
        _one_line(first),
        "\n".join(formulas),
        CITATION.sub(SHORT_CITATION, " ".join(prose)),
        CITATION.sub(SHORT_CITATION, " ".join(advice)),
        "; ".join(
            [*_citations(prose + advice), *(sentence.removesuffix(".") for sentence in sources)]
        ),
        tuple(_key(name, field) for name, field in fields.items()),
        example(axis, cls),
    )


def _is_sources(sentence: str) -> bool:
    """Whether it is nothing but citations, each perhaps after what it is the source of."""
    return SOURCES.fullmatch(CITATION.sub("\0", sentence)) is not None


def _citations(sentences: list[str]) -> list[str]:
    return [match.group() for sentence in sentences for match in CITATION.finditer(sentence)]


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
