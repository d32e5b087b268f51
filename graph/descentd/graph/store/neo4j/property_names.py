"""How many names of properties a database may have: Neo4j never gives one back, and has room for 2^24.

The names of parameters, metrics and population values are those of whoever registers, so there may be as many as
somebody likes to invent. Once a database has `MOST`, a record gets no property whose name would be a new one: it is in
the record's `body` all the same, and nothing but people's own Cypher misses it.
"""

from collections.abc import Sequence
from typing import Any, Final

from descentd.graph.store.neo4j.connection import Run
from descentd.graph.store.neo4j.properties import KEPT

MOST: Final = 100_000
"""Names of properties in a database, whoever brought them."""

_KEPT: Final = frozenset(KEPT)
_COUNT: Final = "CALL db.propertyKeys() YIELD propertyKey RETURN count(propertyKey)"
_ALL: Final = "CALL db.propertyKeys() YIELD propertyKey RETURN propertyKey"


class PropertyNames:
    """The names of properties that this process has seen in a database, which stay there for ever."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    async def bound(self, run: Run, records: Sequence[dict[str, Any]]) -> None:
        """Take from the properties of records those whose names there is no room for."""
        new = sorted({name for properties in records for name in properties} - self._seen - _KEPT)
        if not new:
            return
        [[there]] = await run(_COUNT)
        if there + len(new) > MOST:
            known = await names(run)
            room = max(0, MOST - len(known))
            beyond = set([name for name in new if name not in known][room:])
            for properties in records:
                for name in properties.keys() & beyond:
                    del properties[name]
            new = [name for name in new if name not in beyond]
        self._seen.update(new)


async def names(run: Run) -> frozenset[str]:
    """All names of properties in a database."""
    return frozenset(name for [name] in await run(_ALL))


async def names_if_full(run: Run) -> frozenset[str] | None:
    """All names of properties in a database that takes no more of them, None where it does."""
    [[there]] = await run(_COUNT)
    return await names(run) if there >= MOST else None
