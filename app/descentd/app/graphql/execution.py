"""One execution of a plan: what its fields share, and graphql-core's executor for what is not compiled."""

import asyncio
from collections.abc import Coroutine, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from graphql import GraphQLOutputType, GraphQLResolveInfo, is_non_null_type, located_error
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.executor import CollectedErrors, default_field_resolver, default_type_resolver
from graphql.pyutils import Path
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.types import Info

from descentd.app.graphql.executor import Executor
from descentd.app.graphql.pacing import Pace
from descentd.app.graphql.variables import are_large

if TYPE_CHECKING:
    from descentd.app.graphql.fields import Field
    from descentd.app.graphql.plan import Plan


class Execution:
    """The values of one request, its errors, and what it has begun."""

    __slots__ = ("__dict__", "context", "errors", "given", "pace", "plan", "root", "tasks", "variables")

    def __init__(
        self, plan: "Plan", given: Mapping[str, Any], variables: dict[str, Any], context: Any, root: Any
    ) -> None:
        self.plan = plan
        self.given = given
        self.variables = variables
        self.context = context
        self.root = root
        self.pace: Pace | None = getattr(context, "pace", None)
        self.errors = CollectedErrors()
        self.tasks: list[asyncio.Task[Any]] = []

    @cached_property
    def is_large(self) -> bool:
        """Whether the arguments of its first fields are converted in a thread."""
        return are_large(self.given)

    @cached_property
    def ordinary(self) -> Executor:
        """graphql-core's executor of the same operation, which adds its errors to the same list."""
        return self.executor()

    def executor(self) -> Executor:
        """One more of these."""
        plan = self.plan
        variables = plan.variables.with_sources(self.given)
        assert not isinstance(variables, list)
        executor = Executor(
            plan.schema._schema,
            plan.fragment_definitions,
            plan.fragments,
            self.root,
            self.context,
            plan.operation,
            variables,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,
            operation_extensions=None,
        )
        executor.collected_errors = self.errors
        return executor

    def count(self) -> None:
        """Count a field that is resolved."""
        if self.pace is not None:
            self.pace.count()

    def failed(self, error: Exception, kind: GraphQLOutputType, details: FieldDetailsList, path: Path) -> None:
        """Note an error at a place where null may stand; raises it, located, where null may not."""
        located = located_error(error, [one.node for one in details], path.as_list())
        if is_non_null_type(kind):
            raise located
        self.errors.add(located, path)

    def task(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something in a task of its own, which ends with this execution at the latest."""
        task = asyncio.ensure_future(coroutine)
        self.tasks.append(task)
        return task

    def end(self) -> None:
        """Give up what nobody waits for any more."""
        for task in self.tasks:
            if not task.done():
                task.cancel()
            elif not task.cancelled():
                task.exception()  # of those, one was reported


class FieldInfo(Info):
    """What a resolver learns of its call; graphql-core's own object is made where more than the context is asked."""

    def __init__(self, execution: Execution, field: "Field", path: Path) -> None:
        self._execution = execution
        self._compiled = field
        self._at = path

    @property
    def context(self) -> Any:
        """The context of the request."""
        return self._execution.context

    @cached_property
    def raw(self) -> GraphQLResolveInfo[Any]:
        """What graphql-core gives to resolvers."""
        field = self._compiled
        nodes = [one.node for one in field.details]
        return self._execution.ordinary.build_resolve_info(field.definition, nodes, field.parent, self._at)

    @property
    def _raw_info(self) -> GraphQLResolveInfo[Any]:  # type: ignore[override]
        return self.raw

    @property
    def _field(self) -> Any:  # type: ignore[override]
        return self._compiled.definition.extensions.get("strawberry-definition")
