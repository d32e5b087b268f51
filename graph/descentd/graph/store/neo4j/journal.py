"""The chains of events in Neo4j, but for that of accesses, which are kept elsewhere.

```
(:_Event {chain, number, at, item, content, hash})
(:_Chain {name, number, hash, base, baseHash, closing})      the head of a chain, and the lock of those who add to it
```

Moments are times (see `times`); what an event's content says of them is microseconds, as on every store.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from typing_extensions import override

from descentd.graph.model.accounts import Access
from descentd.graph.model.chain import EMPTY, Chain, ChainHead, Change, Event, link
from descentd.graph.model.errors import Unavailable
from descentd.graph.store.changes import (
    ACCESS,
    Keeps,
    arrival_row,
    delivery_row,
    destination_row,
    row_of,
    token_row,
)
from descentd.graph.store.journal import Journal, again
from descentd.graph.store.neo4j.connection import Connection, Row, Run
from descentd.graph.store.neo4j.times import SECOND, moment_of, spelled, zoned
from descentd.graph.store.operational import Accounts

SCHEMA: Final = (
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
_MOVED: Final = ", ".join(f"a.{name}" for name in ACCESS if name != "refused")
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
_ACCESSES: Final = f"MATCH (a:_Access) RETURN a.seq, a.at, {_MOVED} ORDER BY a.seq LIMIT 1000"
_DROP_ACCESSES: Final = "MATCH (a:_Access) WHERE a.seq <= $upto DELETE a"
_FORGET: Final = {
    Chain.ARRIVALS: "UNWIND $rows AS row MATCH (a:_Arrival {identity: row[0]}) DELETE a",
    Chain.DELIVERIES: """
        UNWIND $rows AS row
        MATCH (d:_Delivery {destination: row[0], sequence: toInteger(row[1]), type: row[2]}) DELETE d""",
}
_TOKENS: Final = "MATCH (t:_Token) RETURN t.id, t.hash, t.person, t.roles, t.createdAt, t.expiresAt, t.revokedAt"
_DELIVERED: Final = """
MATCH (d:_Delivery)
RETURN d.destination, d.sequence, d.type, d.id, d.state, d.attempts, d.at, d.nextAt, d.status, d.reason
"""


def _token_row(*values: Any) -> Change:
    id, hash, person, roles, *times = values
    named = " ".join(map(str, roles)) if isinstance(roles, list) else roles
    return token_row(id, hash, person, named, *map(spelled, times))


def _arrival_row(identity: Any, sent: Any, records: Any) -> Change:
    moment = moment_of(sent)
    seconds = moment // SECOND if moment is not None and moment % SECOND == 0 else spelled(sent)
    return arrival_row(identity, 0 if sent is None else seconds, records)


def _delivery_row(*values: Any) -> Change:
    *of, attempts, at, next_at, status, reason = values
    return delivery_row(*of, attempts, spelled(at), spelled(next_at), status, reason)


_ROWS: Final[Mapping[Chain, Sequence[tuple[str, Callable[..., Change]]]]] = {
    Chain.TOKENS: ((_TOKENS, _token_row),),
    Chain.ARRIVALS: (("MATCH (a:_Arrival) RETURN a.identity, a.sent, a.records", _arrival_row),),
    Chain.DELIVERIES: (
        ("MATCH (d:_Destination) RETURN d.name, d.position", destination_row),
        (_DELIVERED, _delivery_row),
    ),
}
"""Where the items of each chain are kept."""

_BATCH: Final = 10_000
_REHASH: Final = "UNWIND $rows AS row MATCH (t:_Token {hash: row[0]}) SET t.hash = row[1]"
_LEFT: Final = (
    "MATCH (n:_AccessLog) DELETE n",
    f"MATCH (c:_Chain {{name: '{Chain.ACCESSES}'}}) DELETE c",
    *(f"DROP CONSTRAINT {name} IF EXISTS" for name in ("access_log_one", "access_seq")),
    *(f"DROP INDEX {name} IF EXISTS" for name in ("access_person", "access_refused")),
)
"""What removes the rest of an access log of an earlier version, once it was moved."""


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
        if chain in _ROWS
    ]
    await run(_BEGIN, heads=heads)


async def adopt(connection: Connection, accounts: Accounts, rehash: Callable[[bytes], bytes]) -> None:
    """Begin all chains with what an earlier version kept, and move the accesses into the log of `accounts`.

    Tokens get another hash before that of their secret comes into a chain, which nothing is ever taken out of. What was
    broken off goes on when it is called again; some accesses are in their log twice then, and none is missing.
    """
    while rows := await connection.run(_ACCESSES):
        await accounts.record_accesses([Access(at, *values) for _, at, *values in rows])
        await connection.write(lambda run, upto=rows[-1][0]: run(_DROP_ACCESSES, upto=upto))  # type: ignore[misc]
    for statement in _LEFT:
        await connection.write(lambda run, statement=statement: run(statement))  # type: ignore[misc]
    await connection.write(begin)
    for chain, queries in _ROWS.items():

        async def work(
            run: Run, chain: Chain = chain, queries: Sequence[tuple[str, Callable[..., Change]]] = queries
        ) -> None:
            if (await lock(run, chain)).number == 0:
                if chain is Chain.TOKENS:
                    known = [row[0] for row in await run("MATCH (t:_Token) RETURN t.hash")]
                    await run(_REHASH, rows=[[hash, rehash(bytes.fromhex(hash)).hex()] for hash in known])
                changes = [change(*row) for query, change in queries for row in await run(query)]
                for start in range(0, len(changes), _BATCH):
                    await add_events(run, chain, changes[start : start + _BATCH])

        await connection.write(work)


class Neo4jJournal(Journal):
    """Nodes beside the graph, and the chain of accesses where these are kept."""

    def __init__(self, connection: Connection, beside: Journal) -> None:
        self._connection = connection
        self._beside = beside

    @override
    async def heads(self) -> Mapping[Chain, ChainHead]:
        rows = await self._connection.run(_HEADS)
        found = {Chain(row[0]): _head(row) for row in rows if isinstance(row[0], str) and row[0] in set(_ROWS)}
        beside = await self._beside.heads()
        return found | {chain: head for chain, head in beside.items() if chain not in _ROWS}

    @override
    async def events(self, chain: Chain, after: int, limit: int) -> list[Event]:
        if chain not in _ROWS:
            return await self._beside.events(chain, after, limit)
        return await _events(self._connection.run, chain, after, limit)

    @override
    async def items(self, chain: Chain) -> AsyncIterator[Change]:
        for query, change in _ROWS.get(chain, ()):
            for row in await self._connection.run(query):
                yield change(*row)

    @override
    async def prune(self, chain: Chain, last: Event, closing: str, keeps: Keeps) -> bool:
        if chain not in _ROWS:
            return await self._beside.prune(chain, last, closing, keeps)

        async def work(run: Run) -> bool:
            head = await lock(run, chain)
            known = (last.number, last.hash) == (head.base, head.base_hash)
            there = known or (last.number > head.base and await _events(run, chain, last.number - 1, 1) == [last])
            if not there:
                return False
            base = {"base": last.number, "hash": last.hash.hex(), "closing": closing}
            await run(_SET_BASE, chain=chain.value, **base)
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
    return [_event(row) for row in await run(_EVENTS, chain=chain.value, after=after, limit=limit)]


def _event(row: Row) -> Event:
    number, at, item, content, hash = row
    moment = moment_of(at)
    return Event(_integer(number), -1 if moment is None else moment, str(item), str(content), _bytes(hash))


def _head(row: Row) -> ChainHead:
    _, number, hash, base, base_hash, closing = row
    return ChainHead(_integer(number), _bytes(hash), _integer(base), _bytes(base_hash), str(closing))


def _properties(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in EVENT} | {"at": zoned(event.at), "hash": event.hash.hex()}


def _integer(kept: Any) -> int:
    """A number as it was written; one that somebody else wrote otherwise becomes one that is never right."""
    return kept if isinstance(kept, int) and not isinstance(kept, bool) else -1


def _bytes(kept: Any) -> bytes:
    try:
        written = bytes.fromhex(kept)
    except (TypeError, ValueError):
        return b""
    return written if written.hex() == kept else b""
