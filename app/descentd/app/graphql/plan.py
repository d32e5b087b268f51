"""Plans: an operation compiled once a document, into fields that call their resolvers and read attributes.

graphql-core finds out for every request, and for every object of an answer, which fields are selected, what their
arguments are and how their values are completed. That is the same each time, as long as the variables of `@skip` and
`@include` are: a plan has it ready for each of their combinations that came. What of an operation is not compiled is
executed by graphql-core within the same answer (`Execution.ordinary`).
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLAbstractType,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    is_abstract_type,
    is_leaf_type,
    is_object_type,
)
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetailsList,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.executor import invalid_return_type_error
from graphql.execution.values import VariableValues
from graphql.language import DirectiveNode, Visitor, visit
from graphql.pyutils import Path, is_iterable
from strawberry import Schema
from strawberry.execution.is_awaitable import optimized_is_awaitable

from descentd.app.graphql import reads
from descentd.app.graphql.execution import Execution, FieldInfo
from descentd.app.graphql.executor import Executor
from descentd.app.graphql.fields import Complete, Field, Fields, Items, ReadField, ResolvedField, SchemaField, is_null
from descentd.app.graphql.reads import Read
from descentd.app.graphql.resolvers import Resolver
from descentd.app.graphql.variables import Variables, are_large
from descentd.graph.turns import in_thread

_VARIANTS: Final = 16
"""Combinations of the variables of @skip and @include that are kept compiled; further ones are compiled each time."""


class Plan:
    """One operation of a valid document."""

    def __init__(self, schema: Schema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self.schema = schema
        self.operation = operation
        self.variables = Variables(schema._schema, operation.variable_definitions or ())
        self.fragment_definitions = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        self.fragments = {name: FragmentDetails(one) for name, one in self.fragment_definitions.items()}
        self._deciding = _deciding(operation, *self.fragment_definitions.values())
        self._variants: dict[tuple[Any, ...], Selections] = {}

    async def execute(self, given: Mapping[str, Any], context: Any, root: Any = None) -> ExecutionResult:
        """The answer to a request with these variables, as graphql-core's `execute` gives it."""
        large = are_large(given)
        variables = await in_thread(self.variables.coerce, given) if large else self.variables.coerce(given)
        if isinstance(variables, list):
            return ExecutionResult(None, variables)
        execution = Execution(self, given, variables, context, root)
        data: dict[str, Any] | None
        try:
            fields = self._variant(execution).root
            if self.operation.operation is OperationType.MUTATION:
                data = await fields.serially(execution, root)
            else:
                found = fields.start(execution, root, None)
                data = await found if optimized_is_awaitable(found) else found
        except GraphQLError as error:
            execution.errors.add(error, None)
            data = None
        finally:
            execution.end()
        return ExecutionResult(data, execution.errors.errors or None)

    def _variant(self, execution: Execution) -> "Selections":
        deciding = tuple(execution.variables.get(name) for name in self._deciding)
        known = self._variants.get(deciding)
        if known is None:
            values = {name: execution.variables[name] for name in self._deciding if name in execution.variables}
            known = Selections(self, VariableValues({}, values))
            if len(self._variants) < _VARIANTS:
                self._variants[deciding] = known
        return known


class Selections:
    """The selections of an operation, compiled for those variables that decide what is selected."""

    def __init__(self, plan: Plan, deciding: VariableValues) -> None:
        self._plan = plan
        self._schema = plan.schema._schema
        self._deciding = deciding
        self.root = self._root()

    def _root(self) -> Fields:
        plan = self._plan
        kind = self._schema.get_root_type(plan.operation.operation)
        assert kind is not None  # the document is valid
        collected = collect_fields(self._schema, plan.fragments, self._deciding, kind, plan.operation)
        found = self._fields(kind, collected)
        resolved = [one for one in found if isinstance(one, ResolvedField) and not isinstance(one, ReadField)]
        is_query = plan.operation.operation is OperationType.QUERY
        for field in resolved:
            field.alone = len(found) == 1 or not is_query
        return Fields(lambda: found)

    def _below(self, kind: GraphQLObjectType, details: FieldDetailsList) -> CollectedFields:
        return collect_subfields(
            self._schema, self._plan.fragments, self._deciding, self._plan.operation, kind, details
        )

    def _fields(self, kind: GraphQLObjectType, collected: CollectedFields) -> list[Field]:
        found = []
        for key, details in collected.grouped_field_set.items():
            definition = self._schema.get_field(kind, details[0].node.name.value)
            if definition is not None:
                found.append(self._field(Field(kind, key, definition, details)))
        return found

    def _field(self, field: Field) -> Field:
        """The field as what it is: read, resolved, or left to graphql-core."""
        if field.name in ("__schema", "__type"):
            return SchemaField(field.parent, field.key, field.definition, field.details)
        read = self._read_field(field.parent, field.details)
        kind = ResolvedField if read is None else ReadField
        resolved = kind(field.parent, field.key, field.definition, field.details)
        attribute = reads.attribute(field.definition)
        if isinstance(resolved, ReadField):
            resolved.read = read
        if field.name == "__typename":
            resolved.resolver, resolved.get = None, reads.typename(field.parent)
        elif attribute is not None:
            resolved.resolver, resolved.get = None, attrgetter(attribute)
        elif field.parent is self._schema.subscription_type:
            resolved.resolver, resolved.get = None, _itself  # an event, which the stream's resolver gave
        else:
            try:
                resolved.resolver = Resolver(self._plan.schema, field.definition, field.details[0].node)
            except ValueError:
                return field
        resolved.complete = self._complete(field.definition.type, resolved)
        return resolved

    def _complete(self, kind: GraphQLOutputType, field: Field) -> Complete:
        """How to turn a value of a type into what is sent."""
        if isinstance(kind, GraphQLNonNull):
            return _required(self._complete(kind.of_type, field), field)
        if isinstance(kind, GraphQLList):
            return self._list(kind, field)
        if is_leaf_type(kind):
            return lambda _execution, value, _path: (
                None if is_null(value) else Executor.complete_leaf_value(kind, value)
            )
        if is_object_type(kind):
            return self._object(kind, field)
        assert is_abstract_type(kind)
        return self._abstract(kind, field)

    def _list(self, kind: GraphQLList[GraphQLOutputType], field: Field) -> Complete:
        items = Items(field, kind.of_type, self._complete(kind.of_type, field), self._read(kind.of_type, field.details))

        def complete(execution: Execution, values: Any, path: Path) -> Any:
            if is_null(values):
                return None
            if not isinstance(values, list | tuple):
                if hasattr(values, "__aiter__") or not is_iterable(values):
                    return _ordinarily(execution, kind, field, values, path)
                values = list(values)
            return items.start(execution, values, path)

        return complete

    def _object(self, kind: GraphQLObjectType, field: Field) -> Complete:
        fields = self._selected(kind, field)
        known: set[type] = set()

        def complete(execution: Execution, value: Any, path: Path) -> Any:
            if is_null(value):
                return None
            if type(value) not in known:
                is_type_of = kind.is_type_of
                holds = is_type_of is None or is_type_of(value, FieldInfo(execution, field, path).raw)
                if optimized_is_awaitable(holds):
                    holds.close()  # type: ignore[union-attr]
                    return _ordinarily(execution, kind, field, value, path)
                if not holds:
                    raise invalid_return_type_error(kind, value, field.details)
                known.add(type(value))
            return fields.start(execution, value, path)

        return complete

    def _selected(self, kind: GraphQLObjectType, field: Field) -> Fields:
        return Fields(lambda: self._fields(kind, self._below(kind, field.details)))

    def _abstract(self, kind: GraphQLAbstractType, field: Field) -> Complete:
        """An interface or a union: the selection is compiled for each type that comes, when it first comes."""
        known: dict[type, Complete | None] = {}

        def complete(execution: Execution, value: Any, path: Path) -> Any:
            if is_null(value):
                return None
            own = type(value)
            if own not in known:
                known[own] = self._runtime(kind, field, execution, value, path)
            found = known[own]
            return found(execution, value, path) if found else _ordinarily(execution, kind, field, value, path)

        return complete

    def _runtime(
        self, kind: GraphQLAbstractType, field: Field, execution: Execution, value: Any, path: Path
    ) -> Complete | None:
        """How values of a class are completed where an abstract type is expected; None: as graphql-core does it."""
        if kind.resolve_type is None:
            return None
        name = kind.resolve_type(value, FieldInfo(execution, field, path).raw, kind)
        if not isinstance(name, str):
            if optimized_is_awaitable(name):
                name.close()  # type: ignore[union-attr]
            return None
        found = self._schema.get_type(name)
        if not is_object_type(found) or not self._schema.is_sub_type(kind, found):
            return None
        return self._object(found, field)

    def _read_field(self, parent: GraphQLObjectType, selected: FieldDetailsList) -> Read | None:
        """How to read a field of an object, None where that takes more than reading."""
        name = selected[0].node.name.value
        if name == "__typename":
            return reads.typename(parent)
        field = self._schema.get_field(parent, name)
        attribute = None if field is None else reads.attribute(field)
        if field is None or attribute is None:
            return None
        complete = self._read(field.type, selected)
        return None if complete is None else reads.read_attribute(attribute, complete)

    def _read(self, kind: GraphQLOutputType, selected: FieldDetailsList) -> Read | None:
        """How to read a value of a type, None where that takes more than reading."""
        if isinstance(kind, GraphQLNonNull):
            inner = self._read(kind.of_type, selected)
            return None if inner is None else reads.required(inner)
        if isinstance(kind, GraphQLList):
            inner = self._read(kind.of_type, selected)
            return None if inner is None else reads.listed(inner)
        if is_leaf_type(kind):
            return reads.leaf(kind)
        if is_object_type(kind):
            return self._read_object(kind, selected)
        assert is_abstract_type(kind)
        return reads.abstract(lambda name: self._read_named(name, selected))

    def _read_named(self, name: str, selected: FieldDetailsList) -> Read | None:
        kind = self._schema.get_type(name)
        return self._read_object(kind, selected) if is_object_type(kind) else None

    def _read_object(self, kind: GraphQLObjectType, selected: FieldDetailsList) -> Read | None:
        found: dict[str, Read] = {}
        for key, details in self._below(kind, selected).grouped_field_set.items():
            read = self._read_field(kind, details)
            if read is None:
                return None
            found[key] = read
        return reads.selection(found)


def _itself(value: Any) -> Any:
    return value


def _required(complete: Complete, field: Field) -> Complete:
    def required(execution: Execution, value: Any, path: Path) -> Any:
        completed = complete(execution, value, path)
        if completed is None:
            raise TypeError(f"Cannot return null for non-nullable field {field.parent}.{field.name}.")
        return completed

    return required


def _ordinarily(execution: Execution, kind: GraphQLOutputType, field: Field, value: Any, path: Path) -> Any:
    """The completed value of a type, as graphql-core completes it."""
    info = FieldInfo(execution, field, path).raw
    return execution.ordinary.complete_value(kind, field.details, info, path, value, None)


def _deciding(*definitions: OperationDefinitionNode | FragmentDefinitionNode) -> Sequence[str]:
    """The variables that stand in directives, which decide what is selected."""
    found: dict[str, None] = {}

    class Finder(Visitor):
        def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    found[argument.value.name.value] = None

    for definition in definitions:
        visit(definition, Finder())
    return list(found)
