"""GraphQL operations: read, limited, validated once, and run. Every transport goes through here.

Operations are run by graphql-core on the schema that Strawberry made, past Strawberry's own `Schema.execute`, which
costs twice as much a request. So extensions of the Strawberry schema have no effect; what they do is done here.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, Final

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    execute,
    get_operation_ast,
    parse,
    validate,
)
from graphql.execution import create_source_event_stream
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry import Schema
from strawberry.execution.is_awaitable import optimized_is_awaitable

from descentd.app.auth.access_control import AccessControl
from descentd.app.auth.authentication import Principal
from descentd.app.auth.authorization import Table, check_fields
from descentd.app.graphql.context import Context
from descentd.app.graphql.executor import Executor
from descentd.app.graphql.limits import Limits, Shares
from descentd.app.graphql.pacing import Pace
from descentd.app.http.errors import Shape, fault, graphql_errors, shaped
from descentd.app.server.lifespan import Lifespan
from descentd.app.server.metrics import Metrics
from descentd.graph.cache import Cache
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import DescentError, Invalid, InvalidInput, TooCostly, Unavailable
from descentd.graph.registration.builder import position
from descentd.graph.registration.register import with_all_problems

# Comparing fields of one name costs their number squared; graphql-core gives up at ten times this, after seconds.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 50_000

_SHARE: Final = 32
"""Operations of one person that run at a time in a process; further ones wait."""

NOT_PERSISTED: Final = "PERSISTED_QUERY_NOT_SUPPORTED"
"""The one code outside our enum: clients that send hashes of queries look for it, and send the query then."""

_LOG_FIELD: Final = "Query.accessLog"
"""Who reads the access log sees what this process has not written yet."""

_KEPT: Final = 200_000
"""How many characters of documents are kept, parsed and validated: as such, they take some 300 times that in bytes."""


@dataclass(frozen=True, slots=True)
class Request:
    """One operation as a client sent it."""

    query: str
    name: str | None
    variables: dict[str, Any]

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
        return cls(query, name or None, variables or {})


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation that may be run: valid and within the limits."""

    document: DocumentNode
    node: OperationDefinitionNode
    name: str | None
    kind: OperationType
    fields: tuple[str, ...]
    """What it begins with (`Query.entity`), each once, also what its variables may leave out."""


@dataclass(slots=True)
class _Document:
    """A document that was parsed, and those of its operations that may be run; where there are any, it is valid."""

    node: DocumentNode
    operations: dict[str | None, Operation] = field(default_factory=dict)


class Event(Shape):
    """An answer of a subscription; `position` is where a client may resume after it, None where it may not."""

    position: str | None = None


class RequestError(Exception):
    """An operation that cannot be run; `errors` are in GraphQL's shape."""

    def __init__(self, errors: list[Shape]) -> None:
        super().__init__(errors[0]["message"])
        self.errors = errors


class Operations:
    """Parses, checks and executes the operations of one schema."""

    def __init__(
        self,
        schema: Schema,
        limits: Limits,
        timeout: float,
        lifespan: Lifespan,
        metrics: Metrics,
        access_control: AccessControl,
        table: Table,
    ) -> None:
        self._schema = schema
        self._access_control = access_control
        self._table = table
        self._limits = limits
        self._timeout = timeout
        self._lifespan = lifespan
        self._metrics = metrics
        self._known = Cache[_Document](_KEPT)
        self._shares = Shares(_SHARE)

    async def prepare(self, request: Request) -> Operation:
        """The operation of a request; raises RequestError. What was prepared lately costs nothing."""
        document = self._known.get(request.query)
        if document is None:
            # In a thread, because a large document takes long; others are answered meanwhile.
            document = await asyncio.to_thread(self._read, request.query)
            self._known.keep(request.query, document, len(request.query))
        operation = document.operations.get(request.name)
        if operation is None:
            operation = document.operations[request.name] = await asyncio.to_thread(self._choose, document, request)
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
        return Operation(document.node, node, node.name.value if node.name else None, node.operation, fields)

    async def permit(self, operation: Operation, principal: Principal) -> None:
        """Raise Forbidden where a principal may not run all of it, and Unauthenticated where its token has ended."""
        await self._access_control.permit(
            principal, _fields(operation), lambda: check_fields(operation.fields, principal.roles, self._table)
        )

    async def run(self, operation: Operation, variables: Mapping[str, Any], principal: Principal) -> Shape:
        """The answer to a query or mutation; without `data` where it could not be run.

        Raises Unavailable while there is no registry, and what `permit` raises.
        """
        await self.permit(operation, principal)
        try:
            self._limits.check_cost(operation.document, operation.node, variables)
        except TooCostly as error:
            return self._counted({"errors": shaped(error)})
        if _LOG_FIELD in operation.fields:
            await self._access_control.audit_log.flush()
        context = Context(self._lifespan.registry, principal.person, principal.roles)
        async with self._shares.of(principal.person):
            answer = await self._answered(operation, variables, context)
        await self._access_control.note(principal, _fields(operation), answer.get("errors", ()))
        return answer

    async def _answered(self, operation: Operation, variables: Mapping[str, Any], context: Context) -> Shape:
        deadline = asyncio.timeout(self._timeout)
        exceeded = False

        def stop() -> None:
            nonlocal exceeded
            exceeded = True
            deadline.reschedule(0)

        context.pace = Pace(self._limits.fields, stop)
        try:
            async with deadline:
                result = await self._execute(operation, variables, context)
        except TimeoutError:
            context.pace.end()
            sent = " What it registers may have been recorded: sending it again adds nothing." * (
                operation.kind is OperationType.MUTATION
            )
            reached = f"took longer than {self._timeout:g} seconds"
            if exceeded:
                reached = f"resolved more than {self._limits.fields} fields"
            late = TooCostly(f"The operation {reached}: ask for less at once.{sent}")
            return self._counted({"errors": shaped(late)})
        wrong = _wrong_manifest(operation, variables) if result.data is None else None
        if wrong is not None and all(error.path is None for error in result.errors or ()):
            # GraphQL looks at numbers and texts only, and goes no further where one of them is wrong.
            found = graphql_errors(result.errors or ())
            known = {problem["extensions"].get("field") for problem in found}
            others = shaped(await with_all_problems(context.registry.store, wrong))
            found += [problem for problem in others if problem["extensions"].get("field") not in known]
            found.sort(key=lambda problem: position(problem["extensions"].get("field") or ""))
            return self._counted({"errors": found[: Invalid.LIMIT]})
        return await self._answer(result, context)

    async def answers(
        self,
        operation: Operation,
        variables: Mapping[str, Any],
        principal: Principal,
        resume_after: str | None = None,
    ) -> AsyncGenerator[Shape]:
        """The answer to a query or mutation, or those to a subscription as they come. What fails is an answer too.

        `resume_after` is the position of the last event that the client received, where it connects again.
        """
        try:
            if operation.kind is not OperationType.SUBSCRIPTION:
                yield await self.run(operation, variables, principal)
                return
            async with aclosing(self._events(operation, variables, principal, resume_after)) as events:
                async for answer in events:
                    yield answer
        except DescentError as error:
            yield self._counted({"errors": shaped(error)})
        except Exception as error:
            yield self._counted({"errors": shaped(fault(error))})

    async def _events(
        self, operation: Operation, variables: Mapping[str, Any], principal: Principal, resume_after: str | None
    ) -> AsyncGenerator[Shape]:
        await self.permit(operation, principal)
        context = Context(self._lifespan.registry, principal.person, principal.roles, resume_after)
        await self._access_control.note(principal, _fields(operation))
        executor = Executor.build(
            *(self._schema._schema, operation.document, None, context, dict(variables), operation.name),
            max_coercion_errors=Invalid.LIMIT,
            operation_extensions=None,
        )
        if isinstance(executor, list):
            yield self._counted({"errors": graphql_errors(executor)})
            return
        found = create_source_event_stream(executor)
        source = await found if isawaitable(found) else found
        if isinstance(source, ExecutionResult):
            yield self._counted({"errors": graphql_errors(source.errors or ())})
            return
        async with aclosing(source):  # type: ignore[type-var]
            async for event in source:
                # Each event is resolved with look-ups of its own: a stream may last for weeks, and a token less.
                await self.permit(operation, principal)
                context = Context(self._lifespan.registry, principal.person, principal.roles)
                answer = Event(await self._answer(await self._execute(operation, variables, context, event), context))
                answer.position = getattr(event, "cursor", None)
                yield answer
                # Where nothing has to be waited for, a replay of the log would otherwise leave no time for others.
                await asyncio.sleep(0)

    async def _execute(
        self, operation: Operation, variables: Mapping[str, Any], context: Context, root: Any = None
    ) -> ExecutionResult:
        result = execute(
            *(self._schema._schema, operation.document, root, context, dict(variables), operation.name),
            max_coercion_errors=Invalid.LIMIT,
            executor_class=Executor,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
            operation_extensions=None,
        )
        return await result if isawaitable(result) else result

    async def _answer(self, result: ExecutionResult, context: Context) -> Shape:
        answer: Shape = {}
        if result.errors:
            answer["errors"] = graphql_errors(result.errors)
            if result.data is None and all(error.path is None for error in result.errors):
                return self._counted(answer)
        answer["data"] = result.data
        if result.data is not None:
            if context.sequence is None:  # nothing was looked up: the schema was asked about itself
                with suppress(Unavailable):
                    context.sequence = await context.registry.store.sequence()
            answer["extensions"] = {"sequence": context.sequence}
            if context.warnings:
                answer["extensions"]["warnings"] = list(context.warnings)
        if context.sequence is not None:
            self._metrics.reached(context.sequence)
        return self._counted(answer)

    def _counted(self, answer: Shape) -> Shape:
        self._metrics.refused(error["extensions"]["code"] for error in answer.get("errors", ()))
        return answer


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


def _fields(operation: Operation) -> str:
    """What an operation begins with, as the log of accesses names it."""
    return " ".join(sorted(field.partition(".")[2] for field in operation.fields))


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


def _wrong_manifest(operation: Operation, variables: Mapping[str, Any]) -> Invalid | None:
    """What is wrong with the manifest among the variables, by the model that defines its shape."""
    for definition in operation.document.definitions:
        for variable in getattr(definition, "variable_definitions", None) or ():
            kind = getattr(variable.type, "type", variable.type)
            if getattr(kind, "name", None) is not None and kind.name.value == ManifestInput.__name__:
                given = variables.get(variable.variable.name.value)
                try:
                    if isinstance(given, dict):
                        ManifestInput.read(given)
                except Invalid as wrong:
                    return wrong
    return None
