"""The base of every config: frozen, unknown keys refused; YAML in and out; dotted overrides."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from vaelab.errors import BadValueError, near
from vaelab.yamlfile import parse_yaml, quoted

C = TypeVar("C", bound="Config")
MAX_DEPTH = 3
"""Of keys in keys that a misspelled one is looked for in."""
MAX_SHOWN_FAULTS = 20
"""Problems of a config that an error tells."""
PLUGIN = "name the code that defines it: --plugin FILE"
NO_KEYS = ("function-", "constrained-", "literal[", "tuple[")
"""How what pydantic calls the ways to read a value begins."""
WANTED = ": input should be "
OF_OBJECTS = frozenset({"given", "arrays", "float"})
"""Kinds as which a config writes down what was given in Python, and that nobody chooses."""


class Config(BaseModel):
    """A choice of settings: immutable, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    example: ClassVar[Mapping[str, Any]] = {}
    """What a config that shows it has to say, where its defaults alone make none."""

    @classmethod
    def variants(cls) -> "list[type[Config]]":
        """The configs that may stand where this class is written."""
        return [cls]

    @model_validator(mode="before")
    @classmethod
    def _default_kinds(cls, data: Any) -> Any:
        """A section without a `kind` is of the kind that it has by default."""
        if not isinstance(data, dict):
            return data
        filled = dict(data)
        for name, field in cls.model_fields.items():
            kind = getattr(field.default, "kind", None)
            if kind and isinstance(value := data.get(name), dict) and "kind" not in value:
                filled[name] = {"kind": kind, **value}
        return filled


def to_yaml(config: Config) -> str:
    """The config as YAML, every default present."""
    plain = config.model_dump(mode="json")
    return yaml.safe_dump(plain, sort_keys=False, default_flow_style=None, width=100)


def override(
    cls: "type[Config]", data: dict[str, Any], assignments: Sequence[str]
) -> dict[str, Any]:
    """Apply dotted assignments such as `model.latent=4` to a copy of parsed YAML.

    They hold in their order, but for another `kind`: it comes before what is set beside and below
    it, and starts from its own defaults, whatever the kind before it was set to.
    """
    result: dict[str, Any] = _copy(data)
    parsed: list[tuple[list[str], Any, str]] = []
    for one in (_parse_assignment(assignment, cls) for assignment in assignments):
        parsed.insert(_place(one[0], [keys for keys, _, _ in parsed]), one)
    for keys, value, assignment in parsed:
        _assign(result, keys, value, assignment, cls)
    return result


def validate(cls: type[C], data: Any, source: str, assignments: Sequence[str] = ()) -> C:
    """Check parsed YAML against a config class; `source` and overrides are named in its errors.

    Of these it has the first ones, one a line, in the user's spelling.
    """
    try:
        return cls.model_validate(data)
    except ValidationError as error:
        every = error.errors(include_url=False)
        problems = [one for one in every if not _follows(one, every)]
        faults = _merged(_problem(cls, one) for one in problems[:MAX_SHOWN_FAULTS])
        if source.startswith("vaelab."):
            python = "import the code that defines it"
            faults = [(words.replace(PLUGIN, python), path) for words, path in faults]
        typed = [assigned(path, assignments) for _, path in faults]
        lines = [
            words if one is None else f"the override `{quoted(one)}`: {words}"
            for one, (words, _) in zip(typed, faults, strict=True)
        ]
        if len(problems) > MAX_SHOWN_FAULTS:
            lines.append(f"and {len(problems) - MAX_SHOWN_FAULTS:,} more")
        raise BadValueError(("" if all(typed) else f"{source}: ") + "\n".join(lines)) from error


def _follows(problem: ErrorDetails, every: Sequence[ErrorDetails]) -> bool:
    """Whether a list is only too short because what is in it is wrong."""
    place = problem["loc"]
    inside = (one for one in every if one["loc"][: len(place)] == place and one is not problem)
    return problem["type"] == "too_short" and any(inside)


def _merged(faults: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Faults without repetitions; what a value might have been instead is one of them."""
    merged: dict[str, list[str]] = {}
    for words, path in faults:
        head, wanted, rest = words.partition(WANTED)
        before = merged.setdefault(path, [])
        if wanted and before and before[-1].startswith(head + WANTED):
            known, got, value = before[-1].rpartition(", got ")
            before[-1] = f"{known}, or {rest.rpartition(', got ')[0]}{got}{value}"
        elif words not in before:
            before.append(words)
    return [(words, path) for path, several in merged.items() for words in several]


def assigned(path: str, assignments: Sequence[str]) -> str | None:
    """The override that has set a key, or something in it or around it."""
    for assignment in assignments:
        key = assignment.partition("=")[0].strip()
        if path and (f"{path}.".startswith(f"{key}.") or f"{key}.".startswith(f"{path}.")):
            return assignment
    return None


def takes_integers(cls: type[Config], key: str) -> bool:
    """Whether a dotted key takes whole numbers and no others."""
    *path, last = key.split(".")
    fields = _fields(_classes_at(cls, path), last)
    types = [leaf for field in fields for leaf in _leaves(field.annotation)]
    return any(leaf is int for leaf in types) and not any(leaf is float for leaf in types)


def _leaves(annotation: Any) -> list[Any]:
    inner = get_args(annotation)
    return [leaf for one in inner for leaf in _leaves(one)] if inner else [annotation]


def _copy(data: Any) -> Any:
    return {key: _copy(value) for key, value in data.items()} if isinstance(data, dict) else data


def _parse_assignment(assignment: str, cls: type[Config]) -> tuple[list[str], Any, str]:
    path, equals, text = assignment.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise BadValueError(
            f"`{quoted(assignment)}` is not an override; write key=value, e.g. model.latent=4"
        )
    value = parse_yaml(text, f"the override {quoted(assignment)}")
    if isinstance(value, str) and any(_tag(c) for c in _classes_at(cls, keys)):
        keys.append("kind")  # likelihood=bernoulli is likelihood.kind=bernoulli
    return keys, value, assignment


def _place(keys: list[str], before: list[list[str]]) -> int:
    """Where an assignment goes among those before it."""
    *parent, last = keys
    for place, other in enumerate(before):
        if last == "kind" and len(other) > len(parent) and other != keys:
            if other[: len(parent)] == parent:
                return place
    return len(before)


def _assign(
    data: dict[str, Any], keys: list[str], value: Any, assignment: str, cls: type[Config]
) -> None:
    classes: list[type[Config]] = [cls]
    kind: str | None = None  # of the section, its default where it says none
    for depth, key in enumerate(keys[:-1], 1):
        fields = _fields(classes, key)
        found = [one for field in fields for one in configs_in(field.annotation)]
        kind = next((getattr(field.default, "kind", None) for field in fields), None)
        inner = data.get(key)
        whole = keys[depth:] == ["kind"]  # takes the place of a number too, such as a constant beta
        if isinstance(inner, str) and any(_tag(c) for c in found):
            inner = data[key] = {"kind": inner}
        elif inner is None:
            inner = data[key] = {}
        elif whole and not isinstance(inner, dict):
            inner = data[key] = {"kind": None}
        if not isinstance(inner, dict):
            raise BadValueError(
                f"the override `{quoted(assignment)}` goes through "
                f"`{quoted('.'.join(keys[:depth]))}`, which is {quoted(repr(inner))} "
                "and has no keys"
            )
        data = inner
        kind = data.get("kind", kind)
        classes = [c for c in found if _tag(c) in (None, kind)] or found
    if keys[-1] == "kind" and value != kind:
        data.clear()
    data[keys[-1]] = value


def _classes_at(cls: type[Config], keys: list[str]) -> list[type[Config]]:
    """The configs that may stand at a dotted path."""
    classes = [cls]
    for key in keys:
        fields = _fields(classes, key)
        classes = [found for field in fields for found in configs_in(field.annotation)]
    return classes


def _fields(classes: Iterable[type[Config]], key: str) -> list[FieldInfo]:
    return [c.model_fields[key] for c in classes if key in c.model_fields]


def _problem(cls: type[Config], details: ErrorDetails) -> tuple[str, str]:
    """What is wrong, and with which dotted key."""
    # a discriminated union puts the chosen kind into the path; the user never wrote it there
    location = [quoted(str(part)) for part in details["loc"]]
    path, known = _spelling(cls, location)
    if details["type"] == "extra_forbidden":
        hint = _meant(cls, path, known) or f"the keys here are {', '.join(known)}"
        return f"unknown key `{path}`; {hint}", path
    if details["type"] == "union_tag_invalid":
        context = details["ctx"]
        tags = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
        expected = [tag for tag in tags if tag not in OF_OBJECTS]
        tag = quoted(str(context["tag"]))
        return (
            f"`{path}.kind` is `{tag}`, which does not exist; {near(tag, expected)}choose one of "
            f"{', '.join(expected)}, or {PLUGIN}"
        ), path
    if details["type"] == "union_tag_not_found":
        return f"`{path}` needs a `kind`, e.g. `{path}: {{kind: ...}}`; see `vaelab kinds`", path
    if details["type"] == "missing":
        return f"the key `{path}` is missing", path
    message = details["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message[:1].lower() + message[1:]
    got = "" if details["type"] == "value_error" else f", got {quoted(repr(details['input']))}"
    return f"`{path}`: {message}{got}" if path else message, path


def _meant(cls: type[Config], path: str, known: Iterable[str]) -> str:
    """A question with the dotted key that the user may have meant by an unknown one, or nothing."""
    *parent, last = path.split(".")
    everywhere = sorted(dict.fromkeys(_dotted(cls, MAX_DEPTH)), key=lambda key: key.count("."))
    if path in everywhere:  # a key of another kind
        return ""
    if same := [key for key in everywhere if key.rpartition(".")[2] == last]:
        return f"did you mean `{same[0]}`?"
    beside = [".".join([*parent, name]) for name in known]
    return (near(path, beside) or near(path, everywhere)).rstrip()


def _dotted(cls: type[Config], depth: int) -> Iterator[str]:
    """The keys in a config and in all that it may hold, nearest first."""
    yield from cls.model_fields
    for name, field in cls.model_fields.items() if depth else ():
        for inner in configs_in(field.annotation):
            yield from (f"{name}.{key}" for key in _dotted(inner, depth - 1))


def _spelling(cls: type[Config], location: list[str]) -> tuple[str, list[str]]:
    """The dotted path as a user writes it, and the keys known where it ends."""
    written: list[str] = []
    classes: list[type[Config]] = [cls]
    for part in location:
        fields = {name: f for c in classes for name, f in c.model_fields.items()}
        if part in fields:
            written.append(part)
            classes = configs_in(fields[part].annotation)
            continue
        chosen = [c for c in classes if _tag(c) == part]
        if chosen:
            classes = chosen
        elif part.isdigit():
            written.append(part)
        elif part == location[-1] and not part.startswith(NO_KEYS):
            written.append(part)
    known = [name for c in classes for name in c.model_fields]
    return ".".join(written), list(dict.fromkeys(known))


def _tag(cls: type[Config]) -> str | None:
    field = cls.model_fields.get("kind")
    return str(field.default) if field else None


def configs_in(annotation: Any) -> list[type[Config]]:
    """The configs that a field of this type may hold."""
    if isinstance(annotation, type) and issubclass(annotation, Config):
        return annotation.variants()
    return [found for inner in get_args(annotation) for found in configs_in(inner)]
