"""Writing to Neo4j: by one statement as long as nobody else writes, and rightly where somebody does."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from neo4j import WRITE_ACCESS, AsyncManagedTransaction, AsyncSession
from neo4j.exceptions import TransactionError, TransientError

from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.records import Record
from descentd.graph.registration.register import register
from descentd.graph.store.base import Proposal, Reads
from descentd.graph.store.committer import Committer
from descentd.graph.store.neo4j.schema import INSERT
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.verify import verify
from tests.support.histories import adding
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that were sent to write, and others in transactions that last."""
    statements: list[str] = []
    run, alone = AsyncManagedTransaction.run, AsyncSession.run

    async def noted(self: AsyncManagedTransaction, query: Any, *args: Any, **kwargs: Any) -> Any:
        statements.append(str(query))
        return await run(self, query, *args, **kwargs)

    async def noted_alone(self: AsyncSession, query: Any, *args: Any, **kwargs: Any) -> Any:
        if self._config.default_access_mode == WRITE_ACCESS:
            statements.append(str(query))
        return await alone(self, query, *args, **kwargs)

    monkeypatch.setattr(AsyncManagedTransaction, "run", noted)
    monkeypatch.setattr(AsyncSession, "run", noted_alone)
    return statements


def note(text: str, subject: Record) -> Record:
    return Record.of(Kind.NOTE, {"subject": subject.id, "text": text, "author": "ana"})


def model(number: int) -> Record:
    return Record.of(Kind.MODEL_VERSION, {"name": "m", "version": str(number)})


def counting(subject: Record, found: list[int]) -> Proposal:
    """A note that says how many there are."""

    async def draft(reads: Reads) -> Sequence[Record]:
        [brief] = (await reads.resolve([subject.id])).values()
        found.append(len(await reads.links([brief.sequence], {Role.ABOUT}, inward=True)))
        return [note(f"There are {found[-1]}.", subject)]

    return Proposal(draft, "ana")


async def test_a_registration_is_one_statement_beside_its_look_ups(
    stores: tuple[Neo4jStore, Neo4jStore], sent: list[str]
) -> None:
    store, _ = stores
    committer = Committer(store)
    for number in range(4):
        sent.clear()
        given = {"models": [{"name": "m", "version": str(number), "config": {"seed": number}}]}
        await register(committer, ManifestInput.read(given), "ana")
    assert len(sent) == 1
    sent.clear()
    await register(committer, ManifestInput.read(given), "ana")
    assert sent == []
    assert await store.sequence() == 8


async def test_what_a_registration_looks_up_is_asked_for_at_once(
    stores: tuple[Neo4jStore, Neo4jStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = stores
    committer = Committer(store)

    def given(number: int) -> ManifestInput:
        return ManifestInput.read({"models": [{"name": "m", "version": str(number), "config": {"seed": number}}]})

    for number in range(2):
        await register(committer, given(number), "ana")
    run, there, asked = store._run, asyncio.Barrier(3), list[str]()

    async def together(query: str, /, **parameters: Any) -> list[list[Any]]:
        asked.append(query)
        async with asyncio.timeout(30):
            await there.wait()
        return await run(query, **parameters)

    with monkeypatch.context() as within:
        within.setattr(store, "_run", together)
        await register(committer, given(2), "ana")
        assert await store.sequence_after_write() == 6
    assert len(asked) == 3
    assert await store.sequence() == 6


async def test_what_puts_records_in_needs_no_other_plan_when_there_are_many(
    stores: tuple[Neo4jStore, Neo4jStore], neo4j_empty: Neo4jServer
) -> None:
    """Its plan is kept: that of an empty database goes by indexes, and compares the end of the log under its lock."""
    store, _ = stores
    assert await store.sequence() == 0
    with neo4j_empty.driver() as driver:
        driver.execute_query("CALL db.clearQueryCaches()")
        parameters = dict.fromkeys(re.findall(r"\$(\w+)", INSERT))
        plan = driver.execute_query(f"EXPLAIN CYPHER 5 {INSERT}", parameters).summary.plan
    assert plan is not None
    found = list(operators(plan))
    scans = [name for name, details in found if "Scan" in name and "_Log" not in details]
    assert scans == []
    assert len([name for name, _ in found if name.startswith("NodeUniqueIndexSeek")]) >= 5
    locking = next(i for i, (_, details) in enumerate(found) if "l.locked" in details)
    comparing = next(i for i, (name, details) in enumerate(found) if name == "Filter" and "l.frontier" in details)
    assert comparing < locking  # what comes first is done last


def operators(plan: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield plan["operatorType"].partition("@")[0], str(plan["args"].get("Details", ""))
    for child in plan.get("children", ()):
        yield from operators(child)


async def test_what_others_wrote_meanwhile_is_seen(stores: tuple[Neo4jStore, Neo4jStore]) -> None:
    ours, theirs = stores
    subject, found = model(1), list[int]()
    assert await ours.write([adding(subject)]) == [None]
    for number in range(3):
        assert await ours.write([counting(subject, found)]) == [None]
        assert await ours.write([counting(subject, found)]) == [None]
        assert await theirs.write([adding(note(f"Theirs {number}.", subject))]) == [None]
    assert await ours.write([counting(subject, found)]) == [None]
    last = [entry.record.content["text"] for entry in await ours.entries([await ours.sequence()])]
    assert last == ["There are 9."]
    assert (await theirs.links([1], {Role.ABOUT}, inward=True))[-1].source == await theirs.sequence() == 11


def dataset_and_model(writer: int, number: int) -> ManifestInput:
    """A model trained on a partition whose digest others have, too."""
    part = {"name": "p", "digest": f"sha256:{number % 3:064x}"}
    data = {"name": f"d{writer}", "version": str(number), "partitions": [part]}
    trained = [{"ref": f"dataset:d{writer}@{number}#p", "role": "TRAIN"}]
    return ManifestInput.read(
        {"datasets": [data], "models": [{"name": f"m{writer}", "version": str(number), "trainedOn": trained}]}
    )


async def test_two_who_write_at_once_lose_nothing(stores: tuple[Neo4jStore, Neo4jStore]) -> None:
    async def write(writer: int) -> None:
        committer = Committer(stores[writer])
        for number in range(20):
            done = await register(committer, dataset_and_model(writer, number), "ana")
            assert len(done.created) == 3

    await asyncio.gather(write(0), write(1))
    assert [await store.sequence() for store in stores] == [120, 120]
    assert (await verify(stores[0])).problem is None


async def test_a_look_up_under_the_lock_that_fails_is_made_again_with_all_of_the_transaction(
    neo4j_empty: Neo4jServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it was made ahead: what follows in that transaction fails too, for a reason that says nothing."""
    run, failed = AsyncManagedTransaction.run, list[AsyncManagedTransaction]()

    async def failing(self: AsyncManagedTransaction, query: Any, *args: Any, **kwargs: Any) -> Any:
        if self in failed:
            raise TransactionError(self, "Transaction failed")
        if not failed and "$keys" in str(query):
            failed.append(self)
            raise TransientError("Out of memory.")
        return await run(self, query, *args, **kwargs)

    store = Neo4jStore(neo4j_empty.uri, neo4j_empty.auth)
    await store.open()
    try:
        models = [{"name": "m", "version": str(number), "config": {"seed": number}} for number in range(2)]
        monkeypatch.setattr(AsyncManagedTransaction, "run", failing)
        done = await register(Committer(store), ManifestInput.read({"models": models}), "ana")
        assert failed
        assert len(done.created) == 4
    finally:
        await store.close()
