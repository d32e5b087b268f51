"""Running GraphQL operations. Every transport goes through here.

Operations are run by graphql-core on the schema that Strawberry made, past Strawberry's own `Schema.execute`, which
costs twice as much a request. So extensions of the Strawberry schema have no effect; what they do is done here.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from inspect import isawaitable
from typing import Any, Final

from graphql import ExecutionResult, OperationType
from graphql.execution import create_source_event_stream
from strawberry import Schema

from descentd.app.auth.access_control import AccessControl
from descentd.app.auth.authentication import Principal
from descentd.app.auth.authorization import Table, check_fields
from descentd.app.checkpoints.answers import AnswerSigner
from descentd.app.graphql.context import Context
from descentd.app.graphql.documents import Documents, Operation, Request
from descentd.app.graphql.executor import Executor
from descentd.app.graphql.limits import Limits, Shares
from descentd.app.graphql.pacing import Pace
from descentd.app.http.errors import Shape, fault, graphql_errors, shaped
from descentd.app.server.lifespan import Lifespan
from descentd.app.server.metrics import Metrics
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import DescentError, Invalid, TooCostly, Unavailable
from descentd.graph.registration.builder import position
from descentd.graph.registration.register import with_all_problems
from descentd.graph.turns import end_tasks, in_thread

_SHARE: Final = 32
"""Operations of one person that run at a time in a process; further ones wait."""

_LOG_FIELD: Final = "Query.accessLog"
"""Who reads the access log sees what this process has not written yet."""


class Event(Shape):
    """An answer of a subscription; `position` is where a client may resume after it, None where it may not."""

    position: str | None = None


class Operations:
    """Authorizes and executes the operations of one schema; `documents` prepares them."""

    def __init__(
        self,
        schema: Schema,
        limits: Limits,
        timeout: float,
        lifespan: Lifespan,
        metrics: Metrics,
        access_control: AccessControl,
        table: Table,
        answers: AnswerSigner,
    ) -> None:
        self.documents = Documents(schema, limits)
        self._schema = schema
        self._access_control = access_control
        self._table = table
        self._limits = limits
        self._timeout = timeout
        self._lifespan = lifespan
        self._metrics = metrics
        self._shares = Shares(_SHARE)
        self._answers = answers

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

    async def sign(self, request: Request, operation: Operation, answer: Shape) -> None:
        """Add `extensions.statement` to the answer to a query: question, answer and the signed note over both.

        Nothing is added where there are errors, or no key. Raises Unavailable where the log does not continue what was
        signed before.
        """
        if operation.kind is not OperationType.QUERY or "errors" in answer or answer["extensions"]["sequence"] is None:
            return
        asked = {"query": request.query, "operationName": request.name, "variables": request.variables}
        question, data = (json.dumps(one, ensure_ascii=False, allow_nan=False) for one in (asked, answer["data"]))
        note = await self._answers.sign(question, data, answer["extensions"]["sequence"])
        if note is not None:
            answer["extensions"]["statement"] = {"question": question, "answer": data, "note": note}

    async def _answered(self, operation: Operation, variables: Mapping[str, Any], context: Context) -> Shape:
        deadline = asyncio.timeout(self._timeout)
        loop = asyncio.get_running_loop()
        exceeded = ended = False

        def stop() -> None:
            nonlocal exceeded
            exceeded = True
            loop.call_soon_threadsafe(end)

        def end() -> None:
            if not ended:
                deadline.reschedule(0)

        context.pace = Pace(self._limits.fields, stop)
        try:
            async with deadline:
                try:
                    result = await operation.plan.execute(variables, context)
                finally:
                    ended = True
        except TimeoutError:
            end_tasks()
            sent = " What it registers may have been recorded: sending it again adds nothing." * (
                operation.kind is OperationType.MUTATION
            )
            reached = f"took longer than {self._timeout:g} seconds"
            if exceeded:
                reached = f"resolved more than {self._limits.fields} fields"
            late = TooCostly(f"The operation {reached}: ask for less at once.{sent}")
            return self._counted({"errors": shaped(late)})
        wrong = await in_thread(_wrong_manifest, operation, variables) if result.data is None else None
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
                if (prime := getattr(event, "prime", None)) is not None:
                    prime(context)
                result = await operation.plan.execute(variables, context, event)
                answer = Event(await self._answer(result, context))
                answer.position = getattr(event, "cursor", None)
                yield answer
                # Where nothing has to be waited for, a replay of the log would otherwise leave no time for others.
                await asyncio.sleep(0)

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


def _fields(operation: Operation) -> str:
    """What an operation begins with, as the log of accesses names it."""
    return " ".join(sorted(field.partition(".")[2] for field in operation.fields))


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
