"""What Neo4j keeps so that walks go by what was disclosed, and by what was retracted.

    (subject)-[:_FLOWS {source, target, role, learns, since, by, off}]->(what was disclosed to be its source)
    (:Record {retracted: true})

`by` is the disclosure's sequence. `off` says when it is not in force: from the first of each pair of sequences up to
the second. All of it follows from the records.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.graph.documentation import Stated, is_documented, speaks_of_training
from descentd.graph.index.disclosures import in_force, retracted
from descentd.graph.model.identity import parse
from descentd.graph.model.kinds import INFLUENCE, Edge, Kind, Role
from descentd.graph.model.reach import DisclosureFact
from descentd.graph.store.neo4j.connection import Run
from descentd.graph.store.tail import disclosure_fact

NEVER: Final = (1 << 63) - 1

IN_FORCE: Final = (
    "(e.off IS NULL OR none(i IN range(0, size(e.off) - 1, 2) WHERE e.off[i] <= $upto AND $upto < e.off[i + 1]))"
)
"""Whether the relationship `e` is not of a disclosure that is superseded or retracted at `$upto`."""

_STATED: Final = f"""
UNWIND $subjects AS s
MATCH (d:Disclosure)-[:ABOUT]->(:Record {{seq: s}})
WITH DISTINCT d
RETURN d.seq, d.body,
  COLLECT {{ MATCH (d)-[e:ABOUT|SUPERSEDES]->(to) RETURN [type(e), to.seq] }},
  COLLECT {{ MATCH (d)-[e:{"|".join(sorted(INFLUENCE))}]->(to) RETURN [type(e), to.seq, coalesce(e.detail, '')] }}
"""
_RETRACTIONS: Final = """
UNWIND $records AS s
MATCH (r:Retraction)-[:ABOUT]->(:Record {seq: s})
RETURN DISTINCT r.seq, s
"""
_SUBJECTS: Final = """
UNWIND $records AS s
MATCH (r:Record {seq: s})-[:ABOUT]->(to) WHERE r:Retraction OR r:Disclosure
RETURN r.kind, to.seq, to.kind
"""
_CREATE: Final = """
UNWIND $rows AS row
MATCH (a:Record {seq: row[0]}), (b:Record {seq: row[1]})
OPTIONAL MATCH (a)-[:SAME_DATA]->(x)
OPTIONAL MATCH (b)-[:SAME_DATA]->(y)
WITH row, a, coalesce(x, a) AS x, coalesce(y, b) AS y
CREATE (x)-[f:_FLOWS {source: row[0], target: row[1], role: row[2], learns: row[3], since: row[4], by: row[4]}]->(y)
SET f.shut = CASE
  WHEN row[2] = 'TRAINED_ON' AND NOT row[3] OR row[2] = 'DERIVED_FROM' AND EXISTS { (a)-[:INCLUDES]->() }
  THEN [0, 9223372036854775807] END
"""
_TURN_OFF: Final = """
UNWIND $rows AS row
MATCH (:Record {seq: row[0]})-[:ABOUT]->(s)
OPTIONAL MATCH (s)-[:SAME_DATA]->(first)
WITH row, coalesce(first, s) AS x
MATCH (x)-[f:_FLOWS {by: row[0]}]->()
SET f.off = row[1]
"""
_OWN: Final = """
UNWIND $subjects AS s
MATCH (v:Record {seq: s}) WHERE v:ModelVersion
RETURN s, COLLECT { MATCH (v)-[e:TRAINED_ON|DERIVED_FROM]->(to) RETURN [type(e), e.learns] },
  COLLECT { MATCH (v)-[:BUILT_FROM|CONFIGURED_BY]->(c) RETURN [c.kind, c.body] }
"""
_LACK: Final = """
UNWIND $rows AS row
MATCH (v:Record {seq: row[0]})
OPTIONAL MATCH (v)-[old:_LACKS]->()
DELETE old
WITH row, v WHERE row[1] IS NOT NULL
MERGE (u:_Undocumented {one: 1})
CREATE (v)-[e:_LACKS {since: row[0]}]->(u)
SET e.shut = CASE WHEN size(row[1]) > 0 THEN row[1] END
"""
_RETRACT: Final = """
UNWIND $rows AS row
MATCH (r:Record {seq: row[0]})
SET r.retracted = CASE WHEN row[1] THEN true END
"""


@dataclass(frozen=True, slots=True)
class Known:
    """All disclosures about some records, what each states, and the retractions of these and of retractions."""

    facts: Sequence[DisclosureFact]
    stated: Mapping[int, Sequence[tuple[Role, int, bool]]]
    """The edges of each disclosure as (role, target, learns)."""
    retractions: Sequence[tuple[int, int]]

    def moments(self) -> list[int]:
        """The sequences at which something may come into force or cease to be."""
        return sorted({*(fact.disclosure for fact in self.facts), *(retraction for retraction, _ in self.retractions)})

    def off(self) -> dict[int, list[int]]:
        """When each disclosure is not in force once it is there: pairs of from and up to."""
        found: dict[int, list[int]] = {fact.disclosure: [] for fact in self.facts}
        for moment in self.moments():
            standing = {fact.disclosure for fact in in_force(self.facts, self.retractions, moment)}
            for disclosure, off in found.items():
                if disclosure <= moment and (disclosure not in standing) != bool(off and off[-1] == NEVER):
                    _turn(off, moment)
        return found

    def documented(self, version: int, own: Collection[Stated], *, trained: bool) -> list[int] | None:
        """When a version is documented, as pairs of from and up to; None for ever."""
        documented: list[int] = []
        for moment in (0, *self.moments()):
            facts = in_force(self.facts, self.retractions, moment)
            more = [
                ((role, learns), fact.complete)
                for fact in facts
                if version in fact.subjects
                for role, _, learns in self.stated[fact.disclosure]
            ]
            if is_documented(own, more, trained=trained) != bool(documented and documented[-1] == NEVER):
                _turn(documented, moment)
        return None if documented == [0, NEVER] else documented


def _turn(intervals: list[int], moment: int) -> None:
    if intervals and intervals[-1] == NEVER:
        intervals[-1] = moment
    else:
        intervals += [moment, NEVER]


async def read(run: Run, subjects: Collection[int]) -> Known:
    """What was ever disclosed about some records."""
    facts: list[DisclosureFact] = []
    stated: dict[int, list[tuple[Role, int, bool]]] = {}
    for disclosure, body, links, edges in sorted(await run(_STATED, subjects=list(subjects)) if subjects else []):
        facts.append(disclosure_fact(disclosure, [(Role(role), target) for role, target in links], body))
        stated[disclosure] = [
            (Role(role), to, Edge(Role(role), "", detail).learns) for role, to, detail in sorted(edges)
        ]
    return Known(facts, stated, await retractions_of(run, [fact.disclosure for fact in facts]))


async def retractions_of(run: Run, records: Iterable[int]) -> list[tuple[int, int]]:
    """The retractions of some records and of these in turn, each with its subject, in log order."""
    found: set[tuple[int, int]] = set()
    asked = set(records)
    while asked:
        rows = {(row[0], row[1]) for row in await run(_RETRACTIONS, records=sorted(asked))}
        asked = {retraction for retraction, _ in rows - found} - {subject for _, subject in found}
        found |= rows
    return sorted(found)


async def insert(run: Run, disclosures: Sequence[int], retractions: Sequence[int]) -> None:
    """Bring what walks go by level with some DISCLOSURE and RETRACTION records that are in the graph."""
    touched, subjects = set(disclosures), set(retractions)
    asked = set(retractions)
    while asked:
        rows = await run(_SUBJECTS, records=sorted(asked))
        touched |= {record for _, record, kind in rows if kind == Kind.DISCLOSURE}
        asked = {record for _, record, kind in rows if kind == Kind.RETRACTION} - subjects
        subjects |= {record for _, record, _ in rows}
    if subjects:
        now = retracted(await retractions_of(run, subjects), NEVER)
        await run(_RETRACT, rows=[[record, record in now] for record in sorted(subjects)])
    if touched:
        about = sorted({row[1] for row in await run(_SUBJECTS, records=sorted(touched))})
        await _settle(run, await read(run, about), set(disclosures), about)


async def _settle(run: Run, known: Known, fresh: set[int], about: Sequence[int]) -> None:
    rows = [
        [subject, target, role.value, learns, fact.disclosure]
        for fact in known.facts
        if fact.disclosure in fresh
        for subject in fact.subjects
        for role, target, learns in known.stated[fact.disclosure]
    ]
    await run(_CREATE, rows=rows)
    off = known.off()
    await run(_TURN_OFF, rows=[[disclosure, intervals or None] for disclosure, intervals in off.items()])
    await run(_LACK, rows=[[version, shut] for version, shut in (await lacking(run, known, about)).items()])


async def lacking(run: Run, known: Known, subjects: Sequence[int]) -> dict[int, list[int] | None]:
    """For each version among some records: when it is documented, None for ever."""
    found: dict[int, list[int] | None] = {}
    for version, edges, made_with in await run(_OWN, subjects=list(subjects)):
        trained = any(speaks_of_training(Kind(kind), parse(body.encode())) for kind, body in made_with)
        found[version] = known.documented(version, [(Role(role), learns) for role, learns in edges], trained=trained)
    return found
