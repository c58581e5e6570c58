"""The kinds of every axis: a kind is registered by being defined.

An axis is a choice, such as the prior; its base class says what every kind of it promises. A
concrete subclass with a `kind` of its own is one more that a YAML file, an override or Python can
name, wherever its class statement stands: in the package, in a plugin, or in a notebook.
"""

from abc import ABC
from dataclasses import dataclass, field
from inspect import isabstract
from typing import Any, ClassVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from vaelab.config import Config, configs_in
from vaelab.errors import BadValueError


@dataclass(eq=False)
class Axis:
    """A choice.

    Attributes:
        name: of the axis.
        place: the key of a config that makes the choice; several, where there are several.
        about: what the axis is, in a sentence.
        cites: whether each kind is somebody's idea, whose paper it has to name.
        several: whether the place has a list of them.
        bare: whether the name of a kind alone stands for the kind with its defaults.
        kinds: the classes to choose from, by name, in alphabetical order.
    """

    name: str
    place: str
    about: str
    cites: bool = True
    several: bool = False
    bare: bool = False
    kinds: dict[str, type["Kind"]] = field(default_factory=dict)
    _in_use: bool = False

    def register(self, cls: type["Kind"], name: str) -> None:
        """Add a kind, or put one in place of itself, as a notebook does whose cell runs again.

        Raises:
            BadValueError: there is another kind of that name, or it does not say what it is.
        """
        where = f"{cls.__module__}.{cls.__qualname__}"
        if not (cls.__dict__.get("__doc__") or "").strip():
            raise BadValueError(
                f"{where}: the kind `{name}` of the axis {self.name} has no docstring; its first "
                "line says what it is, in `vaelab kinds` and in editors"
            )
        other = self.kinds.get(name)
        if other and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise BadValueError(
                f"{where}: the axis {self.name} has a kind `{name}` already "
                f"({other.__module__}.{other.__qualname__}); give it another name"
            )
        self.kinds = dict(sorted({**self.kinds, name: cls}.items()))
        if self._in_use:
            _rebuild_users(self)

    def schema(self, handler: GetCoreSchemaHandler) -> CoreSchema:
        """One of its kinds, told apart by `kind`."""
        self._in_use = True
        choices = {name: handler.generate_schema(cls) for name, cls in self.kinds.items()}
        union = core_schema.tagged_union_schema(choices, discriminator="kind")
        if not self.bare:
            return union
        return core_schema.no_info_before_validator_function(named, union)


class Kind(Config, ABC):
    """A choice on an axis, told apart from the others by `kind`."""

    axis: ClassVar[Axis]

    kind: str

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Register it, unless it is abstract.

        Raises:
            BadValueError: see `Axis.register`.
        """
        super().__pydantic_init_subclass__(**kwargs)
        name = cls.model_fields["kind"].default
        if isinstance(name, str) and not isabstract(cls):
            cls.axis.register(cls, name)

    @classmethod
    def variants(cls) -> list[type[Config]]:
        """The kinds that may stand where the base of an axis is written; else the class itself."""
        return list(cls.axis.kinds.values()) if "axis" in cls.__dict__ else [cls]


class _OneOf:
    """In `Annotated[Base, ONE_OF]`: any kind of the base's axis."""

    def __get_pydantic_core_schema__(
        self, source: type[Kind], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return source.axis.schema(handler)


ONE_OF = _OneOf()


def named(value: Any) -> Any:
    """The name of a kind as a config of that kind."""
    return {"kind": value} if isinstance(value, str) else value


def _rebuild_users(axis: Axis) -> None:
    """Let the configs that hold a choice on this axis know its kinds, the innermost first."""
    users: dict[type[Config], bool] = {}

    def uses(cls: type[Config]) -> bool:
        if cls in users:
            return users[cls]
        users[cls] = False  # a config that holds itself
        inner = [one for field in cls.model_fields.values() for one in configs_in(field.annotation)]
        of_axis = [issubclass(one, Kind) and one.axis is axis for one in inner]
        found = any([uses(one) for one in inner]) or any(of_axis)
        del users[cls]  # so that it comes behind what it holds
        users[cls] = found
        return found

    for cls in _subclasses(Config):
        uses(cls)
    for cls, holds in users.items():  # innermost first
        if holds and not isabstract(cls):
            cls.model_rebuild(force=True)


def _subclasses(cls: type[Config]) -> list[type[Config]]:
    return [one for child in cls.__subclasses__() for one in (child, *_subclasses(child))]
