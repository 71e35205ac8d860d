"""Records: values with named fields, as frozen dataclasses are, at a fraction of their cost.

Making a frozen dataclass takes a millisecond at import, and each value 0.15 µs a field; the gateway has
forty of them and makes a dozen values a request. To a type checker a record is a frozen dataclass. At run
time nothing stops an assignment, which is what makes it cheap. The reference engine and the tools keep to
dataclasses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar, dataclass_transform

T = TypeVar("T")

REQUIRED: Final[Any] = object()
"""The default of a field that must be given."""


class Field:
    """What a record's class says of one field. `repr`: the record's repr has it."""

    __slots__ = ("default", "metadata", "name", "repr")

    def __init__(self, default: Any, repr: bool, metadata: Mapping[str, Any]) -> None:  # noqa: A002
        self.name = ""
        self.default = default
        self.repr = repr
        self.metadata = metadata


def field(
    *,
    default: Any = REQUIRED,
    repr: bool = True,  # noqa: A002 - named as in dataclasses
    metadata: Mapping[str, Any] | None = None,
) -> Any:
    """Declare a field with more than a default; a secret or a prompt has no place in a `repr`."""
    return Field(default, repr, metadata or {})


class _Record:
    """What records have in common."""

    __slots__ = ()
    _fields: tuple[Field, ...] = ()

    def __repr__(self) -> str:
        values = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in self._fields if each.repr)
        return f"{type(self).__qualname__}({values})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, each.name) == getattr(other, each.name) for each in self._fields)

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, each.name) for each in self._fields))


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """Make a record of a class whose body annotates its fields, those with a default last."""
    names = tuple(cls.__annotations__)
    namespace = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    declared = []
    for name in names:
        given = namespace.pop(name, REQUIRED)
        each = given if isinstance(given, Field) else Field(given, True, {})
        each.name = name
        declared.append(each)
    defaults = {each.name: each.default for each in declared if each.default is not REQUIRED}
    parameters = ", ".join(f"{name}=defaults[{name!r}]" if name in defaults else name for name in names)
    assignments = "\n".join(f"    self.{name} = {name}" for name in names)
    made: dict[str, Any] = {"defaults": defaults}
    # One function made of the names in the class body: an assignment a field, as written by hand.
    exec(f"def __init__(self, {parameters}):\n{assignments}", made)  # noqa: S102
    namespace |= {"__init__": made["__init__"], "__slots__": names, "_fields": tuple(declared)}
    made_class: type[T] = type(cls.__name__, (_Record,), namespace)
    return made_class


def fields(cls: type[Any]) -> tuple[Field, ...]:
    """Return the fields of a record's class, in the order of its body."""
    found: tuple[Field, ...] = cls._fields
    return found


def replace(value: T, **changes: Any) -> T:
    """Return a copy of a record with some fields changed."""
    return type(value)(**({each.name: getattr(value, each.name) for each in fields(type(value))} | changes))
