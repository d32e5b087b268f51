"""Where a walk in Neo4j begins and how it goes: patterns that plan as breadth-first expands which prune.

A walk goes over the earliest of all twins (see `neo4j_layout`), so what it meets is closed under SAME_DATA afterwards.
Two traps: `WHERE d.seq IN $list` in front of a pruning expand returned repeats and wrong distances in Neo4j 5.26.0, so
that several starts are unwound; and a fixed hop between the expand and `min(length(p))` makes it enumerate paths.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from descentd.graph.model.kinds import INFLUENCE, ROLES, Role
from descentd.graph.model.reach import Direction, Step
from descentd.graph.store.neo4j.connection import Run

UP: Final = "|".join([role for role in ROLES if role in INFLUENCE] + ["FLOWS"])
"""The types of relationships that lead to what a record came from."""
DOWN: Final = UP + "|PART"
THEN: Final = "all(e IN relationships(p) WHERE type(e) <> 'FLOWS' OR e.since <= $upto)"
"""Whether all of a path was there at `$upto`; an edge of a twin may be later than both its ends."""
_AROUND: Final = "all(n IN nodes(p) WHERE n:Whole OR NOT n.seq IN $avoided)"

_ORIGINS: Final = """
CALL () {
  UNWIND $named AS s MATCH (o:Record {seq: s}) RETURN s, o
  UNION ALL
  UNWIND $whole AS s MATCH (:Record {seq: s})-[:INCLUDES]->(o:Record) RETURN s, o
}
OPTIONAL MATCH (o)-[:SAME_DATA]->(first)
WITH s, o, coalesce(first, o) AS first
RETURN s, o.seq, first.seq,
  CASE WHEN first:Twinned THEN COLLECT { MATCH (first)<-[:SAME_DATA]-(twin) RETURN twin.seq } ELSE [] END
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
            start = f"MATCH p = (d:Whole {{seq: $start}}){arrow}(x)"
        elif len(self.starts) == 1:
            start = f"MATCH p = (d:Record {{seq: $start}}){arrow}(x)"
        else:
            start = f"UNWIND $starts AS s MATCH p = (d:Record {{seq: s}}){arrow}(x)"
        seen = "x.seq <= $upto AND " if direction is Direction.DESCENDANTS else ""
        past = f" AND {_AROUND}" if around else ""
        return f"{start} WHERE {seen}{THEN}{past} WITH x, min(length(p)) AS k"


BEYOND: Final = "k > $offset AND NOT x.seq IN $starts"
"""Whether `x` is no origin."""


async def find_origins(run: Run, named: Sequence[int], direction: Direction, upto: int) -> Origins:
    """The origins of a question about the records `named`, as far as they are there at `upto`."""
    there = [int(s) for s in dict.fromkeys(named) if 1 <= s <= upto]
    whole = there if direction is Direction.DESCENDANTS else []
    rows = await run(_ORIGINS, named=there, whole=whole) if there else []
    own = {origin: (first, sorted([first, *later])) for _, origin, first, later in rows}
    leads = {s: [Step(s, None)] for s in there if s in own}
    partitions = [origin for s, origin, *_ in rows if origin != s]
    for partition in partitions:
        leads.setdefault(partition, [Step(partition, None)])
    for origin in sorted(own):
        for twin in own[origin][1]:
            if twin <= upto:
                leads.setdefault(twin, [Step(origin, None), Step(twin, Role.SAME_DATA)])
    starts = sorted({first for first, _ in own.values()})
    return Origins(leads, starts, there[0] if len(there) == 1 and partitions else None)
