"""What some records came from, read from Neo4j as a small graph that an index can walk in this process.

Of several shortest derivations `shortestPath` returns any. So that both topologies prove an answer by the same one, the
part of the graph that leads to the records of a page is read, and the rule of `index.backtrace` chooses. Reading costs
what these records came from, once for what they have in common.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from descentd.graph.index.topology import Topology
from descentd.graph.model.kinds import KIND_NUMBER, ROLE_NUMBER, Kind, Role
from descentd.graph.model.reach import DisclosureFact, Step, Tail
from descentd.graph.store.neo4j.connection import Run
from descentd.graph.store.neo4j.disclosures import IN_FORCE
from descentd.graph.store.neo4j.reach import UP

Edges = set[tuple[int, Role, int, int]]
"""Each as (source, role, target, disclosure), with 0 for what its source states itself."""

THERE: Final = f"(e.since IS NULL OR e.since <= $upto) AND {IN_FORCE}"
"""Whether the relationship `e` was there at `$upto`: one of a twin or a disclosure may be later than both its ends."""

# An edge of a twin or of a disclosure says itself which records it joins.
_COLLECTED: Final = """
RETURN coalesce(e.role, type(e)),
  collect(DISTINCT [coalesce(e.source, x.seq), coalesce(e.target, y.seq), coalesce(e.by, 0)]), collect(DISTINCT y.seq)
"""
# What a disclosure states is walked at its subjects.
_STEP: Final = f"""
UNWIND $seqs AS s
MATCH (x:Record {{seq: s}})-[e:$TYPES]->(y) WHERE NOT x:Disclosure AND $CONDITION {_COLLECTED}
"""
_ALL: Final = f"""
UNWIND $seqs AS s
MATCH p = (d:Record {{seq: s}})-[:$TYPES*0..]->(x) WHERE all(e IN relationships(p) WHERE $CONDITION)
WITH x, min(length(p)) AS k
MATCH (x)-[e:$TYPES]->(y) WHERE $CONDITION {_COLLECTED}
"""
_EVIDENCE: Final = f"""
UNWIND $seqs AS s
MATCH p = (d:Record {{seq: s}})-[:CITES*0..]->(x)
WITH x, min(length(p)) AS k
MATCH (x)-[e:CITES|EVALUATES|EVALUATED_ON]->(y:Record) {_COLLECTED}
"""
_TWINS: Final = """
UNWIND $seqs AS s
MATCH (r:Record {seq: s}) WHERE r:_Twin OR r:_Twinned
OPTIONAL MATCH (r)-[:SAME_DATA]->(first)
WITH DISTINCT coalesce(first, r) AS first
MATCH (first)<-[:SAME_DATA]-(twin) WHERE twin.seq <= $upto
RETURN collect([twin.seq, first.seq])
"""
_LEVELS: Final = 8
"""How many steps are taken one by one, which reads what records have in common once; few lineages go on farther."""


@dataclass(frozen=True)
class Ancestry:
    """Edges, and pairs of a twin and the earliest one, among some records and all that they came from."""

    edges: Edges
    twins: Sequence[tuple[int, int]]
    named: frozenset[int]

    @cached_property
    def records(self) -> list[int]:
        """All of them, ascending."""
        joined = {record for source, _, target, by in self.edges for record in (source, target, by)}
        return sorted((joined | {record for pair in self.twins for record in pair} | self.named) - {0})

    @cached_property
    def number(self) -> Mapping[int, int]:
        """The place of each among them, from 1: as which the topology knows it."""
        return {record: place for place, record in enumerate(self.records, 1)}

    @cached_property
    def _index(self) -> Topology:
        return self.index()

    def index(self, dataset: int | None = None) -> Topology:
        """These alone as an index; `dataset` is to be known as one, where its partitions begin a derivation."""
        topology = Topology()
        topology.extend(_tail(self, dataset))
        return topology

    def spread(self, firsts: Collection[int]) -> list[int]:
        """Those of `firsts` that are among the records, with all their twins, ascending."""
        inside = {record for record in firsts if record in self.number}
        return sorted(inside | {twin for twin, first in self.twins if first in inside})

    def prove(
        self, leads: Mapping[int, Sequence[Step]], items: Sequence[int], *, evidence: bool = False
    ) -> list[tuple[int, list[Step]]]:
        """How far each item is and the derivation that proves it, by the rule of `index.backtrace`.

        Derivations begin with the leads of the origins. It is (0, []) for what is not reached.
        """
        number, records = self.number, self.records
        inside = {
            number[origin]: [replace(step, sequence=number[step.sequence]) for step in lead]
            for origin, lead in leads.items()
            if origin in number and all(step.sequence in number for step in lead)
        }
        asked = [number.get(item, 0) for item in items]
        reach = self._index.reach_from(inside, len(records), evidence=evidence)
        return [
            (reach.distance(item) or 0, [replace(step, sequence=records[step.sequence - 1]) for step in path])
            for item, path in zip(asked, reach.via(asked), strict=True)
        ]


async def read_ancestry(
    run: Run,
    items: Iterable[int],
    upto: int,
    *,
    without: Collection[int] = (),
    types: str = UP,
    condition: str = THERE,
    evidence: bool = False,
) -> Ancestry:
    """What `items` came from by relationships of some types, as far as they meet a condition on `e`.

    What the records `without` came from is left out. With `evidence` also what evaluations and citations rest on.
    """
    reader = _Reader(run, upto, types, condition)
    asked = sorted(set(items))
    frontier = set(asked)
    if evidence:
        frontier |= await reader.read(_EVIDENCE, asked)
    frontier |= {first for _, first in await _twins(run, frontier, upto)}
    await reader.walk(frontier, set(without))
    ancestry = Ancestry(reader.edges, [], frozenset(asked))
    return replace(ancestry, twins=await _twins(run, ancestry.records, upto))


async def _twins(run: Run, records: Iterable[int], upto: int) -> list[tuple[int, int]]:
    asked = list(records)
    return [(twin, first) for twin, first in (await run(_TWINS, seqs=asked, upto=upto))[0][0]] if asked else []


class _Reader:
    """Gathers edges, each once."""

    def __init__(self, run: Run, upto: int, types: str, condition: str) -> None:
        self._run, self._upto = run, upto
        self._types, self._condition = types, condition
        self.edges: Edges = set()

    async def walk(self, frontier: set[int], seen: set[int]) -> None:
        """Read all that leads to the records of `frontier`, step by step as long as that is few steps."""
        for _ in range(_LEVELS):
            frontier = frontier - seen
            if not frontier:
                return
            seen |= frontier
            frontier = await self.read(_STEP, sorted(frontier))
        if rest := frontier - seen:
            # The latest has most likely come from the others, as along a chain: it alone first.
            seen |= {max(rest)} | await self.read(_ALL, [max(rest)])
        if rest := frontier - seen:
            await self.read(_ALL, sorted(rest))

    async def read(self, query: str, records: Sequence[int]) -> set[int]:
        """Gather what a query finds; returns the records that it leads to."""
        statement = query.replace("$TYPES", self._types).replace("$CONDITION", self._condition)
        ends: set[int] = set()
        for role, edges, targets in await self._run(statement, seqs=records, upto=self._upto):
            self.edges |= {(source, Role(role), target, by) for source, target, by in edges}
            ends |= set(targets)
        return ends


def _tail(ancestry: Ancestry, dataset: int | None) -> Tail:
    number = ancestry.number
    # What a record is matters for where derivations begin alone, apart from disclosures, which are passed.
    kinds = np.full(len(number), KIND_NUMBER[Kind.MODEL_VERSION], dtype=np.uint8)
    if dataset is not None:
        kinds[number[dataset] - 1] = KIND_NUMBER[Kind.DATASET]
    about: dict[int, set[int]] = {}
    for source, _, _, disclosure in ancestry.edges:
        if disclosure:
            about.setdefault(number[disclosure], set()).add(number[source])
    kinds[np.array(sorted(about), dtype=np.intp) - 1] = KIND_NUMBER[Kind.DISCLOSURE]
    numbered: Any = sorted(
        {(number[by or source], ROLE_NUMBER[role], number[to]) for source, role, to, by in ancestry.edges}
    )
    columns = np.array(numbered, dtype=np.int32).reshape(-1, 3)
    twins = sorted([number[twin], number[first]] for twin, first in ancestry.twins)
    return Tail(
        after=0,
        kinds=kinds,
        sources=columns[:, 0],
        roles=columns[:, 1].astype(np.uint8),
        targets=columns[:, 2],
        learns=np.ones(len(columns), dtype=np.bool_),
        twins=np.array(twins, dtype=np.int32).reshape(-1, 2),
        disclosures=[DisclosureFact(by, tuple(sorted(subjects)), True) for by, subjects in sorted(about.items())],
    )
