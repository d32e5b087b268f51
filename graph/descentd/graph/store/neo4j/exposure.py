"""Exposure to populations, walked by Neo4j itself from the nodes of `populations`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from typing_extensions import override

from descentd.graph.model.derived import shares_of
from descentd.graph.model.identity import parse
from descentd.graph.model.kinds import Role
from descentd.graph.model.reach import (
    Exposed,
    ExposurePage,
    ExposureQuery,
    ExposureVerdict,
    NearValue,
    Sequences,
    Share,
    Step,
    SupportsReach,
    Term,
)
from descentd.graph.populations import (
    CLOSE,
    DIRECT,
    INHERITED,
    NOT_TRAINED,
    UNKNOWN,
    WHOLE,
    Answers,
    Pair,
    met,
    pairs_of,
    proven,
    vocabulary,
)
from descentd.graph.store.neo4j.ancestry import THERE, Ancestry, read_ancestry
from descentd.graph.store.neo4j.batching import SingleFlight
from descentd.graph.store.neo4j.connection import Connection, Run
from descentd.graph.store.neo4j.disclosures import IN_FORCE
from descentd.graph.store.neo4j.populations import folded
from descentd.graph.turns import in_thread

_SEEDS: Final = "_LACKS|_LISTS|_STATED|_COMPLETES"
_KNOWLEDGE: Final = "DERIVED_FROM|TRAINED_ON|INCLUDES|GENERATED_BY|_FLOWS"
"""The types of relationships along which knowledge flows; see `_FLOWING`."""
_TYPES: Final = f"{_KNOWLEDGE}|{_SEEDS}"
_STATEMENT: Final = "e.since <= $upto AND (e.shut IS NULL OR e.shut[0] > $upto)"
_FLOWING: Final = f"""{THERE}
  AND (e.shut IS NULL OR none(i IN range(0, size(e.shut) - 1, 2) WHERE e.shut[i] <= $upto AND $upto < e.shut[i + 1]))"""
_OPEN: Final = f"all(e IN relationships(p) WHERE {_FLOWING} AND (e.first IS NULL OR e.first IN $firsts = $among))"
# Of some records, those that are undocumented by themselves, and the partitions that are documented completely.
_SEEDS_AMONG: Final = f"""
UNWIND $seqs AS seq
MATCH (x:Record {{seq: seq}})
WITH x, EXISTS {{ MATCH (x)-[e:_LACKS]->() WHERE {_FLOWING} }} AS lacking,
  EXISTS {{ MATCH (x)-[e:_STATED]->(s:Population) WHERE {_STATEMENT} AND EXISTS {{ (s)-[:_COMPLETES]->() }} }} AS whole
RETURN collect(CASE WHEN lacking THEN x.seq END), collect(CASE WHEN whole THEN x.seq END)
"""

_MATCHING: Final = f"""
UNWIND $values AS value
MATCH (:_Attribute {{name: value[0], value: value[1]}})<-[l:_LISTS]-(:Population)<-[e:_STATED]-(first)
WHERE l.shut IS NULL AND {_STATEMENT}
RETURN collect(DISTINCT first.seq)
"""
_LISTED: Final = f"""
MATCH (a:_Attribute {{name: $name}})<-[l:_LISTS]-(s:Population)<-[e:_STATED]-(first)
WHERE a.value IS NOT NULL AND {_STATEMENT} AND EXISTS {{ (s)-[:_COMPLETES]->() }}
WITH first, s, count(*) AS listed, count(l.share) AS counted, sum(l.share) AS total, collect(a.value) AS values
WHERE counted < listed OR total >= {WHOLE - CLOSE} OR all(value IN $values WHERE value IN values)
RETURN collect(DISTINCT first.seq)
"""
# What is listed and reads like what was asked for, and how many partitions list it.
_ALIKE: Final = f"""
UNWIND $folded AS folded
MATCH (a:_Attribute {{folded: folded}})<-[:_LISTS]-(s:Population)<-[e:_STATED]-() WHERE {_STATEMENT}
RETURN a.name, a.value, count(DISTINCT s)
"""
_VOCABULARY: Final = f"""
MATCH (a:_Attribute)<-[l:_LISTS]-(:Population)<-[e:_STATED]-() WHERE {_STATEMENT}
RETURN a.name, a.value, sum(CASE WHEN l.shut IS NULL THEN 1 ELSE 0 END)
"""
_LEARNERS: Final = f"""
UNWIND $firsts AS s
MATCH (p:Record {{seq: s}})
CALL (p) {{
  RETURN p AS data
  UNION ALL
  MATCH (p)<-[e:INCLUDES|_FLOWS]-(data:Dataset) WHERE coalesce(e.role, type(e)) = 'INCLUDES' RETURN data
}}
WITH DISTINCT data
MATCH (data)<-[e:TRAINED_ON|_FLOWS]-(v:ModelVersion)
WHERE v.seq <= $upto AND coalesce(e.role, type(e)) = 'TRAINED_ON' AND e.shut IS NULL
  AND (e.since IS NULL OR e.since <= $upto) AND {IN_FORCE}
RETURN collect(DISTINCT v.seq)
"""
_STATEMENTS: Final = f"""
UNWIND $seqs AS s
MATCH (p:Record {{seq: s}})
OPTIONAL MATCH (p)-[:SAME_DATA]->(first)
WITH s, coalesce(first, p) AS first
CALL (first) {{ RETURN first AS twin UNION ALL MATCH (first)<-[:SAME_DATA]-(twin) RETURN twin }}
WITH s, twin WHERE twin.seq <= $upto
RETURN s, twin.seq, COLLECT {{
  MATCH (twin)<-[:DESCRIBES]-(said:Population)<-[e:_STATED]-() WHERE {_STATEMENT} RETURN said.body
}}
"""


@dataclass(frozen=True, slots=True)
class Seeds:
    """Where knowledge flows from: what is `steps` away from the nodes that `pattern` matches.

    Of the partitions whose statement a walk comes from, only those count that are in `firsts`, or are not (`among`).
    """

    pattern: str
    steps: int
    parameters: dict[str, Any]
    firsts: Sequence[int] = ()
    among: bool = True

    @property
    def versions(self) -> str:
        """A query for all versions that are reached."""
        return (
            f"{self.pattern} MATCH p = (d)<-[:{_TYPES}*1..]-(x) WHERE {_OPEN} "
            "WITH DISTINCT x WHERE x:ModelVersion AND x.seq <= $upto RETURN collect(x.seq)"
        )

    def given(self, upto: int) -> dict[str, Any]:
        """Its parameters."""
        return {"upto": upto, "firsts": self.firsts, "among": self.among, **self.parameters}


UNDOCUMENTED: Final = Seeds("MATCH (d:_Undocumented {one: 1})", 1, {})


@dataclass(frozen=True, slots=True)
class Question:
    """A population at a sequence, with what matches it, what is complete and does not speak of it, and what is near."""

    population: tuple[Term, ...]
    upto: int
    matching: list[int]
    trained: Seeds
    lacking: Seeds
    nearly: Seeds
    near: Sequence[NearValue]
    unlisted: Sequence[Pair]


class Neo4jExposure(SupportsReach):
    """The question of SupportsReach about exposure, for a store that has a `_connection`."""

    _connection: Connection

    def __init__(self) -> None:
        self._undocumented = SingleFlight[Sequences](4)
        self._exposures = SingleFlight[tuple[Question, Answers]](8)

    def clear(self) -> None:
        """Forget what was found."""
        self._undocumented.clear()
        self._exposures.clear()

    @override
    async def exposure(self, query: ExposureQuery) -> ExposurePage:
        terms, upto = tuple(query.population), query.upto
        question, answers = await self._exposures.get((terms, upto), lambda: self._answer(terms, upto))
        page, listed = answers.page(query)
        items = await _items(self._connection.run, question, listed)
        return replace(page, items=items, near=question.near, unlisted=question.unlisted)

    @override
    async def vocabulary(self, upto: int) -> Mapping[str, Mapping[str, int]]:
        rows = await self._connection.run(_VOCABULARY, upto=upto)
        return vocabulary(((name, value), partitions) for name, value, partitions in rows)

    async def _answer(self, population: tuple[Term, ...], upto: int) -> tuple[Question, Answers]:
        run = self._connection.run
        question = await _question(run, population, upto)
        query = "MATCH (x:ModelVersion) WHERE x.seq <= $upto RETURN collect(x.seq)"
        versions = _ascending((await run(query, upto=upto))[0][0])
        answers = np.full(len(versions), NOT_TRAINED, np.uint8)
        undocumented = await self._undocumented.get(upto, lambda: _versions(run, UNDOCUMENTED, upto))
        nearly = await _versions(run, question.nearly, upto) if question.nearly.firsts else _ascending([])
        for found in (undocumented, await _versions(run, question.lacking, upto), nearly):
            answers[np.searchsorted(versions, found)] = UNKNOWN
        if question.matching:
            answers[np.searchsorted(versions, await _versions(run, question.trained, upto))] = INHERITED
            direct = (await run(_LEARNERS, firsts=question.matching, upto=upto))[0][0]
            answers[np.searchsorted(versions, _ascending(direct))] = DIRECT
        return question, Answers(versions, answers)


async def _question(run: Run, population: tuple[Term, ...], upto: int) -> Question:
    async def every(query: str, asked: Sequence[dict[str, Any]]) -> list[int]:
        found = [set((await run(query, upto=upto, **parameters))[0][0]) for parameters in asked]
        return sorted(set.intersection(*found))

    asked = [pairs_of(term) for term in population]
    alike = await _alike(run, [pair for pairs in asked for pair in pairs], upto)
    loosely = [[*pairs, *_near(pairs, alike)] for pairs in asked]
    matching = await every(_MATCHING, [{"values": _rows(pairs)} for pairs in asked])
    nearly = await every(_MATCHING, [{"values": _rows(pairs)} for pairs in loosely]) if loosely != asked else matching
    listed = await every(_LISTED, [{"name": t.attribute, "values": sorted(t.values)} for t in population])
    pattern = "UNWIND $values AS value MATCH (d:_Attribute {name: value[0], value: value[1]})"
    near = dict.fromkeys(pair for pairs in asked for pair in _near(pairs, alike))
    return Question(
        population,
        upto,
        matching,
        trained=Seeds(pattern, 2, {"values": _rows(asked[0])}, matching),
        lacking=Seeds("MATCH (d:_Complete {one: 1})", 2, {}, listed, among=False),
        nearly=Seeds(pattern, 2, {"values": _rows(loosely[0])}, sorted(set(nearly) - set(matching))),
        near=[NearValue(*pair, alike[pair]) for pair in near],
        unlisted=[pair for pair in dict.fromkeys(p for pairs in asked for p in pairs) if pair not in alike],
    )


async def _alike(run: Run, pairs: Sequence[Pair], upto: int) -> dict[Pair, int]:
    """All that is listed and reads like one of some attributes and values, with how many partitions list it."""
    rows = await run(_ALIKE, folded=sorted({folded(*pair) for pair in pairs}), upto=upto)
    return {(name, value): partitions for name, value, partitions in rows}


def _near(pairs: Sequence[Pair], alike: Mapping[Pair, int]) -> list[Pair]:
    """What is listed and reads like one of the pairs of a term, but is none of them."""
    wanted = {folded(*pair) for pair in pairs}
    return sorted(pair for pair in alike if pair not in pairs and folded(*pair) in wanted)


def _rows(pairs: Sequence[Pair]) -> list[list[str]]:
    return [list(pair) for pair in pairs]


async def _versions(run: Run, seeds: Seeds, upto: int) -> Sequences:
    return _ascending((await run(seeds.versions, **seeds.given(upto)))[0][0])


def _ascending(found: list[int]) -> Sequences:
    return np.sort(np.array(found, dtype=np.int64))


async def _items(run: Run, question: Question, listed: Sequence[tuple[int, int]]) -> list[Exposed]:
    """The answers on one page with their evidence."""
    proved = [version for version, answer in listed if answer != NOT_TRAINED]
    evidence = await _evidence(run, question, proved) if proved else None

    def item(version: int, answer: int) -> Exposed:
        if evidence is None or answer == NOT_TRAINED:
            return Exposed(version, ExposureVerdict.NOT_TRAINED, None, None, None, ())
        via = evidence.via[version]
        source = via[0].sequence
        if answer == UNKNOWN:
            return Exposed(version, ExposureVerdict.UNKNOWN, None, source, None, via)
        return Exposed(version, ExposureVerdict.TRAINED, answer == DIRECT, source, evidence.proven[source], via)

    return [item(version, answer) for version, answer in listed]


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What proves the answers about some versions, and of each source of a match whether its shares prove it."""

    via: Mapping[int, Sequence[Step]]
    proven: Mapping[int, bool]


async def _evidence(run: Run, question: Question, versions: Sequence[int]) -> _Evidence:
    upto, population = question.upto, question.population
    ancestry = await read_ancestry(run, versions, upto, types=_KNOWLEDGE, condition=_FLOWING)
    lacking, complete = (await run(_SEEDS_AMONG, seqs=ancestry.records, upto=upto))[0]
    undocumented = _from_themselves(ancestry.spread(lacking))
    unlisted = _from_themselves(ancestry.spread({*complete} - {*question.lacking.firsts} | {*question.nearly.firsts}))
    trained = _from_themselves(ancestry.spread(question.matching))
    via = await in_thread(_nearest, ancestry, (undocumented, unlisted), versions)
    nearest = await in_thread(ancestry.prove, trained, versions)
    begin = sorted({steps[0].sequence for _, steps in nearest if steps})
    stated = await _stated(run, begin, upto)
    leads = trained | {partition: _lead(population, partition, stated[partition]) for partition in begin}
    found = await in_thread(ancestry.prove, leads, versions)
    via |= {version: steps for version, (_, steps) in zip(versions, found, strict=True) if steps}
    is_proven = {
        leads[partition][0].sequence: proven(population, list(stated[partition].values())) for partition in begin
    }
    return _Evidence(via, is_proven)


def _from_themselves(records: Sequence[int]) -> dict[int, list[Step]]:
    return {record: [Step(record, None)] for record in records}


def _nearest(
    ancestry: Ancestry, seeds: Sequence[Mapping[int, Sequence[Step]]], versions: Sequence[int]
) -> dict[int, Sequence[Step]]:
    """The shorter derivation to each version from the first or the second seeds; the first where both are as long."""
    found: dict[int, tuple[int, Sequence[Step]]] = {}
    for leads in seeds:
        for version, (distance, steps) in zip(versions, ancestry.prove(leads, versions), strict=True):
            if steps and (version not in found or distance < found[version][0]):
                found[version] = distance, steps
    return {version: steps for version, (_, steps) in found.items()}


async def _stated(run: Run, partitions: Sequence[int], upto: int) -> dict[int, dict[int, Sequence[Share]]]:
    """What is stated of each of the twins of each of `partitions`."""
    found: dict[int, dict[int, Sequence[Share]]] = {partition: {} for partition in partitions}
    for partition, twin, bodies in sorted(await run(_STATEMENTS, seqs=partitions, upto=upto) if partitions else []):
        found[partition][twin] = [share for body in bodies for share in shares_of(parse(body.encode()))[1]]
    return found


def _lead(population: Sequence[Term], partition: int, stated: dict[int, Sequence[Share]]) -> list[Step]:
    """From the twin whose statement meets most terms (the partition itself where it does) to the partition."""
    source = max((partition, *stated), key=lambda one: met(population, stated[one]))
    steps = [Step(source, None)]
    return steps if source == partition else [*steps, Step(partition, Role.SAME_DATA)]
