"""Look-ups in Neo4j: a statement a call, its answer collected into a few lists, so that no row costs a message.

Each list is short enough that decoding it keeps nobody waiting; others have their turns in between.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from typing_extensions import override

from descentd.graph.index.arrays import sorted_unique
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry, Head
from descentd.graph.model.merkle import Frontier
from descentd.graph.model.reach import Sequences
from descentd.graph.model.records import Brief, Record
from descentd.graph.store.base import Link, Reads
from descentd.graph.store.link_order import IN_ORDER, merged
from descentd.graph.store.neo4j.connection import Row, Run
from descentd.graph.store.neo4j.schema import HEAD
from descentd.graph.store.neo4j.times import microseconds, moment_of, zoned
from descentd.graph.turns import each, pause

_BRIEF: Final = "r.seq, r.kind, r.id, r.label"
_ENTRY: Final = f"r.seq, r.tx, r.kind, r.body, {microseconds('r.recordedAt')}, r.recordedBy"
_NAMED: Final = """
CALL () {
  UNWIND $ids AS name MATCH (r:Record {id: name}) RETURN name, r
  UNION ALL
  UNWIND $labels AS name MATCH (r:Record {label: name}) RETURN name, r
}
"""
_SLICE: Final = 500
"""Rows that are decoded at once: some two milliseconds."""


def _collect(row: str) -> str:
    """The end of a statement that returns its rows in lists of a length that can be decoded at once."""
    return (
        f"WITH collect([{row}]) AS found UNWIND range(0, size(found) - 1, {_SLICE}) AS i RETURN found[i..i + {_SLICE}]"
    )


_RESOLVE: Final = _NAMED + _collect(f"name, {_BRIEF}")
_NEAR: Final = 100
"""The most records of which a look-up brings the names with what names them."""
_WHOLE: Final = f"""
RETURN [name, {_BRIEF}, {_ENTRY}, COLLECT {{
  MATCH (r)-->(t:Record) RETURN [t.seq, t.kind, t.id, t.label] LIMIT {_NEAR}
}}] AS found
"""
_FOUND: Final = f"""
MATCH (l:_Log) RETURN l.seq, COLLECT {{
  UNWIND $ids AS name MATCH (r:Record {{id: name}}) {_WHOLE}
  UNION ALL
  UNWIND $labels AS name MATCH (r:Record {{label: name}}) {_WHOLE}
}}
"""
_BRIEFS: Final = "UNWIND $seqs AS s MATCH (r:Record {seq: s}) " + _collect(_BRIEF)
_ENTRIES: Final = f"UNWIND $seqs AS s MATCH (r:Record {{seq: s}}) RETURN {_ENTRY}"
_HOLDERS: Final = """
UNWIND $keys AS key MATCH (k:_Key {value: key})<-[:_HOLDS]-(r:Record)
WITH key, collect(r.seq) AS held
""" + _collect("key, held")
_ANY_HOLDER: Final = """
UNWIND $keys AS key
CALL (key) { MATCH (:_Key {value: key})<-[:_HOLDS]-(r:Record) RETURN r.seq AS held LIMIT 1 }
""" + _collect("key, held")
_HOLDING: Final = "MATCH (k:_Key)<-[:_HOLDS]-(r:Record) WHERE k.value STARTS WITH $prefix RETURN collect(r.seq)"
_WORDS: Final = """
CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()
CALL db.index.fulltext.queryNodes('record_words', $query) YIELD node AS r
WITH r, ' ' + r.words AS held WHERE all(word IN $words WHERE held CONTAINS ' ' + word)
RETURN collect(r.seq)
"""
_DIGESTS: Final = """
CALL () {
  MATCH (r:Record) WHERE r.id STARTS WITH $digest RETURN r
  UNION
  MATCH (k:_Key)<-[:_HOLDS]-(r:Record) WHERE k.value STARTS WITH 'artifact:' + $digest RETURN r
  UNION
  MATCH (k:_Key)<-[:_HOLDS]-(r:Record) WHERE k.value STARTS WITH 'digest:' + $digest RETURN r
}
RETURN collect(r.seq)
"""
_AT: Final = """
UNWIND $seqs AS s MATCH (r:Record {seq: s}) WHERE r.recordedAt <= $moment
RETURN coalesce(max(s), 0)
"""
_PROBES: Final = 256
# Lucene's whitespace analyzer cuts words at 255 UTF-16 units, so that longer beginnings would find nothing.
_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class Found:
    """What a name stands for: its record, what was logged of it, and some of the records that its content names."""

    name: str
    brief: Brief
    entry: Entry
    near: list[Brief]


class Neo4jReads(Reads):
    """Look-ups by batch, on a connection or inside a transaction."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @override
    async def resolve(self, names: Collection[str]) -> dict[str, Brief]:
        found: dict[str, Brief] = {}
        async for rows in self._collected(_RESOLVE, **_by_kind(names)):
            found |= {name: _brief(row) for name, *row in rows}
        return found

    async def found(self, names: Collection[str]) -> tuple[int, list[Found]]:
        """The sequence of the newest record, and what `resolve` finds of the names at that moment."""
        [[sequence, rows]] = await self._run(_FOUND, **_by_kind(names))
        return sequence, [
            Found(name, _brief(row[:4]), _entry(row[4:10]), [_brief(target) for target in row[10]])
            for name, *row in rows
        ]

    @override
    async def briefs(self, sequences: Sequence[int]) -> list[Brief]:
        found: dict[int, Brief] = {}
        async for rows in self._collected(_BRIEFS, seqs=_distinct(sequences)):
            found |= {row[0]: _brief(row) for row in rows}
        return [found[s] for s in sequences if s in found]

    @override
    async def entries(self, sequences: Sequence[int]) -> list[Entry]:
        rows = await self._run(_ENTRIES, seqs=_distinct(sequences))
        found = {row[0]: _entry(row) async for row in each(rows)}
        return [found[s] for s in sequences if s in found]

    async def hashes(self, after: int, limit: int) -> list[bytes]:
        """The leaf hashes of up to `limit` entries after a sequence, in log order, as they are kept."""
        query = (
            "MATCH (r:Record) WHERE r.seq > $after AND r.seq <= $last WITH r.seq AS seq, r.hash AS hash ORDER BY seq "
            "RETURN collect(hash)"
        )
        [[hashes]] = await self._run(query, after=after, last=after + limit)
        return [bytes.fromhex(hash) for hash in hashes]

    @override
    async def find_by_keys(self, keys: Collection[str]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        async for rows in self._collected(_HOLDERS, keys=list(dict.fromkeys(keys))):
            found |= {key: sorted(held) for key, held in rows}
        return found

    @override
    async def any_by_keys(self, keys: Collection[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        async for rows in self._collected(_ANY_HOLDER, keys=list(dict.fromkeys(keys))):
            found |= dict(rows)
        return found

    @override
    async def links(self, sequences: Collection[int], roles: Collection[Role], *, inward: bool) -> list[Link]:
        types = "|".join(sorted(set(roles) - {Role.SAME_DATA}))
        if not types:
            return []
        arrow = f"<-[e:{types}]-" if inward else f"-[e:{types}]->"
        query = f"UNWIND $seqs AS s MATCH (r:Record {{seq: s}}){arrow}(:Record) " + _collect(
            "startNode(e).seq, type(e), endNode(e).seq, coalesce(e.detail, '')"
        )
        runs = [
            sorted((Link(s, Role(role), t, detail) for s, role, t, detail in rows), key=IN_ORDER)
            async for rows in self._collected(query, seqs=_distinct(sequences))
        ]
        return await merged(runs)

    async def _collected(self, query: str, **parameters: Any) -> AsyncIterator[list[Any]]:
        """The rows of a statement that collects them, in lists; nothing is asked where there is nothing to ask for."""
        if any(parameters.values()):
            for [rows] in await self._run(query, **parameters):
                await pause()
                yield rows


async def last_sequence(run: Run) -> int:
    """The sequence of the newest record, 0 while there is none."""
    return int((await run("MATCH (l:_Log) RETURN l.seq"))[0][0])


async def read_head(run: Run, query: str = HEAD) -> Head:
    """The end of the log, by HEAD or LOCK of the layout."""
    [[sequence, recorded_at, frontier]] = await run(query)
    # What somebody else wrote instead is long ago, which `verify` finds.
    return Head(sequence, moment_of(recorded_at) or 0, Frontier.load(sequence, frontier))


async def sequence_at(run: Run, moment: int) -> int:
    """The newest sequence recorded at or before `moment` (microseconds since 1970 UTC), 0 where there is none."""
    # recordedAt never decreases along the log: three questions find the place among a million without an index.
    low, high = 0, (await read_head(run)).sequence
    while low < high:
        probes = sorted({low + -(-(high - low) * i // _PROBES) for i in range(1, _PROBES + 1)})
        low = max(low, (await run(_AT, seqs=probes, moment=zoned(moment)))[0][0])
        high = next((probe for probe in probes if probe > low), high + 1) - 1
    return low


async def find_by_prefix(run: Run, prefix: str) -> Sequences:
    """All records with a key that begins with `prefix`, ascending."""
    return _ascending((await run(_HOLDING, prefix=prefix))[0][0])


async def search(run: Run, words: Sequence[str], digest: str | None) -> Sequences:
    """All records that hold a word beginning with each of `words`, or a digest that begins so; ascending."""
    found: list[int] = []
    if words:
        query = " ".join(f"+{_escaped(word[:_LONGEST])}*" for word in words)
        found += (await run(_WORDS, query=query, words=list(words)))[0][0]
    if digest is not None:
        found += (await run(_DIGESTS, digest=digest))[0][0]
    return _ascending(found)


def _by_kind(names: Collection[str]) -> dict[str, list[str]]:
    """Names as the statements take them: each property has an index of its own."""
    return {
        "ids": [name for name in names if name.startswith("sha256:")],
        "labels": [name for name in names if not name.startswith("sha256:")],
    }


def _distinct(sequences: Collection[int]) -> list[int]:
    return [int(s) for s in dict.fromkeys(sequences)]


def _brief(row: Row) -> Brief:
    sequence, kind, id, label = row
    return Brief(sequence, Kind(kind), id, label)


def _entry(row: Row) -> Entry:
    sequence, transaction, kind, body, recorded_at, recorded_by = row
    return Entry(sequence, transaction, Record(Kind(kind), body.encode()), recorded_at, recorded_by)


def _escaped(word: str) -> str:
    """A word as Lucene's query parser takes it literally."""
    return "".join(c if c.isalnum() or c == "_" else f"\\{c}" for c in word)


def _ascending(found: list[int]) -> Sequences:
    return sorted_unique(np.array(found, dtype=np.int64))
