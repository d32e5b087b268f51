"""Deliveries in Neo4j, as nodes that nothing of the lineage is joined to.

```
(:DestinationState {name, position, holder, until})     also the lock of those who deliver to it
(:Delivery {destination, sequence, type, id, state, attempts, at, nextAt, status, reason})
```
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from descentd.graph.model.deliveries import Delivery, DeliveryState, DestinationState
from descentd.graph.store.neo4j.connection import Connection, Run

OUTBOX: Final = (
    "CREATE CONSTRAINT destination_name IF NOT EXISTS FOR (d:DestinationState) REQUIRE d.name IS UNIQUE",
    """CREATE CONSTRAINT delivery_one IF NOT EXISTS FOR (d:Delivery)
    REQUIRE (d.destination, d.sequence, d.type) IS UNIQUE""",
    "CREATE INDEX delivery_sequence IF NOT EXISTS FOR (d:Delivery) ON (d.sequence)",
    "CREATE INDEX delivery_state IF NOT EXISTS FOR (d:Delivery) ON (d.state, d.destination)",
)
_COLUMNS: Final = ("destination", "sequence", "type", "id", "state", "attempts", "at", "nextAt", "status", "reason")
_RETURN: Final = f"RETURN {', '.join(f'd.{column}' for column in _COLUMNS)}"
_ORDER: Final = "ORDER BY d.sequence, d.type"
# What is decided on is read after it is locked, as in neo4j_layout.LOCK.
_CLAIM: Final = """
MERGE (d:DestinationState {name: $destination})
ON CREATE SET d.position = $start, d.holder = $holder, d.until = $until
SET d.locked = true
WITH d WHERE d.holder = $holder OR d.until <= $now
SET d.holder = $holder, d.until = $until
RETURN d.position
"""
_MOVE: Final = """
MATCH (d:DestinationState {name: $destination}) SET d.locked = true
WITH d WHERE d.holder = $holder
SET d.position = CASE WHEN d.position < $position THEN $position ELSE d.position END
RETURN d.position
"""
_KEEP: Final = """
MERGE (d:Delivery {destination: $row.destination, sequence: $row.sequence, type: $row.type})
SET d = $row
"""
_AGAIN: Final = "SET d.state = 'WAITING', d.attempts = 0, d.nextAt = 0 RETURN DISTINCT d.sequence"


class Neo4jOutbox:
    """Nodes beside the graph. Implements Outbox."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim(self, destination: str, holder: str, now: int, until: int, start: int) -> int | None:
        """See Outbox."""
        query = "MATCH (d:DestinationState {name: $destination}) RETURN d.holder <> $holder AND d.until > $now"
        given = {"destination": destination, "holder": holder, "now": now}
        if await self._connection.run(query, **given) == [[True]]:
            return None  # without a write, for whoever waits asks often
        claimed = await self._connection.write(lambda run: run(_CLAIM, **given, until=until, start=start))
        return int(claimed[0][0]) if claimed else None

    async def release(self, destination: str, holder: str) -> None:
        """See Outbox."""
        query = "MATCH (d:DestinationState {name: $destination, holder: $holder}) SET d.until = 0"
        await self._connection.write(lambda run: run(query, destination=destination, holder=holder))

    async def keep(self, destination: str, holder: str, position: int, delivery: Delivery | None = None) -> bool:
        """See Outbox."""

        async def work(run: Run) -> bool:
            if not await run(_MOVE, destination=destination, holder=holder, position=position):
                return False
            if delivery is not None:
                await run(_KEEP, row=_row(delivery))
            return True

        return await self._connection.write(work)

    async def waiting(self, destination: str) -> list[Delivery]:
        """See Outbox."""
        query = "MATCH (d:Delivery {state: 'WAITING', destination: $destination})"
        return await self._deliveries(f"{query} {_RETURN} {_ORDER}", destination=destination)

    async def between(self, destination: str, after: int, upto: int) -> list[Delivery]:
        """See Outbox."""
        query = "MATCH (d:Delivery {destination: $destination}) WHERE d.sequence > $after AND d.sequence <= $upto"
        return await self._deliveries(f"{query} {_RETURN} {_ORDER}", destination=destination, after=after, upto=upto)

    async def redeliver(self, destination: str, sequences: Collection[int] | None) -> list[int]:
        """See Outbox."""
        found = "MATCH (d:Delivery {destination: $destination}) WHERE"
        condition = "d.state = 'PARKED'" if sequences is None else "d.sequence IN $sequences"
        given = {"destination": destination, "sequences": None if sequences is None else list(sequences)}

        async def work(run: Run) -> list[int]:
            if sequences is not None:
                [[there]] = await run(f"{found} {condition} RETURN count(DISTINCT d.sequence)", **given)
                if there < len(set(sequences)):
                    return []
            return sorted(row[0] for row in await run(f"{found} {condition} {_AGAIN}", **given))

        return await self._connection.write(work)

    async def deliveries(
        self, limit: int, destination: str | None = None, state: DeliveryState | None = None
    ) -> list[Delivery]:
        """See Outbox."""
        given = {"d.destination = $destination": destination, "d.state = $state": state}
        conditions = " AND ".join(["true", *(condition for condition, value in given.items() if value is not None)])
        return await self._deliveries(
            f"MATCH (d:Delivery) WHERE {conditions} {_RETURN} ORDER BY d.sequence DESC, d.destination, d.type "
            "LIMIT $limit",
            destination=destination,
            state=state,
            limit=limit,
        )

    async def destinations(self) -> list[DestinationState]:
        """See Outbox."""
        query = "MATCH (d:DestinationState) RETURN d.name, d.position, d.holder, d.until ORDER BY d.name"
        return [DestinationState(*row) for row in await self._connection.run(query)]

    async def _deliveries(self, query: str, **parameters: Any) -> list[Delivery]:
        return [_delivery(row) for row in await self._connection.run(query, **parameters)]


def _row(delivery: Delivery) -> dict[str, Any]:
    names = {"nextAt": "next_at"}
    return {column: getattr(delivery, names.get(column, column)) for column in _COLUMNS}


def _delivery(row: Sequence[Any]) -> Delivery:
    destination, sequence, type, id, state, *rest = row
    return Delivery(destination, sequence, type, id, DeliveryState(state), *rest)
