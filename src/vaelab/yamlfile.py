"""YAML read without trust: plain values alone, and no more of them than stand in the text."""

import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

from vaelab.errors import BadValueError, MissingFileError
from vaelab.files import read_bytes

MAX_YAML_BYTES = 2**24
DEEPEST = 50
"""Lists and mappings inside each other."""
REPEATED = 10_000
"""Values that aliases may stand for, all together."""
MAX_INTEGER = 2**1000
SHOWN = 200
"""Letters that a message quotes of a value."""
Base: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast
PLAIN = ("null", "bool", "int", "float", "str", "seq", "map")


class _Loader(Base):  # type: ignore[misc,valid-type]
    """Safe YAML that reads 1e-5 as a number, as YAML 1.2 does, and refuses a key given twice.

    Dates stay text, and what is no plain value (binary, sets, ...) is refused.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {
        letter: [one for one in resolvers if one[0].rpartition(":")[2] != "timestamp"]
        for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors: ClassVar[dict[str, Any]] = {
        tag: construct
        for tag, construct in dict[Any, Any](yaml.SafeLoader.yaml_constructors).items()
        if tag is None or tag.rpartition(":")[2] in PLAIN
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys all differ."""
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                raise _error("a key is a word or a number", key_node.start_mark)
            if key in seen:
                raise _error(f"the key `{quoted(key)}` stands twice", key_node.start_mark)
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """A whole number that can be printed."""
        number: int = super().construct_yaml_int(node)
        if abs(number) > MAX_INTEGER:
            raise _error("this number has more than 300 digits", node.start_mark)
        return number


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def parse_yaml(text: str, source: str) -> Any:
    """Parse YAML text safely."""
    try:
        _check(text)
        return yaml.load(text, Loader=_Loader)  # a SafeLoader: no tags, no objects
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{source}, line {mark.line + 1}, column {mark.column + 1}" if mark else source
        problem = getattr(error, "problem", None) or str(error)
        raise BadValueError(f"{where}: this is not valid YAML: {quoted(problem)}") from error
    # such as a date with a 99th of a month, digits that are none, half a letter
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError,
            ValueError) as error:  # fmt: skip
        problem = quoted(str(error) or type(error).__name__)
        raise BadValueError(f"{source}: this is not valid YAML: {problem}") from error


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Raises:
        MissingFileError: no such file.
        BadValueError: no ordinary file, not text, not YAML, or not a mapping.
        StorageError: it cannot be read.
    """
    try:
        text = read_bytes(path, MAX_YAML_BYTES, follow=True).decode()
    except MissingFileError as error:
        raise MissingFileError(f"there is no config file {path}") from error
    except UnicodeDecodeError as error:
        raise BadValueError(f"{path}: this is not a text file in UTF-8") from error
    data = parse_yaml(text, str(path))
    if not isinstance(data, dict):
        files = "" if path.suffix in {".yaml", ".yml"} else (
            "; what vaelab reads is such a YAML file, a folder of pictures, or a .npz, .npy or "
            ".csv file of images"
        )  # fmt: skip
        raise BadValueError(
            f"{path}: a config is a mapping of keys to values, got {type(data).__name__}{files}"
        )
    return data


def quoted(text: str) -> str:
    """What a message quotes, cut where it is long."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _check(text: str) -> None:
    """Refuse what unfolds into more than stands there, without unfolding it."""
    inside: list[tuple[str | None, int]] = []
    sizes: dict[str | None, int] = {}
    values = repeated = 0
    for event in yaml.parse(text, Loader=Base):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in {anchor for anchor, _ in inside}:
                raise _error("an alias inside what it stands for", event.start_mark)
            size = sizes.get(event.anchor, 0)
            values, repeated = values + size, repeated + size
            if repeated > REPEATED:
                raise _error(
                    f"its aliases stand for more than {REPEATED:,} values", event.start_mark
                )
        elif isinstance(event, yaml.ScalarEvent):
            values += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            values += 1
            inside.append((event.anchor, values - 1))
            if len(inside) > DEEPEST:
                raise _error(f"it is nested more than {DEEPEST} deep", event.start_mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = inside.pop()
            if anchor:
                sizes[anchor] = values - before


def _error(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
