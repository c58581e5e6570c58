"""A config that has a certain kind in it, its options at their defaults."""

from typing import Any

import yaml
from pydantic.fields import FieldInfo

from vaelab.config import Config
from vaelab.data import Domain
from vaelab.likelihoods import BaseLikelihood
from vaelab.priors import BaseGridPrior
from vaelab.registry import Axis
from vaelab.schedules import ConstantSchedule


def example(axis: Axis, cls: type[Config]) -> str:
    """YAML that works as it stands, with what else the kind needs."""
    fields = {name: field for name, field in cls.model_fields.items() if name != "kind"}
    values = {name: _default(field) for name, field in fields.items()} | dict(cls.example)
    options = {name: value for name, value in values.items() if value not in (None, [])}
    chosen: Any = {"kind": cls.model_fields["kind"].default, **options}
    *outer, last = axis.place.split(", ")[-1].split(".")
    config: dict[str, Any] = {last: [chosen] if axis.several else chosen}
    for key in reversed(outer):
        config = {key: config}
    if issubclass(cls, BaseLikelihood) and Domain.UNIT not in cls.domains:
        config = {"data": {"pixels": min(cls.domains).value}, **config}
    if issubclass(cls, BaseGridPrior):
        config = {"model": {"kind": "vq", **config["model"]}}
    return yaml.safe_dump(config, sort_keys=False, default_flow_style=None, width=100)


def _default(field: FieldInfo) -> Any:
    """A default as plain data; None where there is none, or a kind that is all defaults."""
    if field.is_required():
        return None
    value = field.get_default(call_default_factory=True)
    if isinstance(value, ConstantSchedule):
        return value.value
    if isinstance(value, Config):
        usual = "kind" in type(value).model_fields and value == type(value)()
        return None if usual else value.model_dump(mode="json")
    return list(value) if isinstance(value, tuple) else value
