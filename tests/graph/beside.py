"""What is kept beside the log of records, in some store: an item of everything, and more than one event of most."""

import sqlite3

from descentd.graph.model.accounts import Access, AccessRole, Token
from descentd.graph.store.base import Store
from descentd.graph.store.operational import Arrival, Delivery, DeliveryState

SECOND = 1_000_000


def access(number: int, outcome: str = "OK") -> Access:
    """The access of a second, counted from 1970."""
    return Access(number * SECOND, "ada", "t1", "127.0.0.1", "/graphql", "entity", outcome, "", number)


def token(id: str, *, expires: int | None = None) -> Token:
    roles = frozenset({AccessRole.REGISTRAR, AccessRole.EVALUATOR})
    return Token(id, id.encode().ljust(32), f"{id}@example.org", roles, 5, expires)


def delivery(sequence: int, state: DeliveryState, to: str = "ci", type: str = "version.registered") -> Delivery:
    return Delivery(to, sequence, type, f"msg_{sequence}", state, 1, 70, 90, 200, "HTTP 200")


async def fill(store: Store) -> None:
    """Three accesses, two tokens, three arrivals and three deliveries to two destinations."""
    await store.accounts.record_accesses([access(1), access(2, "FORBIDDEN")])
    await store.accounts.record_accesses([access(3)])
    await store.accounts.add_token(token("t1"))
    await store.accounts.add_token(token("t2", expires=2**57))
    await store.accounts.revoke(["t1", "nobody's"], 9)
    await store.inbox.take(Arrival("a" * 64, 100, ("sha256:1", None)))
    await store.inbox.take(Arrival("b" * 64, 0, ()))
    await store.inbox.take(Arrival("a" * 64, 200, ()))
    await store.inbox.take(Arrival("c" * 64, 9_000_000_000, ("sha256:2",)))
    for name in ("ci", "board of review"):
        assert await store.outbox.claim(name, "w", 0, 10, 0) == 0
    assert await store.outbox.keep("ci", "w", 1, delivery(1, DeliveryState.DELIVERED))
    assert await store.outbox.keep("ci", "w", 1, delivery(2, DeliveryState.WAITING))
    assert await store.outbox.keep("board of review", "w", 2)
    parked = delivery(2, DeliveryState.PARKED, "board of review")
    assert await store.outbox.keep("board of review", "w", 2, parked)
    assert await store.outbox.redeliver("ci", [2]) == [2]


def unchain(connection: sqlite3.Connection) -> None:
    """Make a file what the version before chains wrote."""
    connection.executescript(
        """
        DROP TABLE event; DROP TABLE chain; PRAGMA user_version = 1;
        DROP INDEX access_person; DROP INDEX access_refused; ALTER TABLE access RENAME TO other;
        CREATE TABLE access (
          seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, person TEXT, credential TEXT, client TEXT NOT NULL,
          route TEXT NOT NULL, operation TEXT NOT NULL, outcome TEXT NOT NULL, detail TEXT NOT NULL,
          count INTEGER NOT NULL, refused INTEGER NOT NULL) STRICT;
        CREATE INDEX access_person ON access (person, seq);
        CREATE INDEX access_refused ON access (seq) WHERE refused = 1;
        INSERT INTO access SELECT seq, at, person, credential, client, route, operation, outcome, detail, count, refused
          FROM other;
        DROP TABLE other;
        """
    )
