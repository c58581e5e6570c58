"""The kinds of every axis: a kind is registered by being defined.

An axis is a choice, such as the prior; its base class says what every kind of it promises. A
concrete subclass with a `kind` of its own is one more that a YAML file, an override or Python can
name, wherever its class statement stands: in the package, in a plugin, or in a notebook.
"""

import ast
from abc import ABC
from dataclasses import dataclass, field
from functools import cache
from inspect import cleandoc, getsource, isabstract
from itertools import pairwise
from textwrap import dedent, indent
from typing import Any, ClassVar

from pydantic import GetCoreSchemaHandler, GetPydanticSchema
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from vaelab.config import OF_OBJECTS, Config
from vaelab.errors import BadValueError


@dataclass(eq=False)
class Axis:
    """A choice.

    Attributes:
        name: of the axis.
        place: the key of a config that makes the choice; several, where there are several.
        about: what the axis is, in a sentence.
        several: whether the place has a list of them.
        kinds: the classes to choose from, by name, in alphabetical order.
        objects: those as which a config writes down what was given in Python.
    """

    name: str
    place: str
    about: str
    several: bool = False
    kinds: dict[str, type["Kind"]] = field(default_factory=dict)
    objects: dict[str, type["Kind"]] = field(default_factory=dict)
    _validator: SchemaValidator | None = None

    def register(self, cls: type["Kind"], name: str) -> None:
        """Add a kind, or put one in place of itself, as a notebook does whose cell runs again."""
        where = f"{cls.__module__}.{cls.__qualname__}"
        if not (cls.__dict__.get("__doc__") or "").strip():
            raise BadValueError(
                f"{where}: the kind `{name}` of the axis {self.name} has no docstring; its first "
                "line says what it is, in `vaelab kinds` and in editors"
            )
        other = {**self.kinds, **self.objects}.get(name)
        if other and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise BadValueError(
                f"{where}: the axis {self.name} has a kind `{name}` already "
                f"({other.__module__}.{other.__qualname__}); give it another name"
            )
        if name not in OF_OBJECTS:
            self.kinds = dict(sorted({**self.kinds, name: cls}.items()))
        else:
            self.objects = {**self.objects, name: cls}
        self._validator = None

    def validate(self, value: Any) -> "Kind":
        """One of the kinds that are defined by now, told apart by `kind`, or the name of one.

        Raises:
            ValidationError: it is none.
        """
        if self._validator is None:
            every = {**self.kinds, **self.objects}
            choices = {name: cls.__pydantic_core_schema__ for name, cls in every.items()}
            union = core_schema.tagged_union_schema(choices, discriminator="kind")
            self._validator = SchemaValidator(union)
        given = {"kind": value} if isinstance(value, str) else value
        kind: Kind = self._validator.validate_python(given)
        return kind


class Kind(Config, ABC):
    """A choice on an axis, told apart from the others by `kind`."""

    axis: ClassVar[Axis]
    formula: ClassVar[str] = ""
    """What it computes, in lines of plain text."""
    advice: ClassVar[str] = ""
    """When to use it."""
    references: ClassVar[str] = ""
    """Where it comes from, with semicolons between: "Title" (Authors, year, eq. n, arXiv id)."""
    facts: ClassVar[frozenset[str]] = frozenset()
    """What is known of it, where kinds of another axis need to know."""

    kind: str

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Register it, unless it is abstract."""
        super().__pydantic_init_subclass__(**kwargs)
        name = cls.model_fields["kind"].default
        if isinstance(name, str) and not isabstract(cls):
            cls.axis.register(cls, name)

    @classmethod
    def variants(cls) -> list[type[Config]]:
        """The kinds that may stand where the base of an axis is written; else the class itself."""
        every = {**cls.axis.kinds, **cls.axis.objects} if "axis" in cls.__dict__ else {"": cls}
        return list(every.values())


@dataclass(frozen=True)
class About:
    """What a kind says of itself: a sentence, its formula, details, when to use it, its papers."""

    sentence: str
    formula: str
    details: str
    advice: str
    references: str

    @classmethod
    def of(cls, kind: type[Kind]) -> "About":
        """From a class's docstring and its own attributes, not those of a kind it derives from."""
        own = {
            name: cleandoc(str(vars(kind).get(name, "")))
            for name in ("formula", "advice", "references")
        }
        sentence, *details = cleandoc(vars(kind).get("__doc__") or "").split("\n\n")
        return cls(
            one_line(sentence), own["formula"], one_line(" ".join(details)),
            one_line(own["advice"]), one_line(own["references"]),
        )  # fmt: skip

    def __str__(self) -> str:
        """All of it, for an editor."""
        formula = indent(self.formula, "    ")
        parts = (self.sentence, formula, self.details, self.advice, self.references)
        return "\n\n".join(part for part in parts if part)


def one_line(text: str) -> str:
    """Text without line breaks."""
    return " ".join(text.split())


def _one_of(source: type[Kind], handler: GetCoreSchemaHandler) -> CoreSchema:
    return core_schema.no_info_plain_validator_function(source.axis.validate)


ONE_OF = GetPydanticSchema(_one_of)
"""In `Annotated[Base, ONE_OF]`: any kind of the base's axis."""


def descriptions(cls: type[Config]) -> dict[str, str]:
    """What the docstring below each field says; nothing where there is no source to read.

    Read only where it is shown: pydantic's `use_attribute_docstrings` reads the source of every
    config at every start, a third of a second.
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, Config):
            found |= _attribute_docstrings(base)
    return {name: found[name] for name in cls.model_fields if name in found}


@cache
def _attribute_docstrings(cls: type) -> dict[str, str]:
    """The strings that follow what a class annotates."""
    try:
        (definition,) = ast.parse(dedent(getsource(cls))).body
    except (OSError, TypeError, SyntaxError):
        return {}
    found: dict[str, str] = {}
    for pair in pairwise(definition.body if isinstance(definition, ast.ClassDef) else ()):
        match pair:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = cleandoc(text)
    return found
