"""Each property of each label and of each type of relationship, changed and removed: found and named, or listed here.

What there is to change is read from the database, so that what is new is covered by itself. Each change is verified in
the transaction that makes it, and taken back.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from neo4j import AsyncGraphDatabase, AsyncTransaction
from neo4j.time import DateTime

from descentd.graph.model.chain import Chain
from descentd.graph.model.clock import now
from descentd.graph.model.derived import LOOK_ALIKE
from descentd.graph.pruning import prune
from descentd.graph.store.neo4j.batching import CachedReads
from descentd.graph.store.neo4j.properties import KEPT
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.operational import Arrival
from descentd.graph.verify import verify
from tests.graph.beside import fill
from tests.graph.samples import digest, registry, send
from tests.graph.tampering import closed, note_of
from tests.support.effort import PROFILE
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio

NOT_COVERED = {
    ("_Destination", "holder"): "who delivers now: a claim that ends by itself, and says nothing of what was delivered",
    ("_Destination", "until"): "when that claim ends: to change it makes a delivery late, or makes it twice",
    ("_Destination", "locked"): "written to take a lock, and never read",
    ("_Chain", "locked"): "written to take a lock, and never read",
    ("_Log", "locked"): "written to take a lock, and never read",
    ("_Log", "format"): "with another one the registry is not opened",
}
"""What a change of is not found, and why."""

NODES = f"MATCH (n) WHERE NOT n:_Key OR NOT n.value STARTS WITH '{LOOK_ALIKE}'"
"""All but keys of names that look alike, which early registries have none of: one may be missing."""

EVERY = 1 if PROFILE == "thorough" else 20
"""Of what there is to change, the tests try every so-manieth."""


class InTransaction:
    """A connection whose every statement is in one transaction."""

    def __init__(self, transaction: AsyncTransaction) -> None:
        self._transaction = transaction

    async def run(self, query: str, /, **parameters: Any) -> list[list[Any]]:
        return await (await self._transaction.run(query, parameters)).values()

    async def read(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        return await work(self.run)


class Lab:
    """Tampers with a registry."""

    def __init__(self, uri: str, auth: tuple[str, str] | None) -> None:
        self._uri, self._auth = uri, auth

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[InTransaction]:
        """One that is taken back in the end."""
        async with (
            AsyncGraphDatabase.driver(self._uri, auth=self._auth) as driver,
            driver.session() as session,
            await session.begin_transaction() as transaction,
        ):
            yield InTransaction(transaction)
            await transaction.rollback()

    async def problem(self, tampering: str, **parameters: Any) -> str | None:
        """What `verify` says once a statement was run, which must have changed something."""
        async with self.transaction() as transaction:
            result = await transaction._transaction.run(tampering, parameters)
            assert (await result.consume()).counters.contains_updates, tampering
            store = Neo4jStore(self._uri, self._auth)
            store._connection = transaction  # type: ignore[assignment]
            CachedReads.__init__(store, transaction.run)
            return (await verify(store, closed=closed)).problem

    async def rows(self, query: str) -> list[list[Any]]:
        async with self.transaction() as transaction:
            return await transaction.run(query)


@pytest.fixture(scope="module")
async def lab(neo4j_server: Neo4jServer) -> Lab:
    neo4j_server.clear()
    store = Neo4jStore(neo4j_server.uri, neo4j_server.auth)
    await store.open()
    await send(store, registry())
    data = {"name": "copy", "version": "1", "partitions": [{"name": "train", "digest": digest(1)}]}
    tuned = {"name": "tuned", "version": "1", "trainedOn": [{"ref": "dataset:copy@1#train", "role": "TRAIN"}]}
    await send(store, {"datasets": [data], "models": [tuned]})
    said = {"subject": "model:tuned@1", "source": "the model card", "reason": "learned later"}
    learned = [{"ref": "dataset:loans@2024-12#holdout", "role": "TRAIN"}]
    await send(store, {"disclosures": [said | {"trainedOn": learned}]})
    await fill(store)
    assert await prune(store, Chain.ARRIVALS, now() + 1, note_of) == 4
    await store.inbox.take(Arrival("e" * 64, 1, ()))
    await store.close()
    return Lab(neo4j_server.uri, neo4j_server.auth)


def other(value: Any) -> Any:
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1000  # which no other has, where it has to be the only one
        case str():
            return value + "x"
        case DateTime():
            return value + timedelta(seconds=1)
        case _:
            return [*value, value[-1] if value else 7]


def alike(value: Any) -> list[Any]:
    """Values of other types that Python or Cypher calls equal, or that say the same when they are read."""
    match value:
        case bool():
            return [int(value)]
        case int():
            return [float(value), str(value)]
        case float():
            return [str(value), *([int(value)] if value.is_integer() else [])]
        case str():
            return [[value], *([int(value)] if value.isdigit() and len(value) < 19 else [])]
        case DateTime():
            return [value.iso_format()]
        case [one]:
            return [one]
        case _:
            return [str(value), *([list(map(float, value))] if all(type(one) is int for one in value) else [])]


def is_number_of_content(label: str, name: str, value: Any) -> bool:
    """A number beside a record for people to filter by: 1 and 1.0 are one there, as in JSON and in Cypher."""
    return not label.startswith("_") and name not in KEPT and type(value) in (int, float)


async def test_what_was_not_touched_is_right(lab: Lab) -> None:
    assert await lab.problem("CREATE (n:_Key {value: 'x'}) DELETE n") is None


async def test_each_property_of_each_label(lab: Lab) -> None:
    found = await lab.rows(
        f"{NODES} UNWIND labels(n) AS label UNWIND keys(n) AS name WITH label, name, min(elementId(n)) AS id "
        "MATCH (n) WHERE elementId(n) = id RETURN label, name, id, n[name] ORDER BY label, name"
    )
    labels = {row[0] for row in found}
    assert {"_Token", "_Arrival", "_Destination", "_Delivery", "_Event", "_Chain", "_Log"} <= labels
    covered = [row for row in found if (row[0], row[1]) not in NOT_COVERED and row[0] != "Record"]
    assert len(covered) > 100
    for label, name, id, value in covered[::EVERY]:
        at = "MATCH (n) WHERE elementId(n) = $id"
        assert await lab.problem(f"{at} SET n[$name] = $other", id=id, name=name, other=other(value)), (label, name)
        assert await lab.problem(f"{at} REMOVE n[$name]", id=id, name=name), (label, name)


async def test_each_property_of_another_type_that_seems_equal(lab: Lab) -> None:
    nodes = await lab.rows(
        f"{NODES} UNWIND labels(n) AS label UNWIND keys(n) AS name WITH label, name, min(elementId(n)) AS id "
        "MATCH (n) WHERE elementId(n) = id RETURN 'n', label, name, id, n[name] ORDER BY label, name"
    )
    edges = await lab.rows(
        "MATCH ()-[e]->() UNWIND keys(e) AS name WITH type(e) AS type, name, min(elementId(e)) AS id "
        "MATCH ()-[e]->() WHERE elementId(e) = id RETURN 'e', type, name, id, e[name] ORDER BY type, name"
    )
    marks = {"Record", "_Twin", "_Twinned"}  # of records, which have the label of their kind too
    covered = [row for row in (*edges, *nodes) if (row[1], row[2]) not in NOT_COVERED and row[1] not in marks]
    for of, label, name, id, value in covered[:: EVERY // 2 or 1]:
        at = f"MATCH {'(n)' if of == 'n' else '()-[e]->()'} WHERE elementId({of}) = $id"
        for one in alike(value):
            if not (is_number_of_content(label, name, value) and is_number_of_content(label, name, one)):
                tampering = f"{at} SET {of}[$name] = $other"
                assert await lab.problem(tampering, id=id, name=name, other=one), (label, name, one)


async def test_a_property_and_a_label_that_are_not_ours(lab: Lab) -> None:
    found = await lab.rows(f"{NODES} UNWIND labels(n) AS label RETURN label, min(elementId(n)) ORDER BY label")
    for label, id in found[:: max(1, EVERY // 4)]:
        at = "MATCH (n) WHERE elementId(n) = $id"
        for tampering in (f"{at} SET n.foreign = 1", f"{at} SET n:Foreign", f"{at} REMOVE n:{label}"):
            assert await lab.problem(tampering, id=id), (label, tampering)
        assert await lab.problem(f"{at} DETACH DELETE n", id=id), label


async def test_each_property_of_each_relationship(lab: Lab) -> None:
    found = await lab.rows(
        "MATCH ()-[e]->() UNWIND keys(e) AS name WITH type(e) AS type, name, min(elementId(e)) AS id "
        "MATCH ()-[e]->() WHERE elementId(e) = id RETURN type, name, id, e[name] ORDER BY type, name"
    )
    assert len(found) >= 15
    for type, name, id, value in found[::EVERY]:
        at = "MATCH ()-[e]->() WHERE elementId(e) = $id"
        assert await lab.problem(f"{at} SET e[$name] = $other", id=id, name=name, other=other(value)), (type, name)
        assert await lab.problem(f"{at} REMOVE e[$name]", id=id, name=name), (type, name)


async def test_each_relationship_is_missed_and_turned_round(lab: Lab) -> None:
    found = await lab.rows("MATCH ()-[e]->() RETURN type(e), elementId(e) ORDER BY type(e), e.since")
    for type, id in found[::EVERY]:
        at = "MATCH (a)-[e]->(b) WHERE elementId(e) = $id"
        assert await lab.problem(f"{at} DELETE e", id=id), type
        turned = f"{at} CREATE (b)-[f:{type}]->(a) SET f = properties(e) DELETE e"
        assert await lab.problem(turned, id=id), type


async def test_entries_that_changed_places(lab: Lab) -> None:
    tampering = (
        "MATCH (a:_Event {chain: 'deliveries', number: 3}), (b:_Event {chain: 'deliveries', number: 4}) "
        "SET a.number = -1 WITH a, b SET b.number = 3 WITH a SET a.number = 4"
    )
    assert "hash differs" in str(await lab.problem(tampering))


@pytest.mark.parametrize(
    "tampering",
    [
        "CREATE (:_Event {chain: 'tokens', number: 99, at: 1, item: 'x', content: '{}', hash: ''})",
        "CREATE (:_Event {chain: 'others', number: 1})",
        "CREATE (:_Event {chain: 'tokens', number: '1'})",
        "CREATE (:_Event {chain: 'tokens', number: 0, at: 1, item: 'x', content: '{}', hash: ''})",
        "CREATE (:_Access {seq: 1})",  # which are kept elsewhere by now
        "CREATE (:_Chain {name: 'others'})",
        "CREATE (:_Token {id: 'eve', hash: '00', roles: ['admin'], person: 'eve', createdAt: 1})",
        "CREATE (:_Arrival {identity: 'x', sent: 1, records: '[]'})",
        "CREATE (:_Delivery {destination: 'ci', sequence: 9, type: 'a.b'})",
        "CREATE (:_Destination {name: 'eve', position: 0})",
        "MATCH (e:_Event {chain: 'tokens'}) WITH e ORDER BY e.number DESC LIMIT 1 DELETE e",
    ],
)
async def test_what_was_added_or_cut_off(lab: Lab, tampering: str) -> None:
    assert await lab.problem(tampering)
