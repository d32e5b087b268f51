"""Exposure to populations, walked by Neo4j itself from the nodes of `populations`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from descentd.graph.index.backtrace import HALF
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
)
from descentd.graph.store.neo4j.batching import SingleFlight
from descentd.graph.store.neo4j.connection import Connection, Run
from descentd.graph.store.neo4j.disclosures import IN_FORCE
from descentd.graph.store.neo4j.paths import ARROW, steps_along
from descentd.graph.store.neo4j.populations import folded

_SEEDS: Final = "_LACKS|_LISTS|_STATED|_COMPLETES"
_TYPES: Final = f"DERIVED_FROM|TRAINED_ON|INCLUDES|GENERATED_BY|_FLOWS|{_SEEDS}"
_STATEMENT: Final = "e.since <= $upto AND (e.shut IS NULL OR e.shut[0] > $upto)"
_OPEN: Final = f"""all(e IN relationships(p) WHERE (e.since IS NULL OR e.since <= $upto) AND {IN_FORCE}
  AND (e.shut IS NULL OR none(i IN range(0, size(e.shut) - 1, 2) WHERE e.shut[i] <= $upto AND $upto < e.shut[i + 1]))
  AND (e.first IS NULL OR e.first IN $firsts = $among))"""

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
            f"{self.pattern} MATCH p = (d)<-[:{_TYPES}*1..]-(x) WHERE x.seq <= $upto AND {_OPEN} "
            "WITH DISTINCT x WHERE x:ModelVersion RETURN collect(x.seq)"
        )

    @property
    def shortest(self) -> str:
        """A query for a shortest way to each of `$items`: its length and its arrows, the middle left out."""
        return f"""
        UNWIND $items AS item
        MATCH (x:Record {{seq: item}})
        {self.pattern}
        MATCH p = shortestPath((x)-[:{_TYPES}*1..]->(d)) WHERE {_OPEN}
        WITH item, p ORDER BY length(p)
        WITH item, collect(p)[0] AS p
        WITH item, length(p) AS n,
          reverse([e IN relationships(p) WHERE NOT type(e) IN split('{_SEEDS}', '|')]) AS arrows
        RETURN item, n, [e IN arrows[..{HALF + 1}] | {ARROW}], [e IN arrows[{HALF + 1}..][-{HALF + 1}..] | {ARROW}]
        """

    def given(self, upto: int) -> dict[str, Any]:
        """The parameters of both."""
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


class Neo4jExposure:
    """The question of SupportsReach about exposure, for a store that has a `_connection`."""

    _connection: Connection

    def __init__(self) -> None:
        self._undocumented = SingleFlight[Sequences](4)
        self._exposures = SingleFlight[tuple[Question, Answers]](8)

    def clear(self) -> None:
        """Forget what was found."""
        self._undocumented.clear()
        self._exposures.clear()

    async def exposure(self, query: ExposureQuery) -> ExposurePage:
        """See SupportsReach."""
        terms, upto = tuple(query.population), query.upto
        question, answers = await self._exposures.get((terms, upto), lambda: self._answer(terms, upto))
        page, listed = answers.page(query)
        items = await _items(self._connection.run, question, listed)
        return replace(page, items=items, near=question.near, unlisted=question.unlisted)

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


@dataclass(frozen=True, slots=True)
class _Way:
    """A shortest way from where knowledge flowed from; `arrows` before and behind what was left out of the middle."""

    length: int
    head: list[Any]
    tail: list[Any]

    def source(self, version: int) -> int:
        """The record that knowledge flowed from."""
        return int(self.head[0][1]) if self.head else version

    def steps(self, lead: Sequence[Step], version: int) -> list[Step]:
        """The derivation that leads on from `lead`."""
        if not self.head:
            return list(lead)
        whole = self.length == len(self.head) + len(self.tail)
        return steps_along(lead, version, self.head, self.tail, whole=whole)


async def _ways(run: Run, seeds: Seeds, items: Sequence[int], upto: int) -> dict[int, _Way]:
    rows = await run(seeds.shortest, items=items, **seeds.given(upto)) if items else []
    return {item: _Way(length - seeds.steps, head, tail) for item, length, head, tail in rows}


async def _items(run: Run, question: Question, listed: Sequence[tuple[int, int]]) -> list[Exposed]:
    """The answers on one page with their evidence."""
    trained = [version for version, answer in listed if answer in (DIRECT, INHERITED)]
    unknown = [version for version, answer in listed if answer == UNKNOWN]
    upto = question.upto
    ways = await _ways(run, question.trained, trained, upto)
    sources = {way.source(version) for version, way in ways.items()}
    stated = await _stated(run, sorted(sources), upto)
    undocumented = await _ways(run, UNDOCUMENTED, unknown, upto)
    lacking = await _ways(run, question.lacking, unknown, upto)
    nearly = await _ways(run, question.nearly, unknown if question.nearly.firsts else (), upto)

    def item(version: int, answer: int) -> Exposed:
        if answer == NOT_TRAINED:
            return Exposed(version, ExposureVerdict.NOT_TRAINED, None, None, None, ())
        if answer == UNKNOWN:
            near = [found[version] for found in (undocumented, lacking, nearly) if version in found]
            way = min(near, key=lambda way: way.length)
            source = way.source(version)
            return Exposed(
                version, ExposureVerdict.UNKNOWN, None, source, None, way.steps([Step(source, None)], version)
            )
        way = ways[version]
        lead = _lead(question.population, way.source(version), stated[way.source(version)])
        is_proven = proven(question.population, list(stated[way.source(version)].values()))
        steps = way.steps(lead, version)
        return Exposed(version, ExposureVerdict.TRAINED, answer == DIRECT, lead[0].sequence, is_proven, steps)

    return [item(version, answer) for version, answer in listed]


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
