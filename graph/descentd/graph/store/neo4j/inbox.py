"""Deliveries from outside in Neo4j, as nodes that nothing of the lineage is joined to.

```
(:Arrival {identity, sent, records})      records as JSON, for lists in Neo4j hold no null
```
"""

import json
from typing import Final

from descentd.graph.store.inbox import Arrival
from descentd.graph.store.neo4j.connection import Connection

INBOX: Final = ("CREATE CONSTRAINT arrival_identity IF NOT EXISTS FOR (a:Arrival) REQUIRE a.identity IS UNIQUE",)
# What is compared is read after it is locked, as in neo4j_layout.LOCK.
_TAKE: Final = """
MERGE (a:Arrival {identity: $identity})
ON CREATE SET a.sent = $sent, a.records = $records
SET a.locked = true
WITH a WHERE a.sent < $sent
SET a.sent = $sent
"""


class Neo4jInbox:
    """Nodes beside the graph. Implements Inbox."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def arrived(self, identity: str) -> Arrival | None:
        """See Inbox."""
        query = "MATCH (a:Arrival {identity: $identity}) RETURN a.identity, a.sent, a.records"
        found = await self._connection.run(query, identity=identity)
        return Arrival(found[0][0], found[0][1], tuple(json.loads(found[0][2]))) if found else None

    async def take(self, arrival: Arrival) -> None:
        """See Inbox."""
        given = {"identity": arrival.identity, "sent": arrival.sent, "records": json.dumps(arrival.records)}
        await self._connection.write(lambda run: run(_TAKE, **given))
