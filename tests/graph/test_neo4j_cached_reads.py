"""What was read once of Neo4j is not read again, and what is not there yet is asked for each time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.records import Record
from descentd.graph.store.gathering import MOST
from descentd.graph.store.neo4j.store import Neo4jStore
from tests.support.histories import adding
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio


def version(number: int) -> Record:
    return Record.of(Kind.MODEL_VERSION, {"name": "m", "version": str(number)})


@pytest.fixture
async def store(neo4j_empty: Neo4jServer) -> AsyncIterator[Neo4jStore]:
    made = Neo4jStore(neo4j_empty.uri, neo4j_empty.auth)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def asked(store: Neo4jStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that were sent."""
    sent: list[str] = []
    run = store._run

    async def told(query: str, /, **parameters: Any) -> list[list[Any]]:
        sent.append(query)
        return await run(query, **parameters)

    monkeypatch.setattr(store, "_run", told)
    return sent


async def test_a_record_comes_with_its_name_and_only_once(store: Neo4jStore, asked: list[str]) -> None:
    one = version(1)
    assert await store.resolve(["model:m@1"]) == {}
    await store.write([adding(one)])
    asked.clear()
    brief = (await store.resolve(["model:m@1"]))["model:m@1"]
    assert (brief.sequence, brief.id, brief.kind) == (1, one.id, Kind.MODEL_VERSION)
    assert [entry.record for entry in await store.entries([1])] == [one]
    assert await store.resolve(["model:m@1"]) == {"model:m@1": brief}
    assert await store.briefs([1, 1]) == [brief, brief]
    assert len(asked) == 1
    assert await store.resolve([one.id]) == {one.id: brief}
    assert len(asked) == 2
    store.clear()
    assert await store.resolve(["model:m@1", "model:m@2"]) == {"model:m@1": brief}
    assert await store.entries([2, 1]) == await store.entries([1])


async def test_a_look_up_is_one_statement_with_what_the_record_names(store: Neo4jStore, asked: list[str]) -> None:
    parents = [version(1), version(2)]
    derived = [{"node": parent.id, "relation": "FINE_TUNE"} for parent in parents]
    child = Record.of(Kind.MODEL_VERSION, {"name": "m", "version": "3", "parents": derived})
    await store.write([adding(*parents, child)])
    store.clear()
    asked.clear()
    (upto, brief), (same, nothing) = await asyncio.gather(store.look_up("model:m@3"), store.look_up("model:m@4"))
    assert brief is not None
    assert (upto, same, brief.sequence, nothing) == (3, 3, 3, None)
    assert [entry.record for entry in await store.entries([3])] == [child]
    found = await store.resolve([parent.id for parent in parents])
    assert [brief.label for brief in found.values()] == ["model:m@1", "model:m@2"]
    assert len(asked) == 1
    assert await store.look_up("model:m@3") == (3, brief)
    assert asked[1:] == ["MATCH (l:_Log) RETURN l.seq"]


async def test_what_is_found_by_key_or_edge_stays_until_the_log_grows(
    store: Neo4jStore, asked: list[str], neo4j_empty: Neo4jServer
) -> None:
    def note(text: str, subject: Record) -> Record:
        return Record.of(Kind.NOTE, {"subject": subject.id, "text": text, "author": "ana"})

    async def found() -> tuple[int, list[int], dict[str, list[int]], dict[str, int], list[int]]:
        upto = await store.sequence()
        inward = await store.links([1, 2], {Role.ABOUT}, inward=True)
        keys = await store.find_by_keys(["model:m", "model:n"])
        outward = await store.links([upto], {Role.ABOUT}, inward=False)
        sources, targets = [link.source for link in inward], [link.target for link in outward]
        return upto, sources, keys, await store.any_by_keys(["model:n"]), targets

    one, two = version(1), version(2)
    await store.write([adding(one, two, note("First.", one))])
    assert await found() == (3, [3], {"model:m": [1, 2]}, {}, [1])
    asked.clear()
    assert await found() == (3, [3], {"model:m": [1, 2]}, {}, [1])
    assert len(asked) == 1  # where the log ends
    await store.write([adding(note("Second.", two), Record.of(Kind.MODEL_VERSION, {"name": "n", "version": "1"}))])
    assert await found() == (5, [3, 4], {"model:m": [1, 2], "model:n": [5]}, {"model:n": 5}, [])
    other = Neo4jStore(neo4j_empty.uri, neo4j_empty.auth)
    await other.open()
    await other.write([adding(version(3), note("Third.", one))])
    await other.close()
    assert await found() == (7, [3, 4, 7], {"model:m": [1, 2, 6], "model:n": [5]}, {"model:n": 5}, [1])


async def test_many_at_once_push_nothing_out(store: Neo4jStore, asked: list[str]) -> None:
    many = [version(number) for number in range(MOST + 1)]
    await store.write([adding(*many)])
    first = await store.entries([1])
    found = await store.resolve([str(record.label) for record in many])
    assert [brief.sequence for brief in found.values()] == [*range(1, MOST + 2)]
    assert [entry.record for entry in await store.entries(range(1, MOST + 2))] == many
    asked.clear()
    assert await store.entries([1]) == first
    assert asked == []
