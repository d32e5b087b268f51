"""The status of records for an overview: verdict, whether a version serves, is retracted, and got worse."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from descentd.graph.model import clock
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.records import Brief
from descentd.graph.retractions import retracted_ids
from descentd.queries.erosion.registry_ranking import Ranking
from descentd.queries.erosion.version_assessment import VersionAssessment
from descentd.queries.governance.verdicts import VerdictStatus, verdict_statuses
from descentd.queries.production.deployments import deployments_by_record
from descentd.queries.registry import Registry, moment_of


class Status(StrEnum):
    """A part of the status of a version; several may hold at once."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    UNREVIEWED = "UNREVIEWED"
    FLAGGED = "FLAGGED"
    RETRACTED = "RETRACTED"
    SERVING = "SERVING"
    WORSE = "WORSE"


class VersionStatus(NamedTuple):
    """The status of a record.

    verdict: None if it is not a version; serving: the environments; worse: its assessed erosion, None if nothing got
    worse or it was not assessed yet.
    """

    verdict: VerdictStatus | None
    retracted: bool = False
    serving: tuple[str, ...] = ()
    worse: VersionAssessment | None = None

    @property
    def statuses(self) -> frozenset[Status]:
        """All parts that hold."""
        found = set() if self.verdict is None else {Status(self.verdict)}
        found |= {Status.RETRACTED} if self.retracted else set()
        found |= {Status.SERVING} if self.serving else set()
        found |= {Status.WORSE} if self.worse else set()
        return frozenset(found)


async def version_statuses(
    registry: Registry, briefs: Sequence[Brief], upto: int, as_of: str | None = None
) -> Mapping[int, VersionStatus]:
    """The status of each record at a sequence of the log, by a fixed number of look-ups; the keys are sequences.

    Erosion is that of now, and only of versions that were assessed.
    """
    versions = [brief.sequence for brief in briefs if brief.kind is Kind.MODEL_VERSION]
    moment = moment_of(as_of)
    ids = await retracted_ids(registry.store, [brief.id for brief in briefs], upto)
    gone = {brief.sequence for brief in briefs if brief.id in ids}
    verdicts = await verdict_statuses(registry, versions, gone.intersection(versions), upto, moment) if versions else {}
    serving = await _serving(registry, versions, upto, moment) if versions else {}
    worse = worsened(registry) if as_of is None else {}
    return {
        brief.sequence: VersionStatus(
            verdicts.get(brief.sequence),
            brief.sequence in gone,
            serving.get(brief.sequence, ()),
            worse.get(brief.sequence),
        )
        for brief in briefs
    }


def is_assessed(registry: Registry) -> bool:
    """Whether all evaluated versions have been assessed at some moment since this process started."""
    return registry.cache(Ranking).upto > 0


def worsened(registry: Registry) -> Mapping[int, VersionAssessment]:
    """The versions whose safety got worse, as far as the registry has been assessed."""
    return {one.assessment.version: one.assessment for one in registry.cache(Ranking).ranked}


async def _serving(
    registry: Registry, versions: Sequence[int], upto: int, moment: int | None
) -> Mapping[int, tuple[str, ...]]:
    links = await registry.store.links(versions, {Role.DEPLOYS}, inward=True)
    of = {link.source: link.target for link in links if link.source <= upto}
    if not of:
        return {}
    entries = await registry.store.entries(sorted(of))
    then = clock.now() if moment is None else moment
    places: defaultdict[int, set[str]] = defaultdict(set)
    for sequence, deployment in (await deployments_by_record(registry, entries, upto)).items():
        if deployment.serves_at(then):
            places[of[sequence]].add(deployment.place[0])
    return {version: tuple(sorted(found)) for version, found in places.items()}
