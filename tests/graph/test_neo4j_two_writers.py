"""What two processes write to one registry in Neo4j: nothing is half written, lost, or decided on what has changed."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from neo4j import AsyncManagedTransaction, AsyncSession
from neo4j.exceptions import ConstraintError, ServiceUnavailable, TransientError

from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import InvalidInput, Unavailable
from descentd.graph.model.kinds import Role
from descentd.graph.model.records import Record
from descentd.graph.registration.register import Registered, register
from descentd.graph.store.base import Proposal, Reads
from descentd.graph.store.committer import Committer
from descentd.graph.store.neo4j.schema import INSERT
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.verify import verify
from tests.graph.kept_reads import FIRST, LOOK_UPS, child, oracle_of
from tests.support.histories import adding
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio

Stores = tuple[Neo4jStore, Neo4jStore]


class MistakeError(Exception):
    """What a draft or a driver raises that is no error of ours."""


async def refused(store: Neo4jStore, _patch: pytest.MonkeyPatch) -> None:
    async def draft(reads: Reads) -> list[Record]:
        await reads.find_by_keys(["model:n"])
        raise InvalidInput("No.")

    [outcome] = await store.write([Proposal(draft, "ana")])
    assert isinstance(outcome, InvalidInput)


async def rolled_back(store: Neo4jStore, _patch: pytest.MonkeyPatch) -> None:
    async def draft(_reads: Reads) -> list[Record]:
        raise MistakeError

    with pytest.raises(MistakeError):
        await store.write([adding(child(90)), Proposal(draft, "ana")])


async def failed_half_way(store: Neo4jStore, _patch: pytest.MonkeyPatch) -> None:
    """The label of the second record is that of another, which a constraint forbids."""
    with pytest.raises(ConstraintError):
        await store.write([adding(child(90), child(1, description="Another."))])


async def deadlocked(store: Neo4jStore, patch: pytest.MonkeyPatch) -> None:
    """The statement is undone and sent again."""
    run, alone, failing = AsyncManagedTransaction.run, AsyncSession.run, [1]

    async def failing_once(self: AsyncManagedTransaction, query: Any, *args: Any, **kwargs: Any) -> Any:
        result = await run(self, query, *args, **kwargs)
        if failing and INSERT in str(query):
            failing.clear()
            await result.consume()
            raise TransientError("Deadlock.")
        return result

    async def refused_once(self: AsyncSession, query: Any, *args: Any, **kwargs: Any) -> Any:
        if failing and INSERT in str(query):
            failing.clear()
            raise TransientError("Deadlock.")
        return await alone(self, query, *args, **kwargs)

    with patch.context() as within:
        within.setattr(AsyncManagedTransaction, "run", failing_once)
        within.setattr(AsyncSession, "run", refused_once)
        assert await store.write([adding(child(90))]) == [None]
    assert not failing


async def cut_off_before(store: Neo4jStore, patch: pytest.MonkeyPatch) -> None:
    """The connection is lost before the statement is there, which is sent again."""
    alone = AsyncSession.run

    async def lost(self: AsyncSession, query: Any, *args: Any, **kwargs: Any) -> Any:
        if INSERT in str(query):
            raise ServiceUnavailable("Lost.")
        return await alone(self, query, *args, **kwargs)

    with patch.context() as within:
        within.setattr(AsyncSession, "run", lost)
        assert await store.write([adding(child(90))]) == [None]


async def cut_off_after(store: Neo4jStore, patch: pytest.MonkeyPatch) -> None:
    """The connection is lost when the records are durable: they are not drafted again, and whoever sent them hears."""
    alone, drafted = AsyncSession.run, list[int]()

    async def lost(self: AsyncSession, query: Any, *args: Any, **kwargs: Any) -> Any:
        result = await alone(self, query, *args, **kwargs)
        if INSERT in str(query):
            await result.consume()
            raise ServiceUnavailable("Lost.")
        return result

    async def draft(_reads: Reads) -> list[Record]:
        drafted.append(1)
        return [child(90)]

    with patch.context() as within, suppress(Unavailable):
        within.setattr(AsyncSession, "run", lost)
        await store.write([Proposal(draft, "ana")])
    assert len(drafted) == 1
    assert await store.write([adding(child(90))]) == [None]


async def unheard_of(store: Neo4jStore, patch: pytest.MonkeyPatch) -> None:
    """The records are durable, and whoever wrote them does not hear of it and sends them again."""
    with patch.context() as within:
        for name in ("write", "write_one"):
            done = getattr(store._connection, name)

            async def unheard(*args: Any, done: Any = done, **kwargs: Any) -> None:
                await done(*args, **kwargs)
                raise Unavailable("Away.")

            within.setattr(store._connection, name, unheard)
        with pytest.raises(Unavailable):
            await store.write([adding(child(90))])
    assert await store.write([adding(child(90))]) == [None]


Failing = Callable[[Neo4jStore, pytest.MonkeyPatch], Awaitable[None]]
FAILURES: dict[Failing, int] = {
    refused: 0,
    rolled_back: 0,
    failed_half_way: 0,
    deadlocked: 1,
    cut_off_before: 1,
    cut_off_after: 1,
    unheard_of: 1,
}
"""What may befall a write, and how many records it adds all the same."""


@pytest.mark.parametrize("locked", [False, True], ids=["one statement", "locked"])
@pytest.mark.parametrize("fail", FAILURES)
async def test_nothing_is_half_written_nor_kept_wrongly(
    stores: Stores,
    fail: Failing,
    monkeypatch: pytest.MonkeyPatch,
    *,
    locked: bool,
) -> None:
    ours, theirs = stores
    for number, store in enumerate([ours, ours, theirs if locked else ours]):
        assert await store.write([adding(FIRST, child(number))]) == [None]
    for store in stores:
        for ask in LOOK_UPS.values():
            await ask(store, await store.sequence())
    await fail(ours, monkeypatch)
    size = 4 + FAILURES[fail]
    for store in (*stores, ours):
        assert await store.sequence() == size
        oracle = await oracle_of(store)
        for ask in LOOK_UPS.values():
            assert await ask(store, size) == await ask(oracle, size)
        assert (await verify(store)).problem is None
        assert await store.write([adding(child(91 + size))]) == [None]
        size += 1


async def test_what_others_write_between_a_draft_and_its_statement_counts(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = stores
    for number in range(2):
        assert await ours.write([adding(FIRST, child(number))]) == [None]
    write_one, meanwhile = ours._connection.write_one, list[Record]()

    async def late(query: str, /, **parameters: Any) -> list[list[Any]]:
        while meanwhile:
            assert await theirs.write([adding(meanwhile.pop())]) == [None]
        return await write_one(query, **parameters)

    monkeypatch.setattr(ours._connection, "write_one", late)

    def counting(number: int) -> Proposal:
        async def draft(reads: Reads) -> list[Record]:
            there = (await reads.find_by_keys(["model:n"]))["model:n"]
            return [child(number, description=f"There are {len(there)}.")]

        return Proposal(draft, "ana")

    meanwhile.append(child(10))
    assert await ours.write([counting(2)]) == [None]
    assert meanwhile == []
    assert await ours.write([counting(3)]) == [None]
    meanwhile.append(child(4))  # the very record that is drafted
    assert await ours.write([adding(child(4))]) == [None]
    assert await ours.write([counting(5)]) == [None]
    last = [entry.record for entry in await theirs.entries(range(4, await theirs.sequence() + 1))]
    counted = [child(n, description=f"There are {there}.") for n, there in ((2, 3), (3, 4), (5, 6))]
    assert last == [child(10), *counted[:2], child(4), counted[2]]
    assert (await verify(ours)).problem is None


async def test_of_two_who_register_at_once_one_is_first(stores: Stores) -> None:
    """The same content is one record; under one label, or as one build, other content is a conflict."""
    committers = [Committer(store) for store in stores]

    async def both(one: dict[str, Any], other: dict[str, Any]) -> list[int | str]:
        found = await asyncio.gather(
            *(
                register(committer, ManifestInput.read({"models": [given]}), "ana")
                for committer, given in zip(committers, (one, other), strict=True)
            ),
            return_exceptions=True,
        )
        return sorted(
            (len(each.created) if isinstance(each, Registered) else type(each).__name__ for each in found), key=str
        )

    for number in range(3):
        model = {"name": "m", "version": str(number), "config": {"seed": number}}
        assert await both(model, model) == [0, 2]
        assert await both(model | {"version": f"{number}.1", "config": {"seed": -1 - number}}, model) == [0, 2]
        taken = {"name": "k", "version": str(number)}
        assert await both(taken | {"config": {"a": number}}, taken | {"config": {"b": number}}) == [2, "Invalid"]
        built = {"name": "b", "config": {"c": number}}
        assert await both(built | {"version": f"{number}.1"}, built | {"version": f"{number}.2"}) == [2, "Invalid"]
    assert (await verify(stores[0])).problem is None


@pytest.mark.parametrize("writes", [True, False], ids=["a writer", "a reader"])
async def test_a_log_that_became_shorter_is_noticed(stores: Stores, neo4j_empty: Neo4jServer, *, writes: bool) -> None:
    ours, theirs = stores
    await put_back(neo4j_empty, theirs, [FIRST, child(1)])
    if writes:
        await ours.write([adding(child(2))])
    assert (await ours.look_up("model:n@1"))[0] == (3 if writes else 2)
    await ours.links([1], {Role.DERIVED_FROM}, inward=True)
    await put_back(neo4j_empty, theirs, [FIRST])
    for _ in range(2):
        with pytest.raises(Unavailable, match="as if an older copy had been put back"):
            await ours.look_up("model:n@1")
    if writes:
        with pytest.raises(Unavailable, match="as if an older copy had been put back"):
            await ours.write([adding(child(3))])
    assert (await theirs.look_up("model:n@1")) == (1, None)


@pytest.mark.parametrize("length", [2, 5])
@pytest.mark.parametrize("alone", [False, True], ids=["beside others", "alone"])
async def test_nothing_is_added_to_the_log_of_another_registry(
    stores: Stores, neo4j_empty: Neo4jServer, length: int, *, alone: bool
) -> None:
    ours, theirs = stores
    await put_back(neo4j_empty, ours if alone else theirs, [FIRST])
    assert await ours.write([adding(child(1))]) == [None]
    await put_back(neo4j_empty, theirs, [child(number, parents=[]) for number in range(length)])
    for _ in range(2):
        with pytest.raises(Unavailable, match="as if an older copy had been put back"):
            await ours.write([adding(child(9))])
    assert await theirs.sequence() == length
    assert (await verify(theirs)).problem is None


async def put_back(server: Neo4jServer, store: Neo4jStore, records: list[Record]) -> None:
    """Let a database hold a registry with these records alone, which a store that is opened anew writes."""
    await store.close()
    server.clear()
    await store.open()
    for record in records:
        assert await store.write([adding(record)]) == [None]
