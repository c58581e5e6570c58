"""The JSON schema takes what the code takes, and configs/schema.json is that schema."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from vaelab.config import to_yaml, validate
from vaelab.errors import BadValueError
from vaelab.experiment import Experiment
from vaelab.schema import schema, schema_text
from vaelab.yamlfile import read_yaml

CONFIGS = Path(__file__).parents[1] / "configs"
SHIPPED = sorted(CONFIGS.glob("*.yaml"))
SCHEMA = schema()

TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}
BOUNDS = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
}


def fits(value: Any, rule: dict[str, Any]) -> bool:
    """Whether JSON fits a schema, in the words of JSON Schema that ours uses."""
    if "$ref" in rule and not fits(value, SCHEMA["$defs"][rule["$ref"].rpartition("/")[2]]):
        return False
    if "type" in rule:
        right = isinstance(value, TYPES[rule["type"]])
        if not right or (isinstance(value, bool) and rule["type"] in {"integer", "number"}):
            return False
    if "anyOf" in rule and not any(fits(value, option) for option in rule["anyOf"]):
        return False
    if "oneOf" in rule and sum(fits(value, option) for option in rule["oneOf"]) != 1:
        return False
    if value not in rule.get("enum", [value]) or value != rule.get("const", value):
        return False
    if isinstance(value, dict):
        return fits_object(value, rule)
    if isinstance(value, list):
        first = rule.get("prefixItems", [])
        rules = first + [rule.get("items", {})] * (len(value) - len(first))
        return len(value) >= rule.get("minItems", 0) and all(map(fits, value, rules))
    if isinstance(value, str):
        return len(value) >= rule.get("minLength", 0)
    return all(key not in rule or holds(value, rule[key]) for key, holds in BOUNDS.items())


def fits_object(value: dict[str, Any], rule: dict[str, Any]) -> bool:
    properties = rule.get("properties", {})
    known = rule.get("additionalProperties", True) or value.keys() <= properties.keys()
    complete = value.keys() >= set(rule.get("required", []))
    return known and complete and all(fits(v, properties.get(k, {})) for k, v in value.items())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_configs_fit_and_so_do_their_resolved_forms(path: Path, tmp_path: Path) -> None:
    data = read_yaml(path)
    assert fits(data, SCHEMA)
    resolved = tmp_path / "config.yaml"
    resolved.write_text(to_yaml(validate(Experiment, data, path.name)))
    assert fits(read_yaml(resolved), SCHEMA)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"data": {"kind": "digits", "pixels": "unit"}},
        {"data": {"kind": "digits", "pixels": {"kind": "binary", "mode": "static"}}},
        {"objective": {"kind": "elbo", "beta": 0.5}},
        {"objective": {"kind": "elbo", "beta": {"kind": "linear", "epochs": 3}}},
        {"training": {"learning_rate_schedule": "cosine"}},
        {"training": {"learning_rate_schedule": {"kind": "plateau", "patience": 2}}},
        {"figures": {"every_epoch": [], "at_end": ["latent", {"kind": "manifold"}]}},
        {"model": {"latent": 3, "likelihood": {"kind": "gaussian", "scale": "learned"}}},
        {"model": {"encoder": {"kind": "conv"}, "decoder": None}},
        {"training": {"optimizer": {"learning_rate": 0.1}}},
        {"objective": {"beta": {"value": 2}}},
    ],
)
def test_what_the_code_takes_fits(data: dict[str, Any]) -> None:
    validate(Experiment, data, "x")
    assert fits(data, SCHEMA)


@pytest.mark.parametrize(
    "data",
    [
        {"trainign": {}},
        {"training": {"epochs": 0}},
        {"training": {"learning_rate_schedule": {"factor": 0.5}}},
        {"figures": {"at_end": [{"num": 5}]}},
        {"training": {"learning_rate_schedule": "plato"}},
        {"data": {"kind": "digits", "pixels": "uint"}},
        {"data": {"kind": "csv"}},
        {"objective": {"kind": "elbo", "beta": [1]}},
        {"figures": {"at_end": ["latents"]}},
        {"model": {"encoder": {"kind": "mlp", "channels": [1]}}},
        {"model": {"likelihood": {"kind": "gaussian", "scale": "learnt"}}},
        {"model": {"likelihood": {"kind": "gaussian", "scale": -1}}},
    ],
)
def test_what_the_code_refuses_does_not_fit(data: dict[str, Any]) -> None:
    with pytest.raises(BadValueError):
        validate(Experiment, data, "x")
    assert not fits(data, SCHEMA)


def test_every_key_has_a_description() -> None:
    objects = [SCHEMA, *SCHEMA["$defs"].values()]
    bare = [
        f"{rule['title']}.{name}"
        for rule in objects
        for name, value in rule.get("properties", {}).items()
        if name != "kind" and "description" not in value
    ]
    assert bare == []


def test_references_resolve() -> None:
    text = schema_text()
    names = set(re.findall(r'"#/\$defs/(\w+)"', text))
    assert names == SCHEMA["$defs"].keys()
    assert json.loads(text) == SCHEMA


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_an_editor_finds_the_schema(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert match is not None
    assert (path.parent / match[1]).is_file()


def test_the_schema_file_is_what_the_code_says() -> None:
    assert (CONFIGS / "schema.json").read_text(encoding="utf-8") == schema_text(), (
        "configs/schema.json is out of step with the code; write it anew with "
        "`python -m vaelab.schema > configs/schema.json`"
    )


def test_a_hint_begins_with_what_the_thing_is() -> None:
    """In an editor it stands beside the name of a key, which may be all that is known of it."""
    hints = [
        (name, key, about["description"])
        for name, definition in [("Experiment", SCHEMA), *SCHEMA["$defs"].items()]
        for key, about in definition.get("properties", {}).items()
        if "description" in about
    ]
    riddles = re.compile(r"(How|What|Of|When|In|Made|With|From|Before|Keep|Show|Its?)\b|.{1,4}$|`")
    assert not [hint for hint in hints if riddles.match(hint[2]) and hint[2] != "p(z)."]
