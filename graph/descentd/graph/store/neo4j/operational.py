"""Tokens and deliveries in Neo4j, as nodes that nothing of the lineage is joined to; accesses are kept elsewhere.

```
(:_Token {id, hash, person, roles, createdAt, expiresAt, revokedAt})
(:_Arrival {identity, sent, records})      sent: where a signature has a time; records as JSON, as lists hold no null
(:_Destination {name, position, holder, until})     also the lock of those who deliver to it
(:_Delivery {destination, sequence, type, id, state, attempts, at, nextAt, status, reason})
```

Moments are times (see `times`).
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from typing_extensions import override

from descentd.graph.model.accounts import Access, AccessRole, Token
from descentd.graph.model.chain import Chain
from descentd.graph.store.changes import arrival_change, delivery_change, destination_row, last_sent, token_change
from descentd.graph.store.neo4j import journal
from descentd.graph.store.neo4j.connection import Connection, Row, Run
from descentd.graph.store.neo4j.journal import add_events, lock
from descentd.graph.store.neo4j.times import SECOND, kept_moment, zoned, zoned_if_any
from descentd.graph.store.operational import Accounts, Arrival, Delivery, DeliveryState, DestinationState, Inbox, Outbox

SCHEMA: Final = (
    "CREATE CONSTRAINT token_hash IF NOT EXISTS FOR (t:_Token) REQUIRE t.hash IS UNIQUE",
    "CREATE CONSTRAINT arrival_identity IF NOT EXISTS FOR (a:_Arrival) REQUIRE a.identity IS UNIQUE",
    "CREATE CONSTRAINT destination_name IF NOT EXISTS FOR (d:_Destination) REQUIRE d.name IS UNIQUE",
    """CREATE CONSTRAINT delivery_one IF NOT EXISTS FOR (d:_Delivery)
    REQUIRE (d.destination, d.sequence, d.type) IS UNIQUE""",
    "CREATE INDEX delivery_sequence IF NOT EXISTS FOR (d:_Delivery) ON (d.sequence)",
    "CREATE INDEX delivery_state IF NOT EXISTS FOR (d:_Delivery) ON (d.state, d.destination)",
    *journal.SCHEMA,
)
_OWNED: Final = "RETURN t.id, t.hash, t.person, t.roles, t.createdAt, t.expiresAt, t.revokedAt"


class Neo4jAccounts(Accounts):
    """Tokens as nodes beside the graph, and the log of accesses of `beside`."""

    def __init__(self, connection: Connection, beside: Accounts) -> None:
        self._connection = connection
        self._beside = beside

    @override
    async def any_token(self) -> bool:
        return bool((await self._connection.run("RETURN EXISTS { (:_Token) }"))[0][0])

    @override
    async def token(self, hash: bytes) -> Token | None:
        found = await self._connection.run(f"MATCH (t:_Token {{hash: $hash}}) {_OWNED}", hash=hash.hex())
        return _token(found[0]) if found else None

    @override
    async def tokens(self) -> list[Token]:
        return [
            _token(row) for row in await self._connection.run(f"MATCH (t:_Token) {_OWNED} ORDER BY t.createdAt, t.id")
        ]

    @override
    async def add_token(self, token: Token) -> None:
        properties = {
            "id": token.id,
            "hash": token.hash.hex(),
            "person": token.person,
            "roles": sorted(token.roles),
            "createdAt": zoned(token.created_at),
            "expiresAt": zoned_if_any(token.expires_at),
            "revokedAt": zoned_if_any(token.revoked_at),
        }

        async def work(run: Run) -> None:
            # MERGE, because a transaction that is tried again may have been committed the first time.
            await run("MERGE (t:_Token {hash: $token.hash}) SET t = $token", token=properties)
            await add_events(run, Chain.TOKENS, [token_change(token)])

        await self._connection.write(work)

    @override
    async def revoke(self, ids: Collection[str], at: int) -> None:
        query = f"MATCH (t:_Token) WHERE t.id IN $ids AND t.revokedAt IS NULL SET t.revokedAt = $at {_OWNED}"

        async def work(run: Run) -> None:
            await lock(run, Chain.TOKENS)
            revoked = [_token(row) for row in await run(query, ids=list(ids), at=zoned(at))]
            await add_events(run, Chain.TOKENS, map(token_change, revoked))

        await self._connection.write(work)

    @override
    async def record_accesses(self, accesses: Sequence[Access]) -> None:
        await self._beside.record_accesses(accesses)

    @override
    async def accesses(
        self, before: int | None, limit: int, person: str | None = None, refused: bool | None = None
    ) -> list[tuple[int, Access]]:
        return await self._beside.accesses(before, limit, person, refused)


def _token(row: Sequence[Any]) -> Token:
    id, hash, person, roles, *times = row
    created, expires, revoked = map(kept_moment, times)
    return Token(id, bytes.fromhex(hash), person, frozenset(map(AccessRole, roles)), created or 0, expires, revoked)


_ARRIVED: Final = "MATCH (a:_Arrival {identity: $identity}) RETURN a.identity, a.sent, a.records"
_TAKE: Final = "MERGE (a:_Arrival {identity: $identity}) SET a.sent = $sent, a.records = $records"


class Neo4jInbox(Inbox):
    """Nodes beside the graph."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @override
    async def arrived(self, identity: str) -> Arrival | None:
        return await _arrived(self._connection.run, identity)

    @override
    async def take(self, arrival: Arrival) -> None:
        async def work(run: Run) -> None:
            await lock(run, Chain.ARRIVALS)
            known = await _arrived(run, arrival.identity)
            kept = arrival if known is None else replace(known, sent=last_sent(known.sent, arrival.sent))
            if kept != known:
                sent = zoned(kept.sent * SECOND) if kept.sent else None
                await run(_TAKE, identity=kept.identity, sent=sent, records=json.dumps(kept.records))
                await add_events(run, Chain.ARRIVALS, [arrival_change(kept)])

        await self._connection.write(work)


async def _arrived(run: Run, identity: str) -> Arrival | None:
    found = await run(_ARRIVED, identity=identity)
    if not found:
        return None
    [[_, sent, records]] = found
    return Arrival(identity, (kept_moment(sent) or 0) // SECOND, tuple(json.loads(records)))


DELIVERY_COLUMNS: Final = (
    "destination",
    "sequence",
    "type",
    "id",
    "state",
    "attempts",
    "at",
    "nextAt",
    "status",
    "reason",
)
_RETURN: Final = f"RETURN {', '.join(f'd.{column}' for column in DELIVERY_COLUMNS)}"
_ORDER: Final = "ORDER BY d.sequence, d.type"
# What is decided on is read after it is locked, as in schema.LOCK.
_CLAIM: Final = """
MERGE (d:_Destination {name: $destination})
ON CREATE SET d.position = $start, d.holder = $holder, d.until = $until
SET d.locked = true
WITH d WHERE d.holder = $holder OR d.until <= $now
SET d.holder = $holder, d.until = $until
RETURN d.position
"""
_HOLD: Final = """
MATCH (d:_Destination {name: $destination}) SET d.locked = true
WITH d WHERE d.holder = $holder
RETURN d.position
"""
_MOVE: Final = "MATCH (d:_Destination {name: $destination}) SET d.position = $position"
_KEEP: Final = """
MERGE (d:_Delivery {destination: $row.destination, sequence: $row.sequence, type: $row.type})
SET d = $row
"""
_AGAIN: Final = f"SET d.state = 'WAITING', d.attempts = 0, d.nextAt = $at_once {_RETURN}"
_LONG_AGO: Final = zoned(0)


class Neo4jOutbox(Outbox):
    """Nodes beside the graph."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @override
    async def claim(self, destination: str, holder: str, now: int, until: int, start: int) -> int | None:
        query = "MATCH (d:_Destination {name: $destination}) RETURN d.holder <> $holder AND d.until > $now"
        given = {"destination": destination, "holder": holder, "now": zoned(now)}
        if await self._connection.run(query, **given) == [[True]]:
            return None  # without a write, for whoever waits asks often

        async def work(run: Run) -> list[Row]:
            known = "MATCH (d:_Destination {name: $destination}) RETURN 1"
            if not await run(known, destination=destination):
                await lock(run, Chain.DELIVERIES)
                if not await run(known, destination=destination):
                    await add_events(run, Chain.DELIVERIES, [destination_row(destination, start)])
            return await run(_CLAIM, **given, until=zoned(until), start=start)

        claimed = await self._connection.write(work)
        return int(claimed[0][0]) if claimed else None

    @override
    async def release(self, destination: str, holder: str) -> None:
        query = "MATCH (d:_Destination {name: $destination, holder: $holder}) SET d.until = $until"
        await self._connection.write(lambda run: run(query, destination=destination, holder=holder, until=_LONG_AGO))

    @override
    async def keep(self, destination: str, holder: str, position: int, delivery: Delivery | None = None) -> bool:
        async def work(run: Run) -> bool:
            held = await run(_HOLD, destination=destination, holder=holder)
            if not held:
                return False
            changes = []
            if position > held[0][0]:
                changes.append(destination_row(destination, position))
                await run(_MOVE, destination=destination, position=position)
            if delivery is not None:
                changes.append(delivery_change(delivery))
            if changes:
                await add_events(run, Chain.DELIVERIES, changes)
            if delivery is not None:
                await run(_KEEP, row=_row(delivery))
            return True

        return await self._connection.write(work)

    @override
    async def waiting(self, destination: str) -> list[Delivery]:
        query = "MATCH (d:_Delivery {state: 'WAITING', destination: $destination})"
        return await self._deliveries(f"{query} {_RETURN} {_ORDER}", destination=destination)

    @override
    async def between(self, destination: str, after: int, upto: int) -> list[Delivery]:
        query = "MATCH (d:_Delivery {destination: $destination}) WHERE d.sequence > $after AND d.sequence <= $upto"
        return await self._deliveries(f"{query} {_RETURN} {_ORDER}", destination=destination, after=after, upto=upto)

    @override
    async def redeliver(self, destination: str, sequences: Collection[int] | None) -> list[int]:
        found = "MATCH (d:_Delivery {destination: $destination}) WHERE"
        condition = "d.state = 'PARKED'" if sequences is None else "d.sequence IN $sequences"
        given = {"destination": destination, "sequences": None if sequences is None else list(sequences)}

        async def work(run: Run) -> list[int]:
            await lock(run, Chain.DELIVERIES)
            if sequences is not None:
                [[there]] = await run(f"{found} {condition} RETURN count(DISTINCT d.sequence)", **given)
                if there < len(set(sequences)):
                    return []
            reset = await run(f"{found} {condition} {_AGAIN}", **given, at_once=_LONG_AGO)
            again = [_delivery(row) for row in reset]
            await add_events(run, Chain.DELIVERIES, map(delivery_change, again))
            return sorted({one.sequence for one in again})

        return await self._connection.write(work)

    @override
    async def deliveries(
        self, limit: int, destination: str | None = None, state: DeliveryState | None = None
    ) -> list[Delivery]:
        given = {"d.destination = $destination": destination, "d.state = $state": state}
        conditions = " AND ".join(["true", *(condition for condition, value in given.items() if value is not None)])
        return await self._deliveries(
            f"MATCH (d:_Delivery) WHERE {conditions} {_RETURN} ORDER BY d.sequence DESC, d.destination, d.type "
            "LIMIT $limit",
            destination=destination,
            state=state,
            limit=limit,
        )

    @override
    async def destinations(self) -> list[DestinationState]:
        query = "MATCH (d:_Destination) RETURN d.name, d.position, d.holder, d.until ORDER BY d.name"
        rows = await self._connection.run(query)
        return [
            DestinationState(name, position, holder, kept_moment(until) or 0) for name, position, holder, until in rows
        ]

    async def _deliveries(self, query: str, **parameters: Any) -> list[Delivery]:
        return [_delivery(row) for row in await self._connection.run(query, **parameters)]


def _row(delivery: Delivery) -> dict[str, Any]:
    times = {"at": zoned(delivery.at), "nextAt": zoned(delivery.next_at)}
    return {column: times[column] if column in times else getattr(delivery, column) for column in DELIVERY_COLUMNS}


def _delivery(row: Sequence[Any]) -> Delivery:
    destination, sequence, type, id, state, attempts, at, next_at, *rest = row
    times = kept_moment(at) or 0, kept_moment(next_at) or 0
    return Delivery(destination, sequence, type, id, DeliveryState(state), attempts, *times, *rest)
