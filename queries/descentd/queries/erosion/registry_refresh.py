"""Keeping the ranking of a registry up to date with its log.

A new record changes the assessment of the versions that it is about and of their descendants; only those are assessed
again.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from typing import Final

import numpy as np

from descentd.graph.index.arrays import sorted_unique
from descentd.graph.metrics import MetricDefinition, catalogue
from descentd.graph.model.kinds import KIND_NUMBER, ROLE_NUMBER, Kind, Role
from descentd.graph.model.reach import Direction, Tail
from descentd.graph.model.records import Brief
from descentd.graph.turns import each, in_thread
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import Assessment, ErosionVerdict
from descentd.queries.erosion.messages import message
from descentd.queries.erosion.registry_ranking import Ranking
from descentd.queries.erosion.stored_assessments import StoredAssessments
from descentd.queries.erosion.version_assessment import FindingSummary, VersionAssessment
from descentd.queries.evaluation.comparable import in_series, learned_from
from descentd.queries.evaluation.evaluations import measured
from descentd.queries.evaluation.labels import Labels, look_up_labels
from descentd.queries.lineage.ancestry import with_ancestors
from descentd.queries.lineage.parents import parents_of
from descentd.queries.registry import Registry

STEP: Final = 2.0
"""Seconds that a step should take: whoever gives up leaves what was done to the next."""

LEAST: Final = 20
MOST: Final = 2_000
"""Versions that are assessed in a step: what is read of many at once is read once."""

PIECE: Final = 0.02
"""Seconds after which a thread that assesses gives way to the other long works, and to the end of the process."""

_SPAN: Final = 10_000
"""Evaluations whose subjects are read at a time, so that nobody else waits long."""


async def catch_up(registry: Registry) -> None:
    """Bring the ranking up to date with the present log."""
    upto = await registry.sequence()
    while registry.cache(Ranking).upto < upto:
        await advance(registry)


async def assess_all(registry: Registry, upto: int) -> StoredAssessments:
    """The assessments of all evaluated versions as of a sequence, none of them taken from the ranking."""
    versions = sorted(await _evaluated_at_all(registry, upto))
    chunks = (versions[start : start + MOST] for start in range(0, len(versions), MOST))
    parts = [StoredAssessments.of(await _assessed(registry, chunk, upto)) for chunk in chunks]
    return StoredAssessments.one_after_another([StoredAssessments.of(()), *parts])


async def advance(registry: Registry) -> bool:
    """Go one step towards the end of the log; returns whether the ranking had been level with it.

    What comes while versions are being assessed waits until those are done, so that a log that grows all the time
    cannot keep the ranking from ever being of one moment.
    """
    ranking = registry.cache(Ranking)
    async with ranking.lock:
        if not len(ranking.pending):
            upto = await registry.sequence()
            if ranking.upto == upto:
                ranking.restored = False
                return True
            ranking.look_at(await _touched_since(registry, ranking.upto, upto), upto)
        start = time.monotonic()
        chunk = ranking.pending[: ranking.stride].tolist()
        ranking.take(await _assessed(registry, chunk, ranking.seen) if chunk else ())
        fitting = STEP * len(chunk) / (time.monotonic() - start)
        ranking.stride = min(MOST, max(LEAST, int(fitting)))
        return False


async def _touched_since(registry: Registry, after: int, upto: int) -> set[int]:
    """The evaluated versions whose assessment the records after a sequence may have changed."""
    if not after:
        return await _evaluated_at_all(registry, upto)
    return await _touched(registry, await registry.store.tail(after), upto)


async def _evaluated_at_all(registry: Registry, upto: int) -> set[int]:
    evaluations = (await registry.walk.everything(upto, Kind.EVALUATION)).tolist()
    found: set[int] = set()
    for start in range(0, len(evaluations), _SPAN):
        span = evaluations[start : start + _SPAN]
        found |= {link.target for link in await registry.store.links(span, {Role.EVALUATES}, inward=False)}
    return found


async def _touched(registry: Registry, tail: Tail, upto: int) -> set[int]:
    """The evaluated versions whose assessment the records of a tail may have changed."""
    walk = registry.walk
    if await _redefines(registry, _of_kind(tail, Kind.METRIC_DEFINITION)):
        return await _evaluated(registry, (await walk.everything(upto, Kind.MODEL_VERSION)).tolist(), upto)
    retracted = await _retracted_by(registry, _of_kind(tail, Kind.RETRACTION))
    changed = set(_targets(tail, Role.EVALUATES)) | await _versions_of(registry, retracted)
    changed |= {brief.sequence for brief in retracted if brief.kind is Kind.MODEL_VERSION}  # which findings say
    disclosures = [brief.sequence for brief in retracted if brief.kind is Kind.DISCLOSURE]
    subjects = await _subjects_of(registry, [*_of_kind(tail, Kind.DISCLOSURE), *disclosures])
    changed |= {brief.sequence for brief in subjects}
    # Data that has a twin from now on: whoever learned from the twin may be contaminated by what this came from, and
    # whoever was evaluated on what the twin went into by having learned from what this came from. So it is with data
    # that is now known to have come from other data, or not to have.
    data = {brief.sequence for brief in subjects if brief.kind is not Kind.MODEL_VERSION}
    data |= set(tail.twins[:, 0].tolist())
    changed |= data | await _evaluated_on(registry, data, upto)
    if not changed:
        return set()
    reached = await walk.members(sorted(changed), Direction.DESCENDANTS, upto, Kind.MODEL_VERSION)
    return await _evaluated(registry, {*changed, *reached.tolist()}, upto)


async def _evaluated_on(registry: Registry, data: Collection[int], upto: int) -> set[int]:
    """The versions that were evaluated on data, or on data that it went into."""
    if not data:
        return set()
    walk, store = registry.walk, registry.store
    on = set(data)
    for kind in (Kind.PARTITION, Kind.DATASET):
        on.update((await walk.members(sorted(data), Direction.DESCENDANTS, upto, kind)).tolist())
    evaluations = await store.links(sorted(on), {Role.EVALUATED_ON}, inward=True)
    about = await store.links(sorted({link.source for link in evaluations}), {Role.EVALUATES}, inward=False)
    return {link.target for link in about}


async def _retracted_by(registry: Registry, retractions: Sequence[int]) -> list[Brief]:
    """All that some retractions are about, also what stands again because a retraction of it was retracted."""
    found: dict[int, Brief] = {}
    while retractions:
        subjects = await _subjects_of(registry, retractions)
        retractions = [one.sequence for one in subjects if one.kind is Kind.RETRACTION and one.sequence not in found]
        found |= {brief.sequence: brief for brief in subjects}
    return list(found.values())


async def _subjects_of(registry: Registry, statements: Sequence[int]) -> list[Brief]:
    """What some retractions or disclosures are about."""
    links = await registry.store.links(statements, {Role.ABOUT}, inward=False) if statements else []
    return await registry.store.briefs(sorted({link.target for link in links})) if links else []


async def _versions_of(registry: Registry, retracted: Sequence[Brief]) -> set[int]:
    """The versions that retracted evaluations are about."""
    sequences = [brief.sequence for brief in retracted]
    links = await registry.store.links(sequences, {Role.EVALUATES}, inward=False) if sequences else []
    return {link.target for link in links}


async def _redefines(registry: Registry, definitions: Sequence[int]) -> bool:
    """Whether new definitions make something else of results that are there.

    Those of composites do, and those of the catalogue's metrics: from then on a result may count as safety, or no more.
    """
    entries = await registry.store.entries(definitions) if definitions else []
    defined = [MetricDefinition.of(entry.record.content) for entry in entries]
    return any(one.parts or one.name in catalogue() for one in defined)


async def _evaluated(registry: Registry, versions: Collection[int], upto: int) -> set[int]:
    links = await registry.store.links(sorted(versions), {Role.EVALUATES}, inward=True)
    return {link.target for link in links if link.source <= upto}


def _targets(tail: Tail, role: Role) -> Iterator[int]:
    return iter(sorted_unique(tail.targets[tail.roles == ROLE_NUMBER[role]]).tolist())


def _of_kind(tail: Tail, kind: Kind) -> list[int]:
    return [tail.after + 1 + int(place) for place in np.flatnonzero(tail.kinds == KIND_NUMBER[kind])]


async def _assessed(registry: Registry, versions: Sequence[int], upto: int) -> list[VersionAssessment]:
    """Assess some versions by what was measured along their ancestries, read together."""
    parents = await parents_of(registry, versions, upto)
    found = await measured(registry, sorted(parents), upto)
    learned = await learned_from(registry, versions, found.data, upto)

    assessments: list[Assessment] = []
    waiting = iter(versions)

    def look() -> None:
        """Assess the next few."""
        end = time.perf_counter() + PIECE
        for version in waiting:
            series = in_series(found, learned, with_ancestors(version, parents))
            assessments.append(assess(version, parents, series))
            if time.perf_counter() > end:
                break

    while len(assessments) < len(versions):
        await in_thread(look)
    eroded = [one for one in assessments if one.verdict is ErosionVerdict.ERODED]
    spoken_of = {version for one in eroded for version in one.versions()}
    series = {key for one in eroded for key in one.series}
    called = await look_up_labels(registry, spoken_of, series, upto)
    return [_standing(one, called.labels(one.series)) async for one in each(assessments)]


def _standing(found: Assessment, labels: Labels) -> VersionAssessment:
    if found.verdict is not ErosionVerdict.ERODED:
        return VersionAssessment(found.head, found.verdict, found.p)
    findings = [
        FindingSummary(
            one.kind,
            one.series.metric.name,
            one.series.metric.category,
            one.series.slice,
            one.p,
            one.q,
            one.e,
            message(one, labels),
            one.introduced_by,
            one.gradual,
        )
        for one in found.findings
    ]
    return VersionAssessment(found.head, found.verdict, found.p, findings)
