"""The fields of a plan: each calls its resolver, or reads, and completes what it gets.

What is compiled here follows graphql-core's executor step by step, which remains the oracle of its tests, and does
what is unusual: lists that are none, awaitable types, fields of the schema about itself.
"""

from collections.abc import Callable, Sequence
from types import CoroutineType
from typing import Any, Final

from graphql import GraphQLField, GraphQLObjectType, GraphQLOutputType, Undefined
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path
from strawberry.execution.is_awaitable import optimized_is_awaitable
from typing_extensions import override

from descentd.app.graphql.concurrency import abandon, together
from descentd.app.graphql.execution import Execution, FieldInfo
from descentd.app.graphql.executor import Executor
from descentd.app.graphql.reads import MANY, Read, UnreadableError
from descentd.app.graphql.resolvers import Resolver
from descentd.graph.turns import in_thread, pause

_PART: Final = 64
"""Items of a long list that are read between two looks at the clock."""

Complete = Callable[[Execution, Any, Path], Any]
"""From what a resolver returned to what is sent, or a coroutine of it; raises what is wrong with it."""


class Field:
    """A field of a selection, by its response key."""

    def __init__(self, parent: GraphQLObjectType, key: str, definition: GraphQLField, details: FieldDetailsList):
        self.parent = parent
        self.key = key
        self.definition = definition
        self.details = details
        self.kind: GraphQLOutputType = definition.type
        self.name = details[0].node.name.value

    def start(self, execution: Execution, source: Any, path: Path | None) -> Any:
        """Its value, or an awaitable of it; raises GraphQLError where it is wrong and may not be null.

        By graphql-core, where it is not compiled.
        """
        at = Path(path, self.key, self.parent.name)
        return execution.ordinary.execute_field(self.parent, source, self.details, at, None)


class SchemaField(Field):
    """`__schema` or `__type`: graphql-core computes it in a thread, because it is large and waits for nothing."""

    @override
    def start(self, execution: Execution, source: Any, path: Path | None) -> Any:
        return in_thread(self._compute, execution.executor(), source)

    def _compute(self, executor: Executor, source: Any) -> Any:
        return executor.execute_field(self.parent, source, self.details, Path(None, self.key, self.parent.name), None)


class ResolvedField(Field):
    """A field with a resolver, or below which there may be some."""

    resolver: Resolver | None
    get: Callable[[Any], Any]
    """Gives the value where there is no resolver."""
    complete: Complete
    alone = False
    """No other field of the operation runs at the same time, so that its resolver needs no task of its own."""

    @override
    def start(self, execution: Execution, source: Any, path: Path | None) -> Any:
        execution.count()
        at = Path(path, self.key, self.parent.name)
        resolver = self.resolver
        if resolver is not None and resolver.asynchronous:
            return self._resolve(execution, resolver, source, at)
        try:
            if resolver is None:
                value = self.get(source)
            else:
                value = resolver.call(execution, source, FieldInfo(execution, self, at))
                if optimized_is_awaitable(value):
                    return self._await(execution, self._awaited(execution, value, at), at)
            value = self._completed(execution, value, at)
        except Exception as error:
            execution.failed(error, self.kind, self.details, at)
            return None
        return self._await(execution, value, at) if type(value) is CoroutineType else value

    async def _resolve(self, execution: Execution, resolver: Resolver, source: Any, at: Path) -> Any:
        """The completed value of a resolver that is a coroutine."""
        try:
            info = FieldInfo(execution, self, at)
            if at.prev is None and execution.is_large:
                value = await in_thread(resolver.call, execution, source, info)
            else:
                value = resolver.call(execution, source, info)
            if not (resolver.batched or self.alone):
                value = execution.task(value)
            value = self._completed(execution, await value, at)
            return await value if type(value) is CoroutineType else value
        except Exception as error:
            execution.failed(error, self.kind, self.details, at)

    async def _awaited(self, execution: Execution, value: Any, at: Path) -> Any:
        """The completed value of what a resolver gave instead of it."""
        completed = self._completed(execution, await value, at)
        return await completed if type(completed) is CoroutineType else completed

    async def _await(self, execution: Execution, value: Any, at: Path) -> Any:
        try:
            return await value
        except Exception as error:
            execution.failed(error, self.kind, self.details, at)

    def _completed(self, execution: Execution, value: Any, at: Path) -> Any:
        if isinstance(value, Exception):
            raise value
        return self.complete(execution, value, at)


class ReadField(ResolvedField):
    """A field that is merely read, with everything below it, as long as every value is what its type promises."""

    read: Read | None

    @override
    def start(self, execution: Execution, source: Any, path: Path | None) -> Any:
        if self.read is not None:
            try:
                return self.read(source)
            except UnreadableError:
                self.read = None
            except Exception:  # noqa: S110 - it comes again below, where it is said where it was
                pass
        return super().start(execution, source, path)


class Fields:
    """A selection of an object type, compiled when the first object comes."""

    def __init__(self, compiled: Callable[[], Sequence[Field]]) -> None:
        self._compile = compiled
        self._starts: list[tuple[str, Callable[[Execution, Any, Path | None], Any]]] | None = None

    def start(self, execution: Execution, source: Any, path: Path | None) -> Any:
        """An object as it is sent, or a coroutine of it; raises GraphQLError where a field is wrong."""
        starts = self._starts
        if starts is None:
            starts = self._starts = [(field.key, field.start) for field in self._compile()]
        results: dict[str, Any] = {}
        waiting: list[str] = []
        try:
            for key, start in starts:
                value = results[key] = start(execution, source, path)
                if optimized_is_awaitable(value):
                    waiting.append(key)
        except Exception:
            abandon(results[key] for key in waiting)
            raise
        return _awaited(results, waiting) if waiting else results

    async def serially(self, execution: Execution, source: Any) -> dict[str, Any]:
        """The same for the fields of a mutation, one after the other."""
        results: dict[str, Any] = {}
        for field in self._compile():
            value = field.start(execution, source, None)
            results[field.key] = await value if optimized_is_awaitable(value) else value
        return results


async def _awaited(results: dict[str, Any], waiting: Sequence[str]) -> dict[str, Any]:
    if len(waiting) == 1:
        results[waiting[0]] = await results[waiting[0]]
    else:
        found = await together([results[key] for key in waiting])
        results.update(zip(waiting, found, strict=True))
    return results


class Items:
    """Completes the items of a list."""

    def __init__(self, field: Field, kind: GraphQLOutputType, complete: Complete, read: Read | None) -> None:
        self._field = field
        self._kind = kind
        self._complete = complete
        self._read = read

    def start(self, execution: Execution, values: Sequence[Any], path: Path) -> Any:
        """The items as they are sent, or a coroutine of them."""
        if len(values) > MANY:
            return self._in_parts(execution, values, path)
        return self._part(execution, values, path, 0)

    async def _in_parts(self, execution: Execution, values: Sequence[Any], path: Path) -> list[Any]:
        """A part of the items after the other, so that few are under way at a time."""
        results: list[Any] = []
        size = _PART if self._read is not None else MANY
        for start in range(0, len(values), size):
            part = self._part(execution, values[start : start + size], path, start)
            results += await part if type(part) is CoroutineType else part
            await pause()
        return results

    def _part(self, execution: Execution, values: Sequence[Any], path: Path, start: int) -> Any:
        read = self._read
        if read is not None:
            try:
                return [read(value) for value in values]
            except UnreadableError:
                self._read = None
            except Exception:  # noqa: S110 - it comes again below, where it is said where it was
                pass
        results: list[Any] = []
        waiting: list[int] = []
        try:
            for index, value in enumerate(values):
                results.append(self._item(execution, value, Path(path, start + index, None)))
                if optimized_is_awaitable(results[-1]):
                    waiting.append(index)
        except Exception:
            abandon(results[index] for index in waiting)
            raise
        return _items(results, waiting) if waiting else results

    def _item(self, execution: Execution, value: Any, at: Path) -> Any:
        try:
            if isinstance(value, Exception):
                raise value
            completed = (
                self._await(execution, value, at)
                if optimized_is_awaitable(value)
                else self._complete(execution, value, at)
            )
        except Exception as error:
            execution.failed(error, self._kind, self._field.details, at)
            return None
        return self._guard(execution, completed, at) if type(completed) is CoroutineType else completed

    async def _await(self, execution: Execution, awaited: Any, at: Path) -> Any:
        value = await awaited
        if isinstance(value, Exception):
            raise value
        completed = self._complete(execution, value, at)
        return await completed if type(completed) is CoroutineType else completed

    async def _guard(self, execution: Execution, completed: Any, at: Path) -> Any:
        try:
            return await completed
        except Exception as error:
            execution.failed(error, self._kind, self._field.details, at)


async def _items(results: list[Any], waiting: Sequence[int]) -> list[Any]:
    if len(waiting) == 1:
        results[waiting[0]] = await results[waiting[0]]
    else:
        found = await together([results[index] for index in waiting])
        for index, value in zip(waiting, found, strict=True):
            results[index] = value
    return results


def is_null(value: Any) -> bool:
    """Whether a value is sent as null."""
    return value is None or value is Undefined
