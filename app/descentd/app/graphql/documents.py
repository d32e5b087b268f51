"""GraphQL documents as clients send them: parsed, limited and validated once, and kept while there is room."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_operation_ast,
    parse,
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry import Schema

from descentd.app.graphql.limits import Limits
from descentd.app.graphql.plan import Plan
from descentd.app.http.errors import Shape, graphql_errors, shaped
from descentd.graph.cache import Cache
from descentd.graph.model.errors import InvalidInput, TooCostly
from descentd.graph.turns import in_thread

# Comparing fields of one name costs their number squared; graphql-core gives up at ten times this, after seconds.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 50_000

NOT_PERSISTED: Final = "PERSISTED_QUERY_NOT_SUPPORTED"
"""The one code outside our enum: clients that send hashes of queries look for it, and send the query then."""

_KEPT: Final = 200_000
"""How many characters of documents are kept, parsed and validated: as such, they take some 300 times that in bytes."""


@dataclass(frozen=True, slots=True)
class Request:
    """One operation as a client sent it; `signed` asks for an answer that is signed."""

    query: str
    name: str | None
    variables: dict[str, Any]
    signed: bool = False

    @classmethod
    def of(cls, given: Any) -> "Request":
        """The request in the shape that all transports share.

        Raises InvalidInput where it is not in that shape, and RequestError for the hash of a persisted query.
        """
        if not isinstance(given, dict):
            raise InvalidInput("A request is one JSON object: {query, variables, operationName}.")
        query, name, variables = given.get("query"), given.get("operationName"), given.get("variables")
        extensions = given.get("extensions")
        if query is None and isinstance(extensions, dict) and "persistedQuery" in extensions:
            raise RequestError([{"message": "PersistedQueryNotSupported", "extensions": {"code": NOT_PERSISTED}}])
        if not isinstance(query, str) or not query.strip():
            raise InvalidInput("The request has no query: send a GraphQL document as text.", "query")
        if name is not None and not isinstance(name, str):
            raise InvalidInput("Expected operationName to be text: send the operation's name.", "operationName")
        if variables is not None and not isinstance(variables, dict):
            raise InvalidInput("Expected variables to be an object: send the values by name.", "variables")
        signed = isinstance(extensions, dict) and extensions.get("signed") is True
        return cls(query, name or None, variables or {}, signed)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation that may be run: valid and within the limits."""

    document: DocumentNode
    node: OperationDefinitionNode
    name: str | None
    kind: OperationType
    fields: tuple[str, ...]
    """What it begins with (`Query.entity`), each once, also what its variables may leave out."""
    plan: Plan


@dataclass(slots=True)
class _Document:
    """A document that was parsed, and those of its operations that may be run; where there are any, it is valid."""

    node: DocumentNode
    operations: dict[str | None, Operation] = field(default_factory=dict)


class RequestError(Exception):
    """An operation that cannot be run; `errors` are in GraphQL's shape."""

    def __init__(self, errors: list[Shape]) -> None:
        super().__init__(errors[0]["message"])
        self.errors = errors


class Documents:
    """The documents that were sent last."""

    def __init__(self, schema: Schema, limits: Limits) -> None:
        self._schema = schema
        self._limits = limits
        self._known: Cache[_Document] = Cache(_KEPT)

    async def prepare(self, request: Request) -> Operation:
        """The operation of a request; raises RequestError. What was prepared lately costs nothing."""
        document = self._known.get(request.query)
        if document is None:
            # In a thread, because a large document takes long; others are answered meanwhile.
            document = await in_thread(self._read, request.query)
            self._known.keep(request.query, document, len(request.query))
        operation = document.operations.get(request.name)
        if operation is None:
            operation = document.operations[request.name] = await in_thread(self._choose, document, request)
        return operation

    def _read(self, query: str) -> _Document:
        try:
            return _Document(parse(query, max_tokens=self._limits.tokens))
        except GraphQLError as error:
            raise RequestError(graphql_errors([error])) from None

    def _choose(self, document: _Document, request: Request) -> Operation:
        node = get_operation_ast(document.node, request.name)
        try:
            if node is None:
                raise InvalidInput(_choice(document.node, request.name), "operationName")
            self._limits.check(document.node, node)
        except (InvalidInput, TooCostly) as error:
            raise RequestError(shaped(error)) from None
        if not document.operations:
            errors = validate(self._schema._schema, document.node)
            if errors:
                raise RequestError(graphql_errors(errors))
        fields = tuple(f"{node.operation.value.title()}.{field}" for field in begins_with(document.node, node))
        return Operation(
            document.node,
            node,
            node.name.value if node.name else None,
            node.operation,
            fields,
            Plan(self._schema, document.node, node),
        )


def root_fields(schema: Schema) -> list[str]:
    """The fields that operations begin with; the public operations are named after them."""
    roots = (schema._schema.query_type, schema._schema.mutation_type, schema._schema.subscription_type)
    return [field for root in roots if root is not None for field in root.fields]


def begins_with(document: DocumentNode, operation: OperationDefinitionNode) -> Iterator[str]:
    """The root fields of a valid operation, each once, also where @skip or @include may leave them out."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    waiting: list[SelectionSetNode] = [operation.selection_set]
    found: dict[str, None] = {}
    while waiting:
        for selection in waiting.pop().selections:
            match selection:
                case FieldNode(name=name):
                    found[name.value] = None
                case InlineFragmentNode(selection_set=below):
                    waiting.append(below)
                case FragmentSpreadNode(name=name) if name.value in fragments:
                    waiting.append(fragments.pop(name.value).selection_set)  # each is looked into once
    yield from found


def _choice(document: DocumentNode, name: str | None) -> str:
    names = [
        definition.name.value
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode) and definition.name
    ]
    offered = f"name one of {', '.join(names[:20])}" if names else "add one"
    if name is None:
        return f"The document has no operation, or several and no operationName: {offered}."
    return f"The document has no operation {repr(name)[:80]}: {offered}."
