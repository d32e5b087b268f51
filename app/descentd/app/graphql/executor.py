"""Executing operations: graphql-core's executor, with a short way for what is merely read.

Most of an answer is attributes of objects that a resolver has returned, and graphql-core spends some 25 µs on each:
a path, an info, a call of a resolver. Here the selection below a field is compiled, once a request, into functions that
read attributes and no more. Wherever a resolver, an argument or a directive of ours is in between, and whenever a value
is not what its type promises, the field is executed as graphql-core does it, which then says where the error is.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from graphql import (
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    Undefined,
    is_abstract_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField

from descentd.app.graphql.pacing import Pace

_FEW: Final = 8
"""Root fields of a query that are resolved at once; further ones wait for their turns."""

Read = Callable[[Any], Any]
"""From a value that a resolver returned to what is sent; raises _Unusual, or anything, where that cannot be."""


class _Unusual(Exception):
    """The value is to be completed the ordinary way."""


class Executor(StrawberryGraphQLCoreExecutionContext):
    """What executes one operation."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # By identity of the selection, which is kept alive beside it.
        self._reads: dict[tuple[GraphQLObjectType, int], tuple[FieldDetailsList, Read | None]] = {}
        self._roots = 0
        self._pace: Pace | None = getattr(self.context_value, "pace", None)

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: Any,
    ) -> Any:
        """The completed value of a field, or an awaitable of it, found by reading alone where it can be."""
        key = parent_type, id(field_details_list)
        found = self._reads.get(key)
        if found is None:
            found = self._reads[key] = field_details_list, self._field(parent_type, field_details_list)
        read = found[1]
        if read is not None:
            try:
                return read(source)
            except Exception:  # noqa: S110 - graphql-core meets it again below, and says where it was
                pass
        pace = self._pace
        if pace is not None:
            pace.count()
            if parent_type is self.schema.query_type:
                self._roots += 1
                if self._roots > _FEW:
                    return self._in_turn(pace, parent_type, source, field_details_list, path, position_context)
        return super().execute_field(parent_type, source, field_details_list, path, position_context)

    async def _in_turn(self, pace: Pace, *given: Any) -> Any:
        """The completed value of a root field that waits for its turn: each one looks its records up by itself."""
        await pace.turn()
        found = super().execute_field(*given)
        return await found if self.is_awaitable(found) else found

    def complete_list_item_value(
        self,
        item: Any,
        complete_results: list[Any],
        item_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        item_path: Path,
        position_context: Any,
    ) -> bool:
        """Add a completed item to the results, as graphql-core does; True where it is an awaitable.

        In a large operation it is one that waits for its turn first.
        """
        given = item_type, field_details_list, info, item_path, position_context
        pace = self._pace
        if pace is None or not pace.crowded:
            return super().complete_list_item_value(item, complete_results, *given)
        complete = super().complete_list_item_value

        async def in_turn() -> Any:
            await pace.turn()
            results: list[Any] = []
            return await results[0] if complete(item, results, *given) else results[0]

        complete_results.append(in_turn())
        return True

    def _field(self, parent: GraphQLObjectType, selected: FieldDetailsList) -> Read | None:
        """How to read a field of an object, None where that takes more than reading."""
        name = selected[0].node.name.value
        if name == "__typename":
            return lambda _: parent.name
        field = self.schema.get_field(parent, name)
        attribute = None if field is None else _attribute(field)
        if field is None or attribute is None:
            return None
        complete = self._complete(field.type, selected)
        if complete is None:
            return None
        get = attrgetter(attribute)
        return lambda source: complete(get(source))

    def _complete(self, kind: GraphQLOutputType, selected: FieldDetailsList) -> Read | None:
        """How to turn a value of a type into what is sent."""
        if isinstance(kind, GraphQLNonNull):
            return _required(self._complete(kind.of_type, selected))
        if isinstance(kind, GraphQLList):
            return _listed(self._complete(kind.of_type, selected))
        if is_leaf_type(kind):
            return _leaf(kind.coerce_output_value)
        if isinstance(kind, GraphQLObjectType):
            return self._object(kind, selected)
        return self._abstract(selected) if is_abstract_type(kind) else None

    def _object(self, kind: GraphQLObjectType, selected: FieldDetailsList) -> Read | None:
        collected = self.collect_subfields(kind, selected)
        if collected.new_defer_usages:
            return None
        reads = {name: self._field(kind, details) for name, details in collected.grouped_field_set.items()}
        pairs = [(name, read) for name, read in reads.items() if read is not None]
        if len(pairs) < len(reads):
            return None
        return lambda value: None if value is None else {name: read(value) for name, read in pairs}

    def _abstract(self, selected: FieldDetailsList) -> Read:
        """An interface: the selection is compiled for each type that comes, when it first comes."""
        known: dict[type, Read | None] = {}

        def complete(value: Any) -> Any:
            if value is None:
                return None
            own = type(value)
            if own not in known:
                kind = self.schema.get_type(get_object_definition(own, strict=True).name)
                known[own] = self._object(kind, selected) if isinstance(kind, GraphQLObjectType) else None
            read = known[own]
            if read is None:
                raise _Unusual
            return read(value)

        return complete


def _attribute(field: GraphQLField) -> str | None:
    """The attribute that a field is, where it is one and no resolver stands behind it."""
    definition = field.extensions.get("strawberry-definition")
    if isinstance(definition, StrawberryField) and definition.is_basic_field and not field.args:
        return definition.python_name if getattr(field.resolve, "_is_default", False) else None
    return None


def _required(complete: Read | None) -> Read | None:
    if complete is None:
        return None

    def required(value: Any) -> Any:
        completed = complete(value)
        if completed is None:
            raise _Unusual
        return completed

    return required


def _listed(complete: Read | None) -> Read | None:
    if complete is None:
        return None
    return lambda values: None if values is None else [complete(value) for value in values]


def _leaf(coerce: Read) -> Read:
    def leaf(value: Any) -> Any:
        if value is None:
            return None
        coerced = coerce(value)
        if coerced is None or coerced is Undefined:
            raise _Unusual
        return coerced

    return leaf
