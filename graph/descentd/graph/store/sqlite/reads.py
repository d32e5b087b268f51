"""Reading a registry's SQLite file: one connection, synchronous underneath, a query a call."""
# ruff: noqa: S608 - what is put together into queries is ours; what was given is bound

import json
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, combinations
from typing import Final, TypeVar

import numpy as np
from typing_extensions import override

from descentd.graph.model.errors import Unavailable
from descentd.graph.model.kinds import KIND_NUMBER, KINDS, ROLE_NUMBER, ROLES, UNTRAINED, Edge, Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.reach import DisclosureFact, Sequences, Tail
from descentd.graph.model.records import Brief, Record
from descentd.graph.store.base import Link, Reads
from descentd.graph.store.link_order import IN_ORDER, merged
from descentd.graph.store.tail import (
    MADE_WITH,
    RETRACTABLE,
    WALKED,
    TailBuilder,
    disclosure_fact,
    population_facts,
    speaking,
    suspects,
)
from descentd.graph.turns import pause

_ENTRY: Final = "SELECT seq, tx, kind, content, recorded_at, recorded_by FROM record JOIN body USING (seq)"
_SHORT: Final = 1000
_AT_ONCE: Final = 100
"""How many records or keys are looked up by one query: a millisecond or two."""
_DESCRIBES: Final = ROLE_NUMBER[Role.DESCRIBES]
Asked = TypeVar("Asked")


@contextmanager
def translated() -> Iterator[None]:
    """Turn SQLite's errors into ours, without its text, which names tables: that is in the cause, for our log."""
    try:
        yield
    except sqlite3.IntegrityError:  # a mistake of ours, and no outage
        raise
    except sqlite3.Error as error:
        raise Unavailable("The store cannot be read or written: try again, then check the server's log.") from error


@contextmanager
def any_text(connection: sqlite3.Connection) -> Iterator[None]:
    """Read texts that are not UTF-8 too; they come out unlike any that is."""
    connection.text_factory = _decoded
    try:
        yield
    finally:
        connection.text_factory = str


def _decoded(kept: bytes) -> str:
    return kept.decode(errors="surrogateescape")


async def _parts(asked: Collection[Asked]) -> AsyncIterator[list[Asked]]:
    """What is asked for in parts; others have their turns in between, so that no loop of look-ups stops them."""
    items = list(asked)
    for start in range(0, len(items), _AT_ONCE):
        part = items[start : start + _AT_ONCE]
        await pause()
        yield part


class SQLiteReads(Reads):
    """Look-ups on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    @override
    async def resolve(self, names: Collection[str]) -> dict[str, Brief]:
        found: dict[str, Brief] = {}
        for column in ("id", "label"):
            # json_each takes a NUL for the end of a text.
            wanted = [n for n in names if n.startswith("sha256:") == (column == "id") and "\0" not in n]
            query = f"SELECT seq, kind, id, label FROM record WHERE {column} IN (SELECT value FROM json_each(?))"
            async for part in _parts(wanted):
                with translated():
                    for row in self.connection.execute(query, (json.dumps(part),)):
                        brief = _brief(row)
                        found[brief.id if column == "id" else str(brief.label)] = brief
        return found

    @override
    async def briefs(self, sequences: Sequence[int]) -> list[Brief]:
        query = "SELECT seq, kind, id, label FROM record WHERE seq IN (SELECT value FROM json_each(?))"
        found: dict[int, Brief] = {}
        async for part in _parts(sequences):
            with translated():
                found |= {row[0]: _brief(row) for row in self.connection.execute(query, (json.dumps(part),))}
        return [found[s] for s in sequences if s in found]

    @override
    async def entries(self, sequences: Sequence[int]) -> list[Entry]:
        query = f"{_ENTRY} WHERE seq IN (SELECT value FROM json_each(?))"
        found: dict[int, Entry] = {}
        async for part in _parts(sequences):
            with translated():
                found |= {row[0]: _entry(row) for row in self.connection.execute(query, (json.dumps(part),))}
        return [found[s] for s in sequences if s in found]

    async def hashes(self, after: int, limit: int) -> list[bytes]:
        """The leaf hashes of up to `limit` entries after a sequence, in log order, as they are kept."""
        query = "SELECT hash FROM record WHERE seq > ? AND seq <= ? ORDER BY seq"
        with translated():
            return [hash for (hash,) in self.connection.execute(query, (after, after + limit))]

    @override
    async def find_by_keys(self, keys: Collection[str]) -> dict[str, list[int]]:
        query = "SELECT value, seq FROM key WHERE value IN (SELECT value FROM json_each(?)) ORDER BY seq"
        held: defaultdict[str, list[int]] = defaultdict(list)
        async for part in _parts(keys):
            with translated():
                for key, sequence in self.connection.execute(query, (json.dumps(part),)):
                    held[key].append(sequence)
        return dict(held)

    @override
    async def any_by_keys(self, keys: Collection[str]) -> dict[str, int]:
        # A look-up in the index for each key: it never reads the others that hold it.
        query = "SELECT k.value, (SELECT seq FROM key WHERE key.value = k.value LIMIT 1) FROM json_each(?) AS k"
        found: dict[str, int] = {}
        async for part in _parts(keys):
            with translated():
                rows = self.connection.execute(query, (json.dumps(part),)).fetchall()
            found |= {key: sequence for key, sequence in rows if sequence is not None}
        return found

    @override
    async def links(self, sequences: Collection[int], roles: Collection[Role], *, inward: bool) -> list[Link]:
        here = "dst" if inward else "src"
        # The cross join makes the asked-for records the outer loop whatever the statistics say.
        query = (
            f"SELECT src, role, dst, detail FROM json_each(?1) AS s CROSS JOIN edge ON {here} = s.value "
            "WHERE role IN (SELECT value FROM json_each(?2))"
        )
        numbers = json.dumps([ROLE_NUMBER[role] for role in roles])
        runs: list[list[Link]] = []
        async for part in _parts(sorted(set(sequences))):
            with translated():
                rows = self.connection.execute(query, (json.dumps(part), numbers))
                runs.append(sorted((Link(s, ROLES[r], d, detail) for s, r, d, detail in rows), key=IN_ORDER))
        # Of runs in order of their sources each follows the one before it.
        return await merged(runs) if inward else [*chain(*runs)]

    async def find_by_prefix(self, prefix: str) -> Sequences:
        """All records with a key that begins with `prefix`, ascending."""
        return self._sequences("SELECT DISTINCT seq FROM key WHERE value >= ? AND value < ?", *_range(prefix))

    async def search(self, words: Sequence[str], digest: str | None) -> Sequences:
        """All records that hold a word beginning with each of `words`, or a digest that begins so; ascending."""
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
        # As one text: a row for each of millions would take three times as long.
        with translated():
            [(found,)] = self.connection.execute(f"SELECT group_concat(seq, ' ') FROM ({query})", arguments)
        return np.sort(np.fromstring(found or "", dtype=np.int64, sep=" "))

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
        """What the influence graph needs to know of the records after a sequence."""
        with self.snapshot():
            last = self.connection.execute("SELECT seq FROM head").fetchone()[0]
            tail = self._short_tail(after) if last - after < _SHORT else self._long_tail(after, last)
            made_with = self.connection.execute(_MADE_WITH, (json.dumps(suspects(tail)),))
            return replace(tail, trained=speaking((version, KINDS[kind], body) for version, kind, body in made_with))

    def _short_tail(self, after: int) -> Tail:
        builder = TailBuilder(after)
        execute = self.connection.execute
        statements: list[int] = []
        for sequence, kind in execute("SELECT seq, kind FROM record WHERE seq > ? ORDER BY seq", (after,)).fetchall():
            builder.record(KINDS[kind])
            if KINDS[kind] in RETRACTABLE:
                statements.append(sequence)
            if KINDS[kind] is Kind.PARTITION:
                builder.twin(sequence, execute(_EARLIEST, (sequence,)).fetchone()[0])
        for s, role, d, detail in execute(
            "SELECT src, role, dst, detail FROM edge WHERE src > ? ORDER BY src", (after,)
        ):
            builder.edge(Link(s, ROLES[role], d, detail))
        for statement, partition, body in execute(_POPULATIONS, (_DESCRIBES, after)):
            builder.population(statement, partition, body.encode())
        disclosures, retractions = self._disclosed(statements)
        for fact in disclosures:
            builder.disclosure(fact)
        for sequence, subject in retractions:
            builder.retraction(sequence, subject)
        return builder.build()

    def _disclosed(self, statements: Sequence[int]) -> tuple[list[DisclosureFact], list[tuple[int, int]]]:
        """What DISCLOSURE and RETRACTION records at these sequences say of lineage."""
        disclosed: dict[int, tuple[str, list[tuple[Role, int]]]] = {}
        retractions: list[tuple[int, int]] = []
        for source, kind, body, role, target, of in self.connection.execute(_ABOUT, (json.dumps(list(statements)),)):
            if KINDS[kind] is Kind.DISCLOSURE:
                disclosed.setdefault(source, (body, []))[1].append((ROLES[role], target))
            elif KINDS[of] in RETRACTABLE:
                retractions.append((source, target))
        facts = [disclosure_fact(source, links, body) for source, (body, links) in sorted(disclosed.items())]
        return facts, sorted(retractions)

    def _long_tail(self, after: int, last: int) -> Tail:
        """As `_short_tail`, with the numbers packed into long texts: a row a record costs four times as much."""
        execute = self.connection.execute
        packed = execute(
            "SELECT group_concat(kind, ' ') FROM (SELECT kind FROM record WHERE seq > ? ORDER BY seq)", (after,)
        )
        kinds = _integers(packed.fetchone()[0]).astype(np.uint8)
        bounds = [(start, min(start + _SPAN, last)) for start in range(after, last, _SPAN)]
        numbers = np.concatenate([_integers(execute(_PACKED, (*_READ, *span)).fetchone()[0]) for span in bounds])
        twins = execute(_TWINS, (after,)).fetchall()
        statements = (np.flatnonzero(kinds == KIND_NUMBER[Kind.POPULATION]) + after + 1).tolist()
        retractable = [KIND_NUMBER[kind] for kind in RETRACTABLE]
        disclosures, retractions = self._disclosed((np.flatnonzero(np.isin(kinds, retractable)) + after + 1).tolist())
        return Tail(
            after=after,
            kinds=kinds,
            sources=(numbers >> 34).astype(np.int32),
            roles=((numbers >> 1) & 0xF).astype(np.uint8),
            targets=((numbers >> 5) & 0x1FFFFFFF).astype(np.int32),
            learns=(numbers & 1).astype(np.bool_),
            twins=np.array(twins, dtype=np.int32).reshape(-1, 2),
            populations=population_facts(execute(_STATED, (json.dumps(statements), _DESCRIBES)).fetchall()),
            disclosures=disclosures,
            retractions=np.array(retractions, np.int32).reshape(-1, 2),
        )


_EARLIEST: Final = (
    "SELECT min(other.seq) FROM key AS own JOIN key AS other USING (value) WHERE own.seq = ? AND value GLOB 'digest:*'"
)
_TWINS: Final = (
    "SELECT seq, earliest FROM key JOIN (SELECT value, min(seq) AS earliest FROM key "
    "WHERE value >= 'digest:' AND value < 'digest;' GROUP BY value HAVING count(*) > 1) USING (value) "
    "WHERE seq > ? AND seq > earliest ORDER BY seq"
)
_POPULATIONS: Final = (
    f"SELECT seq, dst, content FROM record JOIN body USING (seq) JOIN edge ON src = seq AND role = ? "
    f"WHERE kind = {KIND_NUMBER[Kind.POPULATION]} AND seq > ? ORDER BY seq"
)
_STATED: Final = (
    "SELECT body.seq, dst, content FROM json_each(?) AS s CROSS JOIN body ON body.seq = s.value "
    "JOIN edge ON src = body.seq AND role = ?"
)
_TELLING: Final = f"{ROLE_NUMBER[Role.ABOUT]}, {ROLE_NUMBER[Role.SUPERSEDES]}"
_ABOUT: Final = (
    f"SELECT src, own.kind, iif(own.kind = {KIND_NUMBER[Kind.DISCLOSURE]}, content, NULL), role, dst, record.kind "
    f"FROM json_each(?) AS s CROSS JOIN edge ON src = s.value AND role IN ({_TELLING}) "
    "JOIN record AS own ON own.seq = src JOIN body ON body.seq = src JOIN record ON record.seq = dst"
)
_MADE_WITH: Final = (
    "SELECT src, kind, content FROM json_each(?) AS s "
    f"CROSS JOIN edge ON src = s.value AND role IN ({', '.join(str(ROLE_NUMBER[role]) for role in sorted(MADE_WITH))}) "
    "JOIN record ON record.seq = dst JOIN body ON body.seq = dst"
)
_SPAN: Final = 250_000
"""How many records' edges come as one text."""
# src << 34 | dst << 5 | role << 1 | learns, in log order as the index has it: it holds 2^29 records.
_PACKED: Final = (
    "SELECT group_concat((src << 34) | (dst << 5) | (role << 1) "
    "| (detail NOT IN (SELECT value FROM json_each(?))), ' ') "
    "FROM edge INDEXED BY edge_out WHERE (? >> role) & 1 AND src > ? AND src <= ?"
)


def _unlearning(role: Role, details: Collection[str]) -> list[str]:
    """The details with which an edge of this role teaches nothing, as `Edge.learns` says."""
    ordered = sorted(details)
    several = (",".join(some) for n in range(1, len(ordered) + 1) for some in combinations(ordered, n))
    return [detail for detail in several if not Edge(role, "", detail).learns]


# Worked out here, because a function of ours that SQL calls for each edge would take most of the time.
_READ: Final = (
    json.dumps(_unlearning(Role.TRAINED_ON, {"RETRIEVAL"}) + _unlearning(Role.DERIVED_FROM, UNTRAINED)),
    sum(1 << ROLE_NUMBER[role] for role in WALKED),
)


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
