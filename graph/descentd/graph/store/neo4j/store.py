"""The store for production: a real graph in Neo4j 5, which Browser, Bloom and any Cypher tool read too.

The layout is described in `schema`. Writers queue for the one `Log` node, so that sequences have no gaps; readers
never wait.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from neo4j.exceptions import ClientError
from typing_extensions import override

from descentd.graph.model.errors import DescentError, ReadOnly, Unavailable
from descentd.graph.model.log import Entry, Head
from descentd.graph.model.reach import Sequences, Tail
from descentd.graph.model.records import Brief
from descentd.graph.store.base import Proposal, Store, Stored, SupportsUpgrade, Totals
from descentd.graph.store.gathering import MOST
from descentd.graph.store.journal import Journal
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.neo4j import operational
from descentd.graph.store.neo4j.audit import audit, schema_fault, totals
from descentd.graph.store.neo4j.batching import CachedReads
from descentd.graph.store.neo4j.connection import Connection, Run
from descentd.graph.store.neo4j.exposure import Neo4jExposure
from descentd.graph.store.neo4j.importing import import_log
from descentd.graph.store.neo4j.journal import Neo4jJournal, begin
from descentd.graph.store.neo4j.operational import Neo4jAccounts, Neo4jInbox, Neo4jOutbox
from descentd.graph.store.neo4j.paths import Neo4jPaths
from descentd.graph.store.neo4j.reach import Neo4jReach
from descentd.graph.store.neo4j.reads import find_by_prefix, read_head, search, sequence_at
from descentd.graph.store.neo4j.schema import FIRST, FORMAT, IMPORTING, LOCK, SCHEMA
from descentd.graph.store.neo4j.tail import read_tail
from descentd.graph.store.neo4j.upgrade import OLDER, found_format, prepare, work_out
from descentd.graph.store.neo4j.versions import check_version, is_in_doubt, try_version
from descentd.graph.store.neo4j.writer import GONE_BACK, Writer
from descentd.graph.store.operational import Accounts, Inbox, Outbox

_OTHERS: Final = """
MATCH (n) WHERE NOT n:Record AND none(label IN labels(n) WHERE label STARTS WITH '_') RETURN 1 LIMIT 1
"""
_NOT_OURS: Final = "The database holds nodes that Descent did not make: give a registry a database of its own."
_OLDER: Final = "The registry was written by an earlier version: run `descentd upgrade` once, then open it."
_OTHER: Final = (
    "The registry was written by a later version, in a format that this one does not know: use that version."
)
_INCOMPLETE: Final = (
    "A log is being imported into this database and is not whole yet: finish it by `descentd import-log` with the same "
    "file, or empty the database."
)
_NONE: Final = "The database holds no registry: check its address and name."
_TRIED: Final = "MATCH (l:_Log) RETURN l.tried"
_TRY: Final = "MATCH (l:_Log) SET l.tried = $version"
_NAME: Final = re.compile(r"(?:CONSTRAINT|INDEX) (\w+) IF NOT EXISTS")

_STATEMENTS: Final = {name: each for each in (*SCHEMA, *operational.SCHEMA) for name in _NAME.findall(each)}
"""The statements that create constraints and indexes, by name."""


class Neo4jStore(CachedReads, Neo4jReach, Neo4jPaths, Neo4jExposure, Store, SupportsUpgrade):
    """A registry in a database of Neo4j 5.

    `uri` is bolt:// or neo4j:// and may hold the credentials (`bolt://USER:PASSWORD@HOST`). The log of accesses is that
    of `beside`, a store that is opened and closed with this one: who asked for what is not for all to read who read the
    graph. Without one it is forgotten with this object. Raises InvalidInput for an address that cannot be taken apart.
    """

    def __init__(
        self,
        uri: str,
        auth: tuple[str, str] | None = None,
        database: str | None = None,
        beside: Store | None = None,
    ) -> None:
        self._connection = Connection(uri, auth, database)
        self._beside = beside or MemoryStore()
        CachedReads.__init__(self, self._connection.run)
        self._writer = Writer(self._connection, self)
        Neo4jReach.__init__(self)
        Neo4jExposure.__init__(self)

    @property
    @override
    def accounts(self) -> Accounts:
        return Neo4jAccounts(self._connection, self._beside.accounts)

    @property
    @override
    def outbox(self) -> Outbox:
        return Neo4jOutbox(self._connection)

    @property
    @override
    def inbox(self) -> Inbox:
        return Neo4jInbox(self._connection)

    @property
    @override
    def journal(self) -> Journal:
        return Neo4jJournal(self._connection, self._beside.journal)

    @property
    @override
    def read_only(self) -> bool:
        return self._connection.read_only

    @override
    async def open(self, *, repair: bool = True) -> None:
        """Connect, and create what is missing, or leave everything as it is where nothing is to be repaired.

        Nothing is written where nothing is missing. Raises Unavailable where the database cannot be reached, where it
        holds a registry of another format or nodes of others, where there is no registry and nothing is to be repaired,
        and where Neo4j is of a version that keeps none rightly.
        """
        await self._beside.open(repair=repair)
        await self._connection.open()
        self._writer = Writer(self._connection, self)
        try:
            version, format = await self._found()
            if format == IMPORTING:
                raise Unavailable(_INCOMPLETE)
            if format is None and not repair:
                raise Unavailable(_NONE)
            if repair:
                await self._prepare(version, new=format is None)
        except BaseException:
            await self.close()
            raise

    async def _found(self) -> tuple[str, int | None]:
        """The version of Neo4j, and the format of the registry, None where there is none yet; raises as `open` does."""
        version = await check_version(self._connection)
        format = await found_format(self._run)
        if format not in (None, FORMAT, IMPORTING):
            raise Unavailable(_OLDER if format in OLDER else _OTHER)
        if format is None and await self._run(_OTHERS):
            raise Unavailable(_NOT_OURS)
        return version, format

    @override
    async def import_log(self, batches: Iterable[Sequence[Entry]]) -> None:
        await self._beside.open()
        await self._connection.open()
        try:
            version, format = await self._found()
            await self._prepare(version, new=format is None)
            await import_log(self._connection, batches)
        finally:
            await self.close()

    async def _prepare(self, version: str, *, new: bool) -> None:
        """Create what is missing, on a version that is tried first where it is in doubt."""
        if not await self._may_write():
            if missing := await self._missing():
                raise ReadOnly(
                    f"The constraint or index {missing[0]} is missing, and the database may only be read: "
                    "open the registry once where Descent may write."
                )
            return
        tried = is_in_doubt(version) and (new or (await self._run(_TRIED))[0][0] != version)
        if tried:
            await try_version(self._connection, version)
        await self._create_schema()
        if new:
            await self._connection.write(_first)
        if tried:
            await self._connection.write(lambda run: run(_TRY, version=version))

    async def _may_write(self) -> bool:
        """Whether the database lets us write, by what is undone: its settings and our privileges may forbid it."""
        try:
            await self._connection.try_out(lambda run: run(LOCK))
        except ReadOnly:
            return False
        except Unavailable:
            pass  # a cluster without a leader can be read meanwhile, and writes say what is the matter
        return True

    @override
    async def upgrade(
        self, backup: Path, rehash: Callable[[bytes], bytes], progress: Callable[[int], None] | None = None
    ) -> bool:
        await self._beside.open()
        await self._connection.open()
        try:
            if not await prepare(self._connection, backup):
                return False
            await self._create_schema()
            await work_out(self._connection, self._beside.accounts, rehash, progress)
            return True
        finally:
            await self.close()

    async def _create_schema(self) -> None:
        """Create the constraints (each is an index too) and indexes that are not there: each takes a transaction."""
        missing = await self._missing()
        for name in missing:
            await self._create(_STATEMENTS[name])
        if missing:
            await self._run("CALL db.awaitIndexes(300)")

    async def _missing(self) -> list[str]:
        """The names of the constraints and indexes that are not there."""
        there = {name for name, state in await self._run("SHOW INDEXES YIELD name, state") if state == "ONLINE"}
        return [name for name in _STATEMENTS if name not in there]

    async def _create(self, statement: str) -> None:
        try:
            await self._connection.write(lambda run: run(statement))
        except ClientError as error:
            # Another server that opens at the same moment may be a hair faster.
            if error.code != "Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists":
                raise

    def clear(self) -> None:
        """Forget all answers."""
        CachedReads.clear(self)
        Neo4jReach.clear(self)
        Neo4jExposure.clear(self)

    @override
    async def close(self) -> None:
        self.clear()
        await self._connection.close()
        await self._beside.close()

    @override
    async def head(self) -> Head:
        head = await read_head(self._run)
        self.saw([head.sequence])
        return head

    @override
    async def sequence(self, *ahead: str) -> int:
        sequence, _ = await self.last(*ahead[:MOST])
        return sequence

    @override
    async def sequence_after_write(self) -> int:
        return self._writer.recorded or await self.sequence()

    @override
    async def look_up(self, name: str) -> tuple[int, Brief | None]:
        sequence, found = await self.last(name)
        return sequence, found.get(name)

    @override
    async def last(self, *names: str) -> tuple[int, dict[str, Brief]]:
        reached = max(self.newest, self._writer.recorded)
        sequence, found = await super().last(*names)
        if sequence < reached:  # and what is kept may be of records that others are to take the place of
            raise Unavailable(GONE_BACK)
        return sequence, found

    @override
    async def sequence_at(self, moment: int) -> int:
        sequence = await sequence_at(self._run, moment)
        self.saw([sequence])
        return sequence

    @override
    async def find_by_prefix(self, prefix: str) -> Sequences:
        found = await find_by_prefix(self._run, prefix)
        self.saw(found[-1:].tolist())
        return found

    @override
    async def search(self, words: Sequence[str], digest: str | None) -> Sequences:
        found = await search(self._run, words, digest)
        self.saw(found[-1:].tolist())
        return found

    @override
    async def tail(self, after: int) -> Tail:
        upto = await self.sequence()
        return await self._connection.read(lambda run: read_tail(run, after, upto))

    @override
    async def schema_fault(self) -> str | None:
        return await schema_fault(self._run, (*SCHEMA, *operational.SCHEMA))

    @override
    async def audit(self, after: int, limit: int) -> list[Stored]:
        return await audit(self._run, after, limit)

    @override
    async def totals(self) -> Totals:
        return await self._connection.read(totals)

    @override
    async def write(self, proposals: Sequence[Proposal]) -> list[DescentError | None]:
        return await self._writer.write(proposals)


async def _first(run: Run) -> None:
    """Write what an empty registry has."""
    await begin(run)
    await run(FIRST, format=FORMAT)
