"""Reading a registry's SQLite file: one connection, synchronous underneath, a query a call."""
# ruff: noqa: S608 - what is put together into queries is ours; what was given is bound

import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from typing import Final

import numpy as np

from descentd.graph.errors import Unavailable
from descentd.graph.log import Entry
from descentd.graph.reach import Sequences, Tail
from descentd.graph.records import Brief, Record
from descentd.graph.relations import KIND_NUMBER, KINDS, ROLE_NUMBER, ROLES, UNTRAINED, Edge, Kind, Role
from descentd.graph.store.base import Link
from descentd.graph.store.tails import WALKED, TailBuilder

_ENTRY: Final = "SELECT seq, tx, kind, content, recorded_at, recorded_by FROM record JOIN body USING (seq)"
_SHORT: Final = 1000


@contextmanager
def translated() -> Iterator[None]:
    """Turn SQLite's errors into ours; its texts name no path."""
    try:
        yield
    except sqlite3.IntegrityError:  # a mistake of ours, and no outage
        raise
    except sqlite3.Error as error:
        raise Unavailable(f"The store cannot be read or written ({error}): try again, then check the disk.") from error


class SQLiteReads:
    """Look-ups on one connection. Implements Reads."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    async def resolve(self, names: Collection[str]) -> dict[str, Brief]:
        """See Reads."""
        found: dict[str, Brief] = {}
        with translated():
            for column in ("id", "label"):
                # json_each takes a NUL for the end of a text.
                wanted = [n for n in names if n.startswith("sha256:") == (column == "id") and "\0" not in n]
                if wanted:
                    query = (
                        f"SELECT seq, kind, id, label FROM record WHERE {column} IN (SELECT value FROM json_each(?))"
                    )
                    for row in self.connection.execute(query, (json.dumps(wanted),)):
                        brief = _brief(row)
                        found[brief.id if column == "id" else str(brief.label)] = brief
        return found

    async def briefs(self, sequences: Sequence[int]) -> list[Brief]:
        """See Reads."""
        query = "SELECT seq, kind, id, label FROM record WHERE seq IN (SELECT value FROM json_each(?))"
        with translated():
            found = {row[0]: _brief(row) for row in self.connection.execute(query, (json.dumps(list(sequences)),))}
        return [found[s] for s in sequences if s in found]

    async def entries(self, sequences: Sequence[int]) -> list[Entry]:
        """See Reads."""
        query = f"{_ENTRY} WHERE seq IN (SELECT value FROM json_each(?))"
        with translated():
            found = {row[0]: _entry(row) for row in self.connection.execute(query, (json.dumps(list(sequences)),))}
        return [found[s] for s in sequences if s in found]

    async def holders(self, keys: Collection[str]) -> dict[str, list[int]]:
        """See Reads."""
        query = "SELECT value, seq FROM key WHERE value IN (SELECT value FROM json_each(?)) ORDER BY seq"
        held: defaultdict[str, list[int]] = defaultdict(list)
        with translated():
            for key, sequence in self.connection.execute(query, (json.dumps(list(keys)),)):
                held[key].append(sequence)
        return dict(held)

    async def links(self, sequences: Collection[int], roles: Collection[Role], *, inward: bool) -> list[Link]:
        """See Reads."""
        here = "dst" if inward else "src"
        # The cross join makes the asked-for records the outer loop whatever the statistics say.
        query = (
            f"SELECT src, role, dst, detail FROM json_each(?1) AS s CROSS JOIN edge ON {here} = s.value "
            "WHERE role IN (SELECT value FROM json_each(?2))"
        )
        arguments = json.dumps(list(set(sequences))), json.dumps([ROLE_NUMBER[role] for role in roles])
        with translated():
            links = [Link(s, ROLES[r], d, detail) for s, r, d, detail in self.connection.execute(query, arguments)]
        return sorted(links, key=lambda link: (link.source, link.role, link.target))

    async def holding(self, prefix: str) -> Sequences:
        """See Store."""
        return self._sequences("SELECT DISTINCT seq FROM key WHERE value >= ? AND value < ?", *_range(prefix))

    async def search(self, words: Sequence[str], digest: str | None) -> Sequences:
        """See Store."""
        parts: list[str] = []
        arguments: list[str] = []
        if words:
            parts.append("SELECT rowid AS seq FROM word WHERE word MATCH ?")
            arguments.append(" ".join(f'"{word}"*' for word in words))
        if digest is not None:
            parts.append("SELECT seq FROM record WHERE id >= ? AND id < ?")
            arguments += _range(digest)
            for what in ("artifact:", "digest:"):
                parts.append("SELECT seq FROM key WHERE value >= ? AND value < ?")
                arguments += _range(what + digest)
        return self._sequences(" UNION ".join(parts), *arguments) if parts else np.empty(0, dtype=np.int64)

    def _sequences(self, query: str, *arguments: str) -> Sequences:
        with translated():
            rows = self.connection.execute(query, arguments).fetchall()
        return np.sort(np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows)))

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Several queries of one state of the file."""
        with translated():
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self.connection.execute("COMMIT")

    async def tail(self, after: int) -> Tail:
        """See Store."""
        with self.snapshot():
            last = self.connection.execute("SELECT seq FROM head").fetchone()[0]
            return self._short_tail(after) if last - after < _SHORT else self._long_tail(after)

    def _short_tail(self, after: int) -> Tail:
        builder = TailBuilder(after)
        execute = self.connection.execute
        for sequence, kind in execute("SELECT seq, kind FROM record WHERE seq > ? ORDER BY seq", (after,)).fetchall():
            builder.record(KINDS[kind])
            if KINDS[kind] is Kind.PARTITION:
                builder.twin(sequence, execute(_EARLIEST, (sequence,)).fetchone()[0])
        for s, role, d, detail in execute(
            "SELECT src, role, dst, detail FROM edge WHERE src > ? ORDER BY src", (after,)
        ):
            builder.edge(Link(s, ROLES[role], d, detail))
        for statement, partition, body in execute(_POPULATIONS, (ROLE_NUMBER[Role.DESCRIBES], after)):
            builder.population(statement, partition, body.encode())
        return builder.build()

    def _long_tail(self, after: int) -> Tail:
        """As `_short_tail`, with the numbers packed into one text a role: a row a record costs four times as much."""
        execute = self.connection.execute
        kinds = execute(
            "SELECT group_concat(kind, ' ') FROM (SELECT kind FROM record WHERE seq > ? ORDER BY seq)", (after,)
        )
        packed = [
            _integers(execute(_PACKED_EDGES, (json.dumps(_unlearning(role)), ROLE_NUMBER[role], after)).fetchone()[0])
            for role in WALKED
        ]
        numbers = np.concatenate(packed)
        order = np.argsort(numbers >> 32, kind="stable")
        roles = np.repeat(np.array([ROLE_NUMBER[role] for role in WALKED], dtype=np.uint8), [len(p) for p in packed])
        builder = TailBuilder(after)
        for sequence, earliest in execute(_TWINS, (after,)):
            builder.twin(sequence, earliest)
        for statement, partition, body in execute(_POPULATIONS, (ROLE_NUMBER[Role.DESCRIBES], after)):
            builder.population(statement, partition, body.encode())
        rest = builder.build()
        return Tail(
            after=after,
            kinds=_integers(kinds.fetchone()[0]).astype(np.uint8),
            sources=(numbers[order] >> 32).astype(np.int32),
            roles=roles[order],
            targets=((numbers[order] & 0xFFFFFFFF) >> 1).astype(np.int32),
            learns=(numbers[order] & 1).astype(np.bool_),
            twins=rest.twins,
            populations=rest.populations,
        )


_EARLIEST: Final = (
    "SELECT min(other.seq) FROM key AS own JOIN key AS other USING (value) WHERE own.seq = ? AND value GLOB 'digest:*'"
)
_TWINS: Final = (
    "SELECT seq, earliest FROM key JOIN (SELECT value, min(seq) AS earliest FROM key "
    "WHERE value >= 'digest:' AND value < 'digest;' GROUP BY value HAVING count(*) > 1) USING (value) "
    "WHERE seq > ? ORDER BY seq"
)
_POPULATIONS: Final = (
    f"SELECT seq, dst, content FROM record JOIN body USING (seq) JOIN edge ON src = seq AND role = ? "
    f"WHERE kind = {KIND_NUMBER[Kind.POPULATION]} AND seq > ? ORDER BY seq"
)
# src << 32 | dst << 1 | learns; a retrieval or a merge learns nothing. What `Edge.learns` says of each detail is said
# once: called from SQL for each edge, it would take most of the time.
_PACKED_EDGES: Final = (
    "SELECT group_concat((src << 32) | (dst << 1) | (detail NOT IN (SELECT value FROM json_each(?))), ' ') "
    "FROM edge INDEXED BY edge_out WHERE role = ? AND src > ?"
)


def _unlearning(role: Role) -> list[str]:
    """The details with which an edge of this role teaches nothing."""
    single = ("RETRIEVAL", *sorted(UNTRAINED))
    details = [",".join(several) for n in range(1, len(single) + 1) for several in combinations(single, n)]
    return [detail for detail in details if not Edge(role, "", detail).learns]


def _integers(packed: str | None) -> Sequences:
    return np.fromstring(packed or "", dtype=np.int64, sep=" ")


def _brief(row: tuple[int, int, str, str | None]) -> Brief:
    return Brief(row[0], KINDS[row[1]], row[2], row[3])


def _entry(row: tuple[int, int, int, str | None, int, str]) -> Entry:
    sequence, transaction, kind, content, recorded_at, recorded_by, *_ = row
    return Entry(sequence, transaction, Record(KINDS[kind], (content or "").encode()), recorded_at, recorded_by)


def _range(prefix: str) -> tuple[str, str]:
    """The bounds of all texts that begin with `prefix`."""
    return prefix, prefix + "\U0010ffff"
