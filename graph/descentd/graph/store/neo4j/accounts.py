"""Tokens and accesses in Neo4j, as nodes that nothing of the lineage is joined to.

```
(:Token {id, hash, person, roles, createdAt, expiresAt, revokedAt})
(:Access {seq, at, person, credential, client, route, operation, outcome, detail, count, refused})
(:AccessLog {one: 1, seq})       the end of the log of accesses, and the lock of those who add to it
```
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from descentd.graph.model.accounts import Access, AccessRole, Token
from descentd.graph.store.neo4j.connection import Connection

PEOPLE: Final = (
    "CREATE CONSTRAINT token_hash IF NOT EXISTS FOR (t:Token) REQUIRE t.hash IS UNIQUE",
    "CREATE CONSTRAINT access_log_one IF NOT EXISTS FOR (l:AccessLog) REQUIRE l.one IS UNIQUE",
    "CREATE CONSTRAINT access_seq IF NOT EXISTS FOR (a:Access) REQUIRE a.seq IS UNIQUE",
    "CREATE INDEX access_person IF NOT EXISTS FOR (a:Access) ON (a.person, a.seq)",
    "CREATE INDEX access_refused IF NOT EXISTS FOR (a:Access) ON (a.refused, a.seq)",
)
_RETURN: Final = "RETURN t.id, t.hash, t.person, t.roles, t.createdAt, t.expiresAt, t.revokedAt"
_COLUMNS: Final = ("seq", "at", "person", "credential", "client", "route", "operation", "outcome", "detail", "count")
# The end is read after it is locked, as in neo4j_layout.LOCK.
_RECORD: Final = """
MERGE (l:AccessLog {one: 1}) ON CREATE SET l.seq = 0
SET l.locked = true
WITH l, l.seq AS last
SET l.seq = last + size($rows)
WITH last
UNWIND range(0, size($rows) - 1) AS i
CREATE (a:Access) SET a = $rows[i], a.seq = last + i + 1
"""


class Neo4jAccounts:
    """Nodes beside the graph. Implements People."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def any_token(self) -> bool:
        """See People."""
        return bool((await self._connection.run("RETURN EXISTS { (:Token) }"))[0][0])

    async def token(self, hash: bytes) -> Token | None:
        """See People."""
        found = await self._connection.run(f"MATCH (t:Token {{hash: $hash}}) {_RETURN}", hash=hash.hex())
        return _token(found[0]) if found else None

    async def tokens(self) -> list[Token]:
        """See People."""
        return [
            _token(row) for row in await self._connection.run(f"MATCH (t:Token) {_RETURN} ORDER BY t.createdAt, t.id")
        ]

    async def add_token(self, token: Token) -> None:
        """See People."""
        properties = {
            "id": token.id,
            "hash": token.hash.hex(),
            "person": token.person,
            "roles": sorted(token.roles),
            "createdAt": token.created_at,
            "expiresAt": token.expires_at,
            "revokedAt": token.revoked_at,
        }
        # MERGE, because a transaction that is tried again may have been committed the first time.
        await self._write("MERGE (t:Token {hash: $token.hash}) SET t = $token", token=properties)

    async def revoke(self, ids: Collection[str], at: int) -> None:
        """See People."""
        query = "MATCH (t:Token) WHERE t.id IN $ids AND t.revokedAt IS NULL SET t.revokedAt = $at"
        await self._write(query, ids=list(ids), at=at)

    async def record_accesses(self, accesses: Sequence[Access]) -> None:
        """See People."""
        rows = [
            {column: getattr(access, column) for column in _COLUMNS[1:]} | {"refused": access.refused}
            for access in accesses
        ]
        await self._write(_RECORD, rows=rows)

    async def accesses(
        self, before: int | None, limit: int, person: str | None = None, refused: bool | None = None
    ) -> list[tuple[int, Access]]:
        """See People."""
        given = {"a.seq < $before": before, "a.person = $person": person, "a.refused = $refused": refused}
        conditions = " AND ".join(["true", *(condition for condition, value in given.items() if value is not None)])
        rows = await self._connection.run(
            f"MATCH (a:Access) WHERE {conditions} "
            f"RETURN {', '.join(f'a.{column}' for column in _COLUMNS)} ORDER BY a.seq DESC LIMIT $limit",
            before=before,
            person=person,
            refused=refused,
            limit=limit,
        )
        return [(row[0], Access(*row[1:])) for row in rows]

    async def _write(self, query: str, **parameters: Any) -> None:
        await self._connection.write(lambda run: run(query, **parameters))


def _token(row: Sequence[Any]) -> Token:
    id, hash, person, roles, *times = row
    return Token(id, bytes.fromhex(hash), person, frozenset(map(AccessRole, roles)), *times)
