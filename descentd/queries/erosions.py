"""The versions of a whole registry whose safety eroded, worst first, kept level with the log.

Each version is listed by its own verdict, at its own 5 %: of so many, a part is false. So they are ranked by the
false discovery rate over the whole registry, by which the top is not. What is recorded changes the standing of the
versions that it is about and of what descends from them, and only those are assessed again.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from descentd.graph.metrics import MetricCategory, MetricDefinition
from descentd.graph.names import name, nfc
from descentd.graph.reach import Direction, Tail
from descentd.graph.records import Brief
from descentd.graph.relations import KIND_NUMBER, ROLE_NUMBER, Kind, Role
from descentd.queries.ancestry import lineage, parents_of
from descentd.queries.comparable import in_series, learned_from
from descentd.queries.cursors import page
from descentd.queries.definitions import parts_of
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import Assessment, ErosionVerdict
from descentd.queries.erosion.messages import message
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.registry import Registry, about
from descentd.queries.results import measured
from descentd.queries.standings import Brief as Finding
from descentd.queries.standings import Standing

CHUNK: Final = 50
"""Versions that are assessed at a time: a request that is given up leaves what was done to the next."""


@dataclass(frozen=True, slots=True)
class ErosionFilter:
    """Every condition that is given must hold: of the version, and of one and the same finding."""

    name: str | None = None
    name_prefix: str | None = None
    category: tuple[MetricCategory, ...] | None = None
    kinds: tuple[ErosionKind, ...] | None = None

    def lets_through(self, finding: Finding) -> bool:
        """Whether a finding is one that is asked for."""
        return (not self.category or finding.category in self.category) and (
            not self.kinds or finding.kind in self.kinds
        )


@dataclass(frozen=True, slots=True)
class Eroded:
    """An eroded version with the findings that were asked for."""

    record: Brief
    verdict: ErosionVerdict
    q: float | None
    findings: Sequence[Finding]
    cursor: str


@dataclass(frozen=True, slots=True)
class Erosions:
    """A page of eroded versions, as of sequence `upto`."""

    items: Sequence[Eroded]
    total: int
    more: bool
    upto: int


async def erosions(registry: Registry, wanted: ErosionFilter | None, first: int | None, after: str | None) -> Erosions:
    """The eroded versions of the registry, worst first; raises InvalidInput."""
    asked = page(first, after, await registry.sequence(), ["erosions", wanted], 5)
    conditions = wanted or ErosionFilter()
    await catch_up(registry)
    standings = registry.standings
    ranked, upto = standings.ranked, standings.upto
    within = await _named(registry, conditions)
    found = [
        (one, findings)
        for one in ranked
        if (within is None or one.standing.version in within)
        and (findings := [each for each in one.standing.findings if conditions.lets_through(each)])
    ]
    rest = [(one, findings) for one, findings in found if asked.after is None or one.rank > asked.after]
    shown = rest[: asked.first]
    records = await registry.store.briefs([one.standing.version for one, _ in shown])
    items = [
        Eroded(record, one.standing.verdict, one.q, findings, asked.cursor(*one.rank))
        for record, (one, findings) in zip(records, shown, strict=True)
    ]
    return Erosions(items, len(found), len(rest) > asked.first, upto)


async def _named(registry: Registry, wanted: ErosionFilter) -> frozenset[int] | None:
    """The versions with the names that are asked for; None for all."""
    sets: list[frozenset[int]] = []
    if wanted.name is not None:
        with about("filter.name"):
            key = f"model:{name(wanted.name)}"
        sets.append(frozenset((await registry.store.holders([key])).get(key, ())))
    if wanted.name_prefix:
        held = await registry.store.holding(f"model:{nfc(wanted.name_prefix)}")
        sets.append(frozenset(held.tolist()))
    return frozenset.intersection(*sets) if sets else None


async def catch_up(registry: Registry) -> None:
    """Bring the standings level with the log."""
    standings = registry.standings
    async with standings.lock:
        upto = await registry.sequence()
        if standings.seen < upto:
            tail = await registry.store.tail(standings.seen)
            upto = standings.seen + len(tail.kinds)
            standings.pending |= await _touched(registry, tail, upto)
            standings.seen = upto
        while standings.pending:
            chunk = sorted(standings.pending)[:CHUNK]
            standings.hold(await _assessed(registry, chunk, standings.seen))
        standings.upto = standings.seen


async def _touched(registry: Registry, tail: Tail, upto: int) -> set[int]:
    """The evaluated versions whose standing the records of a tail may have changed."""
    walk = registry.walk
    changed = set(_targets(tail, Role.EVALUATES))
    changed |= await _subjects_of_retracted(registry, _of_kind(tail, Kind.RETRACTION))
    # Data that has a twin from now on: whoever learned from the twin may be contaminated by what this came from.
    changed |= set(tail.twins[:, 0].tolist())
    if await _redefines(registry, _of_kind(tail, Kind.METRIC_DEFINITION)):
        return await _evaluated(registry, (await walk.everything(upto, Kind.MODEL_VERSION)).tolist(), upto)
    if not changed:
        return set()
    reached = await walk.members(sorted(changed), Direction.DESCENDANTS, upto, Kind.MODEL_VERSION)
    return await _evaluated(registry, {*changed, *reached.tolist()}, upto)


async def _subjects_of_retracted(registry: Registry, retractions: Sequence[int]) -> set[int]:
    """The versions that retracted evaluations are about."""
    if not retractions:
        return set()
    store = registry.store
    subjects = await store.links(retractions, {Role.ABOUT}, inward=False)
    about = await store.links([link.target for link in subjects], {Role.EVALUATES}, inward=False)
    return {link.target for link in about}


async def _redefines(registry: Registry, definitions: Sequence[int]) -> bool:
    """Whether new definitions make something of results that are there: those of composites do."""
    entries = await registry.store.entries(definitions) if definitions else []
    return any(parts_of(MetricDefinition.of(entry.record.content)) for entry in entries)


async def _evaluated(registry: Registry, versions: Collection[int], upto: int) -> set[int]:
    links = await registry.store.links(sorted(versions), {Role.EVALUATES}, inward=True)
    return {link.target for link in links if link.source <= upto}


def _targets(tail: Tail, role: Role) -> Iterator[int]:
    return iter(np.unique(tail.targets[tail.roles == ROLE_NUMBER[role]]).tolist())


def _of_kind(tail: Tail, kind: Kind) -> list[int]:
    return [tail.after + 1 + int(place) for place in np.flatnonzero(tail.kinds == KIND_NUMBER[kind])]


async def _assessed(registry: Registry, versions: Sequence[int], upto: int) -> list[Standing]:
    """Assess some versions by what was measured along their ancestries, read together."""
    parents = await parents_of(registry, versions, upto)
    found = await measured(registry, sorted(parents), upto)
    learned = await learned_from(registry, versions, found, upto)

    def look() -> list[Assessment]:
        return [assess(version, parents, in_series(found, learned, lineage(version, parents))) for version in versions]

    assessments = await asyncio.to_thread(look)
    spoken_of = {
        each
        for one in assessments
        if one.verdict is ErosionVerdict.ERODED
        for finding in one.findings
        for each in finding.versions()
    }
    refs = {brief.sequence: brief.ref for brief in await registry.store.briefs(sorted(spoken_of))}
    return [_standing(one, refs) for one in assessments]


def _standing(found: Assessment, refs: Mapping[int, str]) -> Standing:
    if found.verdict is not ErosionVerdict.ERODED:
        return Standing(found.head, found.verdict, found.p)
    findings = [
        Finding(
            one.kind,
            one.protocol.metric.name,
            one.protocol.metric.category,
            one.protocol.slice,
            one.p,
            one.q,
            message(one, refs.__getitem__),
        )
        for one in found.findings
    ]
    spans = found.findings[0].introduced_by
    return Standing(found.head, found.verdict, found.p, findings, spans[0] if spans else None)
