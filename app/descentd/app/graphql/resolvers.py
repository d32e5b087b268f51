"""Calling resolvers: arguments are coerced as far as the document says what they are, and Strawberry is passed by.

What is compiled is the usual resolver: a method of a type, with arguments that are constants or variables. Fields of
other kinds (with extensions, or arguments with variables within a literal) are called as graphql-core and Strawberry
call them.
"""

from collections.abc import Callable
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    Undefined,
    ValueNode,
    VariableNode,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.values import get_argument_values
from graphql.language import Visitor, visit
from graphql.utilities import coerce_input_literal
from graphql.utilities.coerce_input_value import coerce_default_value
from strawberry import Schema
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.base import StrawberryMaybe
from strawberry.types.field import StrawberryField

from descentd.app.graphql.variables import OMITTED

if TYPE_CHECKING:
    from descentd.app.graphql.execution import Execution, FieldInfo

F = TypeVar("F", bound=Callable[..., Any])

_BATCHED = "descent_batched"


def batched(resolver: F) -> F:
    """Mark a resolver that waits for the loaders of its request and for nothing else, so that it needs no task.

    A mark on a resolver that asks the registry itself would let drivers hold locks for the wrong task.
    """
    setattr(resolver, _BATCHED, True)
    return resolver


class Resolver:
    """How the resolver of one field is called; raises ValueError for a field that Strawberry did not make."""

    def __init__(self, schema: Schema, field: GraphQLField, node: FieldNode) -> None:
        definition = field.extensions.get("strawberry-definition")
        if not isinstance(definition, StrawberryField):
            raise ValueError(node.name.value)
        self._schema = schema
        self._field = field
        self._node = node
        self._usual = self._compile(definition)
        resolver = definition.base_resolver
        function: Any = resolver.wrapped_func if resolver and self._usual else field.resolve
        self._function: Callable[..., Any] = function
        self.asynchronous = iscoroutinefunction(self._function)
        """Whether it gives a coroutine, always."""
        self.batched = self._usual and getattr(function, _BATCHED, False)

    def call(self, execution: "Execution", source: Any, info: "FieldInfo") -> Any:
        """What the resolver returns; raises what it raises, and GraphQLError for an argument that is wrong."""
        if not self._usual:
            return self._function(source, info.raw, **self._ordinary_arguments(execution))
        given = self._arguments(execution)
        if self._info is not None:
            given[self._info] = info
        return self._function(source, **given) if self._takes_source else self._function(**given)

    def _compile(self, definition: StrawberryField) -> bool:
        """Work out how to call it directly; false where that takes more."""
        resolver = definition.base_resolver
        if resolver is None or definition.extensions or definition.is_subscription:
            return False
        if resolver.parent_parameter or resolver.root_parameter:
            return False
        self._takes_source = resolver.self_parameter is not None
        self._info = resolver.info_parameter.name if resolver.info_parameter else None
        self._constant: dict[str, Any] = {}
        self._variable: list[tuple[str, str, Any, bool]] = []
        self._converted: list[tuple[str, Callable[[Any], Any]]] = []
        given = {argument.name.value: argument.value for argument in self._node.arguments or ()}
        names = self._schema.config.name_converter
        by_name = {names.from_argument(argument): argument for argument in definition.arguments}
        return by_name.keys() == self._field.args.keys() and all(
            self._compile_argument(by_name[name], name, argument, given.get(name))
            for name, argument in self._field.args.items()
        )

    def _compile_argument(
        self, definition: StrawberryArgument, name: str, argument: GraphQLArgument, given: ValueNode | None
    ) -> bool:
        keyword = definition.python_name
        default = coerce_default_value(argument)
        default = OMITTED if default is Undefined else default
        if isinstance(given, VariableNode):
            self._variable.append((keyword, given.name.value, default, is_non_null_type(argument.type)))
        elif given is None:
            if default is not OMITTED:
                self._constant[keyword] = default
        elif _has_variables(given):
            return False
        else:
            value = coerce_input_literal(given, argument.type)
            if value is Undefined:
                return False
            self._constant[keyword] = value
        convert = self._conversion(definition, name, argument)
        if convert is not None:
            self._converted.append((keyword, convert))
        return True

    def _conversion(
        self, definition: StrawberryArgument, name: str, argument: GraphQLArgument
    ) -> Callable[[Any], Any] | None:
        """From what graphql-core makes of an argument to what the resolver is given; None where that is the same."""
        kind = argument.type.of_type if is_non_null_type(argument.type) else argument.type
        if not isinstance(definition.type, StrawberryMaybe):
            if is_leaf_type(kind):
                return None
            if is_list_type(kind):
                item = kind.of_type.of_type if is_non_null_type(kind.of_type) else kind.of_type
                if is_leaf_type(item):
                    return _copied  # a default, or a constant, is the same list each time
        return partial(
            convert_argument,
            type_=definition.type,
            scalar_registry=self._schema.schema_converter.scalar_registry,
            config=self._schema.config,
            path=(name,),
        )

    def _arguments(self, execution: "Execution") -> dict[str, Any]:
        given = dict(self._constant)
        for keyword, variable, default, required in self._variable:
            value = execution.variables.get(variable, default)
            if value is OMITTED and not required:
                continue
            if required and (value is OMITTED or value is None):
                self._ordinary_arguments(execution)  # which says what is wrong
            given[keyword] = value
        for keyword, convert in self._converted:
            if keyword in given:
                given[keyword] = convert(given[keyword])
        return given

    def _ordinary_arguments(self, execution: "Execution") -> dict[str, Any]:
        return get_argument_values(self._field, self._node, execution.ordinary.variable_values)


def _copied(value: Any) -> Any:
    return None if value is None else list(value)


def _has_variables(value: ValueNode) -> bool:
    found: list[VariableNode] = []

    class Finder(Visitor):
        def enter_variable(self, node: VariableNode, *_: Any) -> None:
            found.append(node)

    visit(value, Finder())
    return bool(found)
