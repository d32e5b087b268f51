"""Probes: the tests that a version must pass because a vulnerability is documented on it or on an ancestor.

Each version is tested by itself: that an ancestor resisted proves nothing about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from descentd.graph.model.kinds import VERSION, Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.reach import Direction
from descentd.graph.model.records import Brief
from descentd.graph.retractions import retracted_ids
from descentd.queries.evaluation.editions import CURRENT
from descentd.queries.evaluation.evaluations import Found, Measured, measured
from descentd.queries.evaluation.parsing import protocol_of, slice_of
from descentd.queries.evaluation.series import SeriesKey
from descentd.queries.registry import Registry


class ProbeStatus(StrEnum):
    """Whether a version withstands a weakness: by its own result (several pooled), or it was not tried."""

    NOT_RUN = "NOT_RUN"
    RESISTED = "RESISTED"
    REPRODUCED = "REPRODUCED"


@dataclass(frozen=True, slots=True)
class Probe:
    """A weakness that a version has to answer for; `content` is that of its probe, None where it came without one."""

    vulnerability: Entry
    on: Brief
    content: Mapping[str, Any] | None
    status: ProbeStatus
    evidence: tuple[str, ...]
    """The ids of the evaluations that the status rests on."""


@dataclass(frozen=True, slots=True)
class Probes:
    """The probes of a version, in the order in which the weaknesses were documented."""

    version: Brief
    items: Sequence[Probe]
    upto: int

    def count(self, status: ProbeStatus) -> int:
        """How many have a status, of those that come with a probe."""
        return sum(probe.status is status for probe in self.items if probe.content is not None)

    @property
    def due(self) -> Sequence[Probe]:
        """What is to be run: the plan for a version that was just registered."""
        return [probe for probe in self.items if probe.content is not None and probe.status is ProbeStatus.NOT_RUN]


async def probes(registry: Registry, ref: str, as_of: str | None = None) -> Probes:
    """The probes of a version, with their results; raises NotFound and InvalidInput."""
    upto = await registry.sequence(as_of)
    return await probes_of(registry, await registry.find(ref, upto, VERSION), upto)


async def probes_of(registry: Registry, version: Brief, upto: int, edition: int = CURRENT) -> Probes:
    """The probes of a version with their results, as known at a sequence."""
    documented = await weaknesses(registry, version.sequence, upto)
    if not documented:
        return Probes(version, (), upto)
    subjects = await registry.store.resolve({entry.record.content["subject"] for entry in documented})
    found = await measured(registry, [version.sequence], upto, edition)
    results = found.results(version.sequence)
    on = {content["data"] for entry in documented if "data" in (content := entry.record.content.get("probe") or {})}
    same = await found.same_data(registry.store, on)
    items = [_probe(entry, subjects[entry.record.content["subject"]], results, found, same) for entry in documented]
    return Probes(version, items, upto)


@dataclass(frozen=True, slots=True)
class ProbesDue:
    """The versions that a weakness which was documented later makes probes due for; `total` counts them all."""

    probe: Mapping[str, Any]
    versions: Sequence[Brief]
    total: int


async def due_for_existing(registry: Registry, weakness: Entry, first: int) -> ProbesDue | None:
    """The versions that were there before a weakness and have to be tried for it, up to `first` of them in log order.

    None where it came without a probe, or where there are none. Results that were there already count.
    """
    content = weakness.record.content
    if "probe" not in content:
        return None
    subject = (await registry.store.resolve([content["subject"]]))[content["subject"]]
    upto = weakness.sequence
    below = await registry.walk.members([subject.sequence], Direction.DESCENDANTS, upto, Kind.MODEL_VERSION)
    own = {subject.sequence} if subject.kind is Kind.MODEL_VERSION else set()
    there = sorted(one for one in own.union(below.tolist()) if one < weakness.transaction)
    found = await measured(registry, there, upto)
    same = await found.same_data(registry.store, {content["probe"]["data"]} if "data" in content["probe"] else set())
    due = [
        one for one in there if _probe(weakness, subject, found.results(one), found, same).status is ProbeStatus.NOT_RUN
    ]
    if not due:
        return None
    return ProbesDue(content["probe"], await registry.store.briefs(due[:first]), len(due))


async def weaknesses(registry: Registry, version: int, upto: int) -> list[Entry]:
    """The weaknesses documented on a version or on anything that it came from, retracted ones left out; log order."""
    if not await registry.all_of(Kind.VULNERABILITY, upto):
        return []
    links = await registry.store.links([version, *await registry.origins(version, upto)], {Role.AFFECTS}, inward=True)
    sources = sorted({link.source for link in links if link.source <= upto})
    briefs = await registry.store.briefs(sources) if sources else []
    ids = {brief.id: brief.sequence for brief in briefs if brief.kind is Kind.VULNERABILITY}
    gone = await retracted_ids(registry.store, list(ids), upto) if ids else frozenset()
    left = [sequence for id, sequence in ids.items() if id not in gone]
    return await registry.store.entries(left) if left else []


def _probe(
    entry: Entry, on: Brief, results: Mapping[SeriesKey, Found], measured: Measured, data: Mapping[str, str]
) -> Probe:
    content = entry.record.content.get("probe")
    if content is None:
        return Probe(entry, on, None, ProbeStatus.NOT_RUN, ())
    found = _answer(content, results, measured, data)
    definition = measured.metrics[content["metric"]]
    threshold = definition.badness(content["threshold"])
    badness = definition.badness(found.result.value) if found else None
    if found is None or badness is None or threshold is None:
        return Probe(entry, on, content, ProbeStatus.NOT_RUN, ())
    status = ProbeStatus.RESISTED if badness <= threshold else ProbeStatus.REPRODUCED
    return Probe(entry, on, content, status, tuple(one.id for one in reversed(found.evaluations)))


def _answer(
    probe: Mapping[str, Any], results: Mapping[SeriesKey, Found], measured: Measured, data: Mapping[str, str]
) -> Found | None:
    """The result under a probe's suite, of its metric and slice, and on its data where it names any.

    data: by the id of data, that under which its results are compared. Of several on different data the newest.
    """
    on = probe.get("data")
    protocol = protocol_of(probe["suite"], None if on is None else data[on], measured.edition)
    metric, slice = measured.metrics[probe["metric"]], slice_of(probe.get("slice", ()))
    fitting = [
        found
        for series, found in results.items()
        if not found.result.lacking
        and series.resembles(SeriesKey(metric, protocol, slice, series.parts))
        and protocol.data in (None, series.protocol.data)
    ]
    return max(fitting, key=lambda found: (found.evaluation.moment, found.evaluation.sequence), default=None)
