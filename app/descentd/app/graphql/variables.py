"""The variables of an operation, coerced by what was found out about their types when it was compiled."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from graphql import (
    GraphQLError,
    GraphQLInputType,
    GraphQLSchema,
    Undefined,
    VariableDefinitionNode,
    is_leaf_type,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, get_variable_values, input_is_nested_too_deeply
from graphql.utilities import coerce_input_value
from graphql.utilities.coerce_input_value import coerce_default_value

from descentd.graph.model.errors import Invalid

OMITTED: Final = object()
"""Stands for what was not given and has no default."""


_LARGE: Final = 100
"""Elements of the lists of a variable from which on it is converted in a thread: a few milliseconds."""


def are_large(given: Mapping[str, Any]) -> bool:
    """Whether variables hold so much, in lists of an object, that converting it would keep all others waiting."""
    objects = (value for value in given.values() if isinstance(value, dict))
    return any(sum(len(part) for part in one.values() if isinstance(part, list)) > _LARGE for one in objects)


class Variables:
    """The variables that a valid operation defines, by the nodes that define them."""

    def __init__(self, schema: GraphQLSchema, nodes: Sequence[VariableDefinitionNode]) -> None:
        self._schema = schema
        self._nodes = nodes
        self._expected = [self._variable(node) for node in nodes]

    def coerce(self, given: Mapping[str, Any]) -> dict[str, Any] | list[GraphQLError]:
        """The values by name, without those that were left out and have no default; or what is wrong with them."""
        coerced: dict[str, Any] = {}
        for name, kind, default, nests in self._expected:
            value = given.get(name, Undefined)
            if value is Undefined:
                value = default
            elif nests and input_is_nested_too_deeply(value, kind):
                value = Undefined
            else:
                value = coerce_input_value(value, kind)
            if value is Undefined:  # graphql-core says what is wrong
                found = self.with_sources(given)
                return found if isinstance(found, list) else found.coerced
            if value is not OMITTED:
                coerced[name] = value
        return coerced

    def with_sources(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """The values as graphql-core's executor has them, or what is wrong with them."""
        return get_variable_values(self._schema, self._nodes, dict(given), max_errors=Invalid.LIMIT)

    def _variable(self, node: VariableDefinitionNode) -> tuple[str, GraphQLInputType, Any, bool]:
        """Name, type, what stands for it where it is left out (Undefined: an error), and whether values can nest."""
        signature = get_variable_signature(self._schema, node)
        if isinstance(signature, GraphQLError):
            raise signature
        default = OMITTED
        if signature.default is not None:
            default = coerce_default_value(signature)
        elif is_non_null_type(signature.type):
            default = Undefined
        inner = signature.type.of_type if is_non_null_type(signature.type) else signature.type
        return signature.name, signature.type, default, not is_leaf_type(inner)
