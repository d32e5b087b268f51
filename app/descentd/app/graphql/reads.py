"""Reading: selections of which every field is an attribute, as functions from an object to what is sent of it.

Most of an answer is attributes of objects that a resolver has returned. Where a value is not what its type promises,
these functions raise, and the fields are executed one by one, which then says where the error is.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from graphql import (
    GraphQLBoolean,
    GraphQLField,
    GraphQLID,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLString,
    Undefined,
)
from strawberry.schema.schema_converter import CustomGraphQLEnumType
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField

MANY: Final = 256
"""Items of a list that are under way at a time; between those of a longer one, others have their turns."""

Read = Callable[[Any], Any]
"""From a value that a resolver returned to what is sent; raises UnusualError, or anything, where that cannot be."""


class UnusualError(Exception):
    """The value is not what its type promises."""


class UnreadableError(Exception):
    """The value is of a type of which a field that has a resolver is selected."""


def attribute(field: GraphQLField) -> str | None:
    """The attribute that a field is, where it is one and no resolver stands behind it."""
    definition = field.extensions.get("strawberry-definition")
    if isinstance(definition, StrawberryField) and definition.is_basic_field and not field.args:
        return definition.python_name if getattr(field.resolve, "_is_default", False) else None
    return None


def read_attribute(name: str, complete: Read) -> Read:
    """An attribute, completed."""
    get = attrgetter(name)
    return lambda source: complete(get(source))


def required(complete: Read) -> Read:
    """What may not be null."""

    def read(value: Any) -> Any:
        completed = complete(value)
        if completed is None:
            raise UnusualError
        return completed

    return read


def listed(complete: Read) -> Read:
    """A list, unless it is so long that others have to have their turns while it is read."""

    def read(values: Any) -> Any:
        if values is None:
            return None
        if len(values) > MANY:
            raise UnusualError
        return [complete(value) for value in values]

    return read


def leaf(kind: GraphQLLeafType) -> Read:
    """A scalar or an enum."""
    coerce = kind.coerce_output_value
    if kind in (GraphQLString, GraphQLID, GraphQLBoolean):
        plain = bool if kind is GraphQLBoolean else str
        return lambda value: value if value is None or type(value) is plain else _coerced(coerce, value)
    if isinstance(kind, CustomGraphQLEnumType):
        members: type[Any] = kind.wrapped_cls
        names = {member: coerce(member) for member in members}
        return lambda value: (
            None if value is None else names[value] if type(value) is members else _coerced(coerce, value)
        )
    return lambda value: None if value is None else _coerced(coerce, value)


def _coerced(coerce: Read, value: Any) -> Any:
    coerced = coerce(value)
    if coerced is None or coerced is Undefined:
        raise UnusualError
    return coerced


def selection(reads: dict[str, Read]) -> Read:
    """An object of which these fields are read."""
    pairs = list(reads.items())
    return lambda value: None if value is None else {name: read(value) for name, read in pairs}


def abstract(known_as: Callable[[str], Read | None]) -> Read:
    """An interface; `known_as` compiles the selection for an object type, by its name, when one first comes."""
    known: dict[type, Read | None] = {}

    def complete(value: Any) -> Any:
        if value is None:
            return None
        own = type(value)
        if own not in known:
            known[own] = known_as(get_object_definition(own, strict=True).name)
        read = known[own]
        if read is None:
            raise UnreadableError
        return read(value)

    return complete


def typename(kind: GraphQLObjectType) -> Read:
    """The name of an object's type."""
    return lambda _: kind.name
