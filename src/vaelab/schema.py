"""The JSON schema of a config file, for editors that complete and check YAML.

`python -m vaelab.schema > configs/schema.json` writes the one that the shipped configs point at.
"""

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonRef, JsonSchemaValue
from pydantic_core import core_schema

from vaelab.config import Config
from vaelab.experiment import Experiment
from vaelab.registry import About, Axis, Kind, descriptions


class _Shorthands(GenerateJsonSchema):
    """Also YAML's short forms: a kind's bare name, a bare number, a default `kind` left out."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """A config and its keys, with what they say of themselves."""
        result = super().model_schema(schema)
        if issubclass(schema["cls"], Config):
            for name, text in descriptions(schema["cls"]).items():
                result["properties"][name]["description"] = text
        if issubclass(schema["cls"], Kind):
            result["description"] = str(About.of(schema["cls"]))
        return result

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """The members of a union, each with its `kind`, which tells them apart."""
        result = super().tagged_union_schema(schema)
        for member in result["oneOf"]:
            definition = self.get_schema_from_definitions(JsonRef(member["$ref"])) or {}
            # editors take this in place of the definition's own list
            member["required"] = ["kind", *definition.get("required", [])]
        return result

    def function_plain_schema(
        self, schema: core_schema.PlainValidatorFunctionSchema
    ) -> JsonSchemaValue:
        """The kinds of an axis that one can choose, or the name of one."""
        validate: Any = schema["function"]["function"]
        axis: Axis = validate.__self__
        choices = {name: cls.__pydantic_core_schema__ for name, cls in axis.kinds.items()}
        result = self.tagged_union_schema(core_schema.tagged_union_schema(choices, "kind"))
        alone = _named_alone(result)
        return {"anyOf": [{"enum": alone}, result]} if alone else result

    def function_before_schema(
        self, schema: core_schema.BeforeValidatorFunctionSchema
    ) -> JsonSchemaValue:
        """What the function makes a mapping of, beside the mapping."""
        result = super().function_before_schema(schema)
        convert: Any = schema["function"]["function"]
        if not isinstance(convert(1.0), dict):
            return result
        *_, kinds = result.get("anyOf", [result])
        return {"anyOf": [{"type": "number"}, kinds]}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """A field with its default, whose `kind` need not be written."""
        result = super().default_schema(schema)
        kind = getattr(schema.get("default"), "kind", None)
        for union in [result, *result.get("anyOf", [])]:
            if kind and "oneOf" in union:
                ref = union["discriminator"]["mapping"][kind]
                (member,) = (member for member in union["oneOf"] if member["$ref"] == ref)
                member["required"].remove("kind")
        return result


def _named_alone(union: JsonSchemaValue) -> list[str]:
    """The kinds of which nothing else has to be given."""
    required = {member["$ref"]: member["required"] for member in union["oneOf"]}
    mapping: dict[str, str] = union["discriminator"]["mapping"]
    return [kind for kind, ref in mapping.items() if required[ref] == ["kind"]]


def schema() -> dict[str, Any]:
    """The JSON schema of an experiment, short forms included."""
    result = Experiment.model_json_schema(schema_generator=_Shorthands)
    return {"title": "A vaelab config", **{k: v for k, v in result.items() if k != "title"}}


def schema_text() -> str:
    """The JSON schema as text."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
