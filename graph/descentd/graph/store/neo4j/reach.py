"""Reach, walked by Neo4j itself: where a walk begins, how it goes, and what it finds.

A walk goes over the earliest of all twins (see `schema`), so what it meets is closed under SAME_DATA afterwards.
Three traps: `WHERE d.seq IN $list` in front of a pruning expand returned repeats and wrong distances in Neo4j 5.26.0,
so that several starts are unwound; a fixed hop between the expand and `min(length(p))` makes it enumerate paths; and so
does a condition on where a walk ends, while the graph holds a few nodes: all of them are looked at first then, and ways
to each are sought. So that condition comes after the aggregation.
"""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
from typing_extensions import override

from descentd.graph.model.kinds import INFLUENCE, KINDS, ROLES, Kind, Role
from descentd.graph.model.reach import Direction, Reached, ReachPage, ReachQuery, Sequences, Step, SupportsReach
from descentd.graph.store.neo4j.batching import SingleFlight
from descentd.graph.store.neo4j.connection import Connection, Row, Run
from descentd.graph.store.neo4j.disclosures import IN_FORCE
from descentd.graph.store.neo4j.schema import COMMON_FIRST, LABELS

UP: Final = "|".join([role for role in ROLES if role in INFLUENCE] + ["_FLOWS"])
"""The types of relationships that lead to what a record came from."""
DOWN: Final = UP + "|_PART"
THEN: Final = f"all(e IN relationships(p) WHERE type(e) <> '_FLOWS' OR (e.since <= $upto AND {IN_FORCE}))"
"""Whether all of a path was there at `$upto`; an edge of a twin or a disclosure may be later than both its ends."""
_AROUND: Final = "all(n IN nodes(p) WHERE n:_Whole OR NOT n.seq IN $avoided)"

_ORIGINS: Final = """
CALL () {
  UNWIND $named AS s MATCH (o:Record {seq: s}) RETURN s, o
  UNION ALL
  UNWIND $whole AS s MATCH (:Record {seq: s})-[:INCLUDES]->(o:Record) RETURN s, o
}
OPTIONAL MATCH (o)-[:SAME_DATA]->(first)
WITH s, o, coalesce(first, o) AS first
RETURN s, o.seq, first.seq, o:Disclosure,
  CASE WHEN first:_Twinned THEN COLLECT { MATCH (first)<-[:SAME_DATA]-(twin) RETURN twin.seq } ELSE [] END
"""


@dataclass(frozen=True, slots=True)
class Origins:
    """The records at distance 0 of a question.

    `leads` is how a derivation begins that leaves from each of them: at the cause that was named, or at the partition
    that it runs from. `starts` are the earliest of the twins; `whole` is the dataset, if it is a single one that has
    partitions.
    """

    leads: dict[int, list[Step]]
    starts: list[int]
    whole: int | None

    @property
    def offset(self) -> int:
        """How far the origins are from where the walk begins."""
        return 0 if self.whole is None else 1

    @property
    def parameters(self) -> dict[str, Any]:
        """What `walk` and `beyond` refer to."""
        starts = self.starts if self.whole is None else []
        return {"starts": starts, "start": self.whole or self.starts[0], "offset": self.offset}

    def walk(self, direction: Direction, *, least: int = 1, around: bool = False) -> str:
        """A clause that binds `x` and `k`, the distance from where the walk begins (see `offset`).

        Where it walks `around`, no path passes a record of `$avoided`, which is closed under twins.
        """
        arrow = f"<-[:{DOWN}*{least}..]-" if direction is Direction.DESCENDANTS else f"-[:{UP}*{least}..]->"
        if self.whole is not None:
            start = f"MATCH p = (d:_Whole {{seq: $start}}){arrow}(x)"
        elif len(self.starts) == 1:
            start = f"MATCH p = (d:Record {{seq: $start}}){arrow}(x)"
        else:
            start = f"UNWIND $starts AS s MATCH p = (d:Record {{seq: s}}){arrow}(x)"
        past = f" AND {_AROUND}" if around else ""
        seen = " WHERE x.seq <= $upto WITH x, k" if direction is Direction.DESCENDANTS else ""
        return f"{start} WHERE {THEN}{past} WITH x, min(length(p)) AS k{seen}"


BEYOND: Final = "k > $offset AND NOT x.seq IN $starts AND NOT x:Disclosure"
"""Whether `x` is no origin, and is listed: what a disclosure states is walked at its subjects."""


async def find_origins(run: Run, named: Sequence[int], direction: Direction, upto: int) -> Origins:
    """The origins of a question about the records `named`, as far as they are there at `upto`."""
    there = [int(s) for s in dict.fromkeys(named) if 1 <= s <= upto]
    return _origins(there, await _origin_rows(run, there, direction), upto)


async def _origin_rows(run: Run, there: list[int], direction: Direction) -> list[Row]:
    whole = there if direction is Direction.DESCENDANTS else []
    return await run(_ORIGINS, named=there, whole=whole) if there else []


async def _each_origin(run: Run, there: list[int], upto: int) -> dict[int, Origins]:
    """The origins of a question about each of some records by itself: what descends from it."""
    rows: defaultdict[int, list[Row]] = defaultdict(list)
    for row in await _origin_rows(run, there, Direction.DESCENDANTS):
        rows[row[0]].append(row)
    return {s: _origins([s], rows[s], upto) for s in there}


def _origins(there: list[int], rows: Sequence[Row], upto: int) -> Origins:
    own = {origin: (first, sorted([first, *later])) for _, origin, first, _, later in rows}
    silent = {origin for _, origin, _, disclosure, _ in rows if disclosure}
    leads = {s: [Step(s, None)] for s in there if s in own}
    partitions = [origin for s, origin, *_ in rows if origin != s]
    for partition in partitions:
        leads.setdefault(partition, [Step(partition, None)])
    for origin in sorted(own):
        for twin in own[origin][1]:
            if twin <= upto:
                leads.setdefault(twin, [Step(origin, None), Step(twin, Role.SAME_DATA)])
    starts = sorted({first for origin, (first, _) in own.items() if origin not in silent})
    return Origins(leads, starts, there[0] if len(there) == 1 and partitions else None)


@dataclass(frozen=True, slots=True)
class _Counted:
    """How many there are of each kind, twins included, and the distance and sequence of each twin, in order."""

    counts: Mapping[Kind, int]
    twins: Sequence[tuple[int, int]]


_REMEMBERED: Final = 256
_KIND: Final = "CASE " + " ".join(f"WHEN x:{LABELS[kind]} THEN '{kind}'" for kind in COMMON_FIRST) + " END"
_TWINS: Final = """
UNWIND $firsts AS first
MATCH (:Record {seq: first[1]})<-[:SAME_DATA]-(twin) WHERE twin.seq <= $upto
RETURN collect([first[0], twin.seq])
"""
# What rests on what was reached (or on an origin), and what cites that, each one step behind.
_EVIDENCE: Final = """
MATCH (x)<-[:EVALUATES|EVALUATED_ON|_RESTS]-(e) WHERE e.seq <= $upto
WITH e, min(k) + 1 AS k
CALL (e, k) {
  RETURN e AS x, k AS l
  UNION ALL
  MATCH p = (e)<-[:CITES*1..]-(c)
  WITH k, c AS x, min(length(p)) AS l WHERE x.seq <= $upto
  RETURN x, k + l AS l
}
WITH x, min(l) AS k
"""

_REACHED_BY_EACH: Final = f"""
UNWIND $walks AS walk
MATCH p = (d:{{label}} {{{{seq: walk[1]}}}})<-[:{DOWN}*1..]-(x) WHERE {THEN}
WITH walk[0] AS origin, x, min(length(p)) AS k WHERE x.seq <= $upto AND k > $offset AND NOT x:_Twin AND NOT x:Disclosure
  AND x:{{kind}}
RETURN origin, collect([x.seq] + CASE WHEN x:_Twinned THEN COLLECT {{{{
  MATCH (x)<-[:SAME_DATA]-(twin) WHERE twin.seq <= $upto RETURN twin.seq
}}}} ELSE [] END)
"""


class Neo4jReach(SupportsReach):
    """The questions of SupportsReach about reach, for a store that has a `_connection`."""

    _connection: Connection

    def __init__(self) -> None:
        self._counted = SingleFlight[_Counted](_REMEMBERED)

    @override
    async def reach(self, query: ReachQuery) -> ReachPage:
        run, kinds, upto = self._connection.run, query.kinds, query.upto
        found = await find_origins(run, query.origins, query.direction, upto)
        if not found.starts:
            return ReachPage({}, (), False)
        walked = _walked(found, query.direction, evidence=query.evidence)
        within = None if query.within is None else frozenset(query.within.tolist())

        async def count() -> _Counted:
            return await _count(run, walked, found, upto, within)

        asked = (tuple(sorted(found.leads)), query.direction, upto, query.evidence)
        counting = count() if within is not None else self._counted.get(asked, count)
        # Each is a walk: what is counted visits all, and a page ends early.
        counted, items = await asyncio.gather(counting, _page(run, walked, found, query))
        counts = {kind: n for kind, n in counted.counts.items() if kinds is None or kind in kinds}
        if Kind.PARTITION in counts:
            items += _after(counted.twins, found, query)
            items.sort(key=lambda item: (item.distance, item.sequence))
        return ReachPage(counts, items[: query.first], len(items) > query.first)

    def clear(self) -> None:
        """Forget what was counted."""
        self._counted.clear()

    @override
    async def members(
        self,
        origins: Sequence[int],
        direction: Direction,
        upto: int,
        kind: Kind,
        *,
        avoiding: frozenset[int] = frozenset(),
    ) -> Sequences:
        run = self._connection.run
        found = await find_origins(run, origins, direction, upto)
        avoided = (await find_origins(run, sorted(avoiding), Direction.ANCESTORS, upto)).leads
        sequences: list[int] = []
        if found.starts and found.leads.keys() - avoided.keys():
            walk = found.walk(direction, around=bool(avoided))
            given = {"upto": upto, "avoided": list(avoided), **found.parameters}
            query = f"{walk} WHERE {BEYOND} AND NOT x:_Twin AND x:{LABELS[kind]} RETURN collect(x.seq)"
            sequences += (await run(query, **given))[0][0]
            if kind is Kind.PARTITION:
                query = (
                    f"{walk} WHERE {BEYOND} AND x:_Twinned "
                    "MATCH (x)<-[:SAME_DATA]-(twin) WHERE twin.seq <= $upto RETURN collect(twin.seq)"
                )
                sequences += (await run(query, **given))[0][0]
        return np.sort(np.array(sequences, dtype=np.int64))

    @override
    async def members_of_each(
        self, origins: Sequence[int], heads: Sequence[int], upto: int, kind: Kind
    ) -> Mapping[int, AbstractSet[int]]:
        there = [int(s) for s in dict.fromkeys(origins) if 1 <= s <= upto]
        run = self._connection.run
        own, above, found = await asyncio.gather(
            find_origins(run, heads, Direction.ANCESTORS, upto),
            self.members(heads, Direction.ANCESTORS, upto, kind),
            _each_origin(run, there, upto),
        )
        within = {*own.leads, *above.tolist()}
        reached: defaultdict[int, set[int]] = defaultdict(set)
        for label in ("Record", "_Whole"):  # a statement for all datasets with partitions, and one for all else
            query = _REACHED_BY_EACH.format(label=label, kind=LABELS[kind])
            each = {s: one for s, one in found.items() if (one.whole is not None) == (label == "_Whole")}
            walks = [[s, start] for s, one in each.items() for start in ([s] if one.whole is not None else one.starts)]
            offset = max((one.offset for one in each.values()), default=0)
            for s, members in await run(query, walks=walks, upto=upto, offset=offset) if walks else ():
                starts = each[s].starts
                reached[s].update(one for first, *twins in members if first not in starts for one in (first, *twins))
        return {origin: within & reached[origin] for origin in origins}

    @override
    async def everything(self, upto: int, kind: Kind) -> Sequences:
        query = f"MATCH (x:{LABELS[kind]}) WHERE x.seq <= $upto RETURN collect(x.seq)"
        return np.sort(np.array((await self._connection.run(query, upto=upto))[0][0], dtype=np.int64))

    @override
    async def count(self, upto: int, kind: Kind) -> int:
        query = f"MATCH (x:{LABELS[kind]}) WHERE x.seq <= $upto RETURN count(x)"
        found: int = (await self._connection.run(query, upto=upto))[0][0]
        return found

    @override
    async def latest(self, upto: int, kind: Kind, number: int) -> Sequences:
        query = (
            f"MATCH (x:{LABELS[kind]}) WHERE x.seq <= $upto "
            "WITH x.seq AS seq ORDER BY seq DESC LIMIT $number RETURN collect(seq)"
        )
        found = (await self._connection.run(query, upto=upto, number=number))[0][0]
        return np.array(found[::-1], dtype=np.int64)


def _walked(origins: Origins, direction: Direction, *, evidence: bool) -> str:
    """Clauses that bind `x` and `k` for all that is listed, origins and twins included or not."""
    walk = origins.walk(direction)
    if not evidence:
        return walk
    behind = origins.walk(direction, least=0) + _EVIDENCE
    return f"CALL () {{ {walk} RETURN x, k UNION ALL {behind} RETURN x, k }} WITH x, min(k) AS k"


async def _count(run: Run, walked: str, origins: Origins, upto: int, within: frozenset[int] | None = None) -> _Counted:
    inside = "count(*)" if within is None else "sum(CASE WHEN x.seq IN $within THEN 1 ELSE 0 END)"
    query = (
        f"{walked} WHERE {BEYOND} AND NOT x:_Twin "
        f"RETURN {_KIND}, {inside}, collect(CASE WHEN x:_Twinned THEN [k, x.seq] END)"
    )
    rows = await run(query, upto=upto, within=None if within is None else sorted(within), **origins.parameters)
    firsts = [pair for _, _, twinned in rows for pair in twinned]
    twins = (await run(_TWINS, firsts=firsts, upto=upto))[0][0] if firsts else []
    twins = sorted((k, twin) for k, twin in twins if within is None or twin in within)
    counts = {Kind(name): number for name, number, _ in rows}
    if twins:
        counts[Kind.PARTITION] = counts.get(Kind.PARTITION, 0) + len(twins)
    return _Counted({kind: counts[kind] for kind in KINDS if counts.get(kind)}, twins)


async def _page(run: Run, walked: str, origins: Origins, query: ReachQuery) -> list[Reached]:
    """The items after `after`, without twins, one more than asked for where there are more."""
    kinds = None if query.kinds is None else sorted(query.kinds)
    within = None if query.within is None else query.within.tolist()
    # Kinds are a parameter and no labels, so that there is one plan for all that may be asked for.
    listed = (
        f"{walked} WHERE {BEYOND} AND x:Record AND NOT x:_Twin AND ($kinds IS NULL OR x.kind IN $kinds) "
        "AND ($within IS NULL OR x.seq IN $within) AND (k > $k OR (k = $k AND x.seq > $q)) AND k <= $deepest "
        "WITH x, k ORDER BY k, x.seq LIMIT $limit RETURN collect([k, x.seq])"
    )
    k, q, deepest = _place(origins, query)
    place = {"k": k, "q": q, "deepest": deepest, "limit": query.first + 1, "upto": query.upto}
    [[found]] = await run(listed, kinds=kinds, within=within, **place, **origins.parameters)
    return [Reached(sequence, k - origins.offset) for k, sequence in found]


def _after(twins: Sequence[tuple[int, int]], origins: Origins, query: ReachQuery) -> list[Reached]:
    """Those of the twins, in order, that may be on the page."""
    k, q, deepest = _place(origins, query)
    start = bisect_right(twins, (k, q))
    listed = islice((pair for pair in islice(twins, start, None) if pair[0] <= deepest), query.first + 1)
    return [Reached(sequence, k - origins.offset) for k, sequence in listed]


def _place(origins: Origins, query: ReachQuery) -> tuple[int, int, int]:
    """After which distance and sequence a page begins, and how deep it goes, as the walk counts."""
    distance, sequence = query.after or (0, 0)
    deepest = (1 << 31 if query.depth is None else query.depth) + origins.offset
    return distance + origins.offset, sequence, deepest
