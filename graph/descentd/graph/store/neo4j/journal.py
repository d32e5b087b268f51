"""The chains of events in Neo4j: the access log with its hashes, and the events of all else.

```
(:_Event {chain, number, at, item, content, hash})
(:_Chain {name, number, hash, base, baseHash, closing})      the head of a chain, and the lock of those who add to it
(:_Access {seq, at, person, credential, client, route, operation, outcome, detail, count, refused, hash})
```
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from descentd.graph.model.accounts import Access
from descentd.graph.model.chain import EMPTY, Chain, ChainHead, Change, Event, link
from descentd.graph.model.errors import Unavailable
from descentd.graph.store.changes import (
    ACCESS,
    Keeps,
    access_change,
    access_content,
    arrival_row,
    delivery_row,
    destination_row,
    row_of,
    token_row,
)
from descentd.graph.store.journal import again
from descentd.graph.store.neo4j.connection import Connection, Row, Run

SCHEMA: Final = (
    "CREATE CONSTRAINT access_seq IF NOT EXISTS FOR (a:_Access) REQUIRE a.seq IS UNIQUE",
    "CREATE INDEX access_person IF NOT EXISTS FOR (a:_Access) ON (a.person, a.seq)",
    "CREATE INDEX access_refused IF NOT EXISTS FOR (a:_Access) ON (a.refused, a.seq)",
    "CREATE CONSTRAINT event_number IF NOT EXISTS FOR (e:_Event) REQUIRE (e.chain, e.number) IS UNIQUE",
    "CREATE INDEX event_item IF NOT EXISTS FOR (e:_Event) ON (e.chain, e.item)",
    "CREATE CONSTRAINT chain_name IF NOT EXISTS FOR (c:_Chain) REQUIRE c.name IS UNIQUE",
)
EVENT: Final = ("number", "at", "item", "content", "hash")
_HEADS: Final = "MATCH (c:_Chain) RETURN c.name, c.number, c.hash, c.base, c.baseHash, c.closing"
_BEGIN: Final = "UNWIND $heads AS row MERGE (c:_Chain {name: row.name}) ON CREATE SET c = row"
# What is returned must not be read before the lock is there, as in schema.LOCK.
_LOCK: Final = """
MATCH (c:_Chain {name: $chain}) SET c.locked = true
WITH c RETURN c.name, c.number, c.hash, c.base, c.baseHash, c.closing
"""
_ADD: Final = """
MATCH (c:_Chain {name: $chain}) SET c.number = $number, c.hash = $hash
WITH c UNWIND $rows AS row CREATE (e:_Event) SET e = row
"""
_ADD_ACCESSES: Final = """
MATCH (c:_Chain {name: $chain}) SET c.number = $number, c.hash = $hash
WITH c UNWIND $rows AS row CREATE (a:_Access) SET a = row
"""
_ACCESS_COLUMNS: Final = ", ".join(f"a.{name}" for name in ACCESS)
_ACCESSES: Final = (
    f"MATCH (a:_Access) WHERE a.seq > $after RETURN a.seq, a.at, a.hash, {_ACCESS_COLUMNS} ORDER BY a.seq LIMIT $limit"
)
_EVENTS: Final = f"""
MATCH (e:_Event {{chain: $chain}}) WHERE e.number > $after
RETURN {", ".join(f"e.{name}" for name in EVENT)} ORDER BY e.number LIMIT $limit
"""
_LATEST: Final = f"""
MATCH (e:_Event {{chain: $chain}}) WHERE e.number <= $upto
AND NOT EXISTS {{ MATCH (l:_Event {{chain: $chain, item: e.item}}) WHERE l.number > e.number }}
RETURN {", ".join(f"e.{name}" for name in EVENT)} ORDER BY e.number
"""
_SET_BASE: Final = "MATCH (c:_Chain {name: $chain}) SET c.base = $base, c.baseHash = $hash, c.closing = $closing"
_DROP_EVENTS: Final = "MATCH (e:_Event {chain: $chain}) WHERE e.number <= $upto DELETE e"
_DROP_ACCESSES: Final = "MATCH (a:_Access) WHERE a.seq <= $upto DELETE a"
_FORGET: Final = {
    Chain.ARRIVALS: "UNWIND $rows AS row MATCH (a:_Arrival {identity: row[0]}) DELETE a",
    Chain.DELIVERIES: """
        UNWIND $rows AS row
        MATCH (d:_Delivery {destination: row[0], sequence: toInteger(row[1]), type: row[2]}) DELETE d""",
}
_TOKENS: Final = "MATCH (t:_Token) RETURN t.id, t.hash, t.person, t.roles, t.createdAt, t.expiresAt, t.revokedAt"
_DELIVERIES: Final = """
MATCH (d:_Delivery)
RETURN d.destination, d.sequence, d.type, d.id, d.state, d.attempts, d.at, d.nextAt, d.status, d.reason
"""


def _token_row(*values: Any) -> Change:
    id, hash, person, roles, *times = values
    return token_row(id, hash, person, " ".join(map(str, roles)) if isinstance(roles, list) else roles, *times)


_ROWS: Final[Mapping[Chain, Sequence[tuple[str, Callable[..., Change]]]]] = {
    Chain.ACCESSES: (),
    Chain.TOKENS: ((_TOKENS, _token_row),),
    Chain.ARRIVALS: (("MATCH (a:_Arrival) RETURN a.identity, a.sent, a.records", arrival_row),),
    Chain.DELIVERIES: (
        ("MATCH (d:_Destination) RETURN d.name, d.position", destination_row),
        (_DELIVERIES, delivery_row),
    ),
}
"""Where the items of each chain are kept."""

_BATCH: Final = 10_000
_UNHASHED: Final = f"""
MATCH (a:_Access) WHERE a.seq > $after RETURN a.seq, a.at, {_ACCESS_COLUMNS} ORDER BY a.seq LIMIT {_BATCH}
"""
_SET_HASHES: Final = """
MATCH (c:_Chain {name: $chain}) SET c.number = $number, c.hash = $hash
WITH c UNWIND $rows AS row MATCH (a:_Access {seq: row[0]}) SET a.hash = row[1]
"""


async def lock(run: Run, chain: Chain) -> ChainHead:
    """The head of a chain, which nobody else changes before the transaction ends; raises Unavailable without one."""
    rows = await run(_LOCK, chain=chain.value)
    if not rows:
        raise Unavailable("The end of a chain of events is missing in the store: run `descentd verify`.")
    return _head(rows[0])


async def add_events(run: Run, chain: Chain, changes: Iterable[Change]) -> None:
    """Add events at the end of a chain, in a transaction."""
    head = await lock(run, chain)
    events = link(chain, head.number, head.hash, changes)
    rows = [{"chain": chain.value, **_properties(event)} for event in events]
    await _add(run, _ADD, chain, events, rows)


async def add_accesses(run: Run, accesses: Sequence[Access]) -> None:
    """Add accesses at the end of their log, in a transaction; each is its own event."""
    head = await lock(run, Chain.ACCESSES)
    events = link(Chain.ACCESSES, head.number, head.hash, map(access_change, accesses))
    rows = [
        {name: getattr(access, name) for name in ACCESS}
        | {"seq": event.number, "at": event.at, "hash": event.hash.hex()}
        for event, access in zip(events, accesses, strict=True)
    ]
    await _add(run, _ADD_ACCESSES, Chain.ACCESSES, events, rows)


async def _add(run: Run, statement: str, chain: Chain, events: Sequence[Event], rows: Sequence[Any]) -> None:
    if events:
        end = {"chain": chain.value, "number": events[-1].number, "hash": events[-1].hash.hex()}
        await run(statement, rows=rows, **end)


async def begin(run: Run) -> None:
    """Begin those chains that are not there."""
    heads = [
        {
            "name": chain.value,
            "number": head.number,
            "hash": head.hash.hex(),
            "base": head.base,
            "baseHash": head.base_hash.hex(),
            "closing": head.closing,
        }
        for chain, head in EMPTY.items()
    ]
    await run(_BEGIN, heads=heads)


async def adopt(connection: Connection) -> None:
    """Begin all chains with what an earlier version kept. What was broken off goes on when it is called again."""
    await connection.write(begin)
    while await connection.write(_adopt_accesses):
        pass
    for chain in (Chain.TOKENS, Chain.ARRIVALS, Chain.DELIVERIES):

        async def work(run: Run, chain: Chain = chain) -> None:
            if (await lock(run, chain)).number == 0:
                changes = [change(*row) for query, change in _ROWS[chain] for row in await run(query)]
                for start in range(0, len(changes), _BATCH):
                    await add_events(run, chain, changes[start : start + _BATCH])

        await connection.write(work)
    await connection.write(lambda run: run("MATCH (l:_AccessLog) DELETE l"))
    await connection.write(lambda run: run("DROP CONSTRAINT access_log_one IF EXISTS"))


async def _adopt_accesses(run: Run) -> bool:
    """Hash the next accesses that have no hash yet; False where there are none."""
    head = await lock(run, Chain.ACCESSES)
    rows = await run(_UNHASHED, after=head.number)
    changes = [Change(at, "", access_content(*values)) for _, at, *values in rows]
    events = link(Chain.ACCESSES, head.number, head.hash, changes)
    hashes = [[row[0], event.hash.hex()] for row, event in zip(rows, events, strict=True)]
    await _add(run, _SET_HASHES, Chain.ACCESSES, events, hashes)
    return bool(rows)


class Neo4jJournal:
    """Nodes beside the graph. Implements Journal."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def heads(self) -> Mapping[Chain, ChainHead]:
        """See Journal."""
        rows = await self._connection.run(_HEADS)
        return {Chain(row[0]): _head(row) for row in rows if isinstance(row[0], str) and row[0] in set(Chain)}

    async def events(self, chain: Chain, after: int, limit: int) -> list[Event]:
        """See Journal."""
        return await _events(self._connection.run, chain, after, limit)

    async def items(self, chain: Chain) -> AsyncIterator[Change]:
        """See Journal."""
        for query, change in _ROWS[chain]:
            for row in await self._connection.run(query):
                yield change(*row)

    async def prune(self, chain: Chain, last: Event, closing: str, keeps: Keeps) -> bool:
        """See Journal."""

        async def work(run: Run) -> bool:
            head = await lock(run, chain)
            known = (last.number, last.hash) == (head.base, head.base_hash)
            there = known or (last.number > head.base and await _events(run, chain, last.number - 1, 1) == [last])
            if not there:
                return False
            base = {"base": last.number, "hash": last.hash.hex(), "closing": closing}
            await run(_SET_BASE, chain=chain.value, **base)
            if chain is Chain.ACCESSES:
                await run(_DROP_ACCESSES, upto=last.number)
                return True
            latest = [_event(row) for row in await run(_LATEST, chain=chain.value, upto=last.number)]
            kept = {event.item: event for event in latest if keeps(event.content)}
            await add_events(run, chain, again(kept.values()))
            gone = [event.item for event in latest if event.item not in kept]
            rows = [list(row_of(item)) if chain is Chain.DELIVERIES else [item] for item in gone]
            if rows:
                await run(_FORGET[chain], rows=rows)
            await run(_DROP_EVENTS, chain=chain.value, upto=last.number)
            return True

        return await self._connection.write(work)


async def _events(run: Run, chain: Chain, after: int, limit: int) -> list[Event]:
    if chain is not Chain.ACCESSES:
        rows = await run(_EVENTS, chain=chain.value, after=after, limit=limit)
        return [_event(row) for row in rows]
    rows = await run(_ACCESSES, after=after, limit=limit)
    return [_event([number, at, "", access_content(*values), hash]) for number, at, hash, *values in rows]


def _event(row: Row) -> Event:
    number, at, item, content, hash = row
    return Event(_integer(number), _integer(at), str(item), str(content), _bytes(hash))


def _head(row: Row) -> ChainHead:
    _, number, hash, base, base_hash, closing = row
    return ChainHead(_integer(number), _bytes(hash), _integer(base), _bytes(base_hash), str(closing))


def _properties(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in EVENT} | {"hash": event.hash.hex()}


def _integer(kept: Any) -> int:
    """A number as it was written; one that somebody else wrote otherwise becomes one that is never right."""
    return kept if isinstance(kept, int) and not isinstance(kept, bool) else -1


def _bytes(kept: Any) -> bytes:
    try:
        written = bytes.fromhex(kept)
    except (TypeError, ValueError):
        return b""
    return written if written.hex() == kept else b""
