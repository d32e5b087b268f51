"""The evidence about a version that reviewers decide on, and which part of it counted at a moment.

Evaluations of the version, its profile in force, incidents, and weaknesses and disclosures about it or about what it
came from; not reviews or gate decisions, so that deciding does not change what is decided on.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.retractions import Retractions, find_retractions
from descentd.queries.registry import Registry

KINDS: Final = frozenset({Kind.EVALUATION, Kind.SAFETY_PROFILE, Kind.VULNERABILITY, Kind.INCIDENT, Kind.DISCLOSURE})
_INHERITED: Final = (Kind.VULNERABILITY, Kind.DISCLOSURE)
_ROLES: Final = frozenset({Role.EVALUATES, Role.DESCRIBES, Role.AFFECTS, Role.ABOUT})


@dataclass(frozen=True, slots=True)
class Evidence:
    """All evidence that there has been about a version, in log order, and the retractions of it."""

    entries: Sequence[Entry]
    retractions: Retractions

    def counting(self, sequence: int) -> list[Entry]:
        """What of it counted at a sequence: what was not retracted, and of the profiles the last one alone."""
        retracted = self.retractions.at(sequence)
        known = [entry for entry in self.entries if entry.sequence <= sequence]
        profiles = [entry for entry in known if entry.record.kind is Kind.SAFETY_PROFILE]
        return [
            entry
            for entry in known
            if entry.record.id not in retracted and (entry not in profiles or entry is profiles[-1])
        ]

    def changes(self, since: int, upto: int) -> tuple[list[Entry], list[Entry]]:
        """What has come to the evidence after a sequence, and what has gone from it, up to another."""
        before, after = self.counting(since), self.counting(upto)
        had, has = ({entry.sequence for entry in counted} for counted in (before, after))
        return [one for one in after if one.sequence not in had], [one for one in before if one.sequence not in has]


async def evidence(registry: Registry, versions: Sequence[int], upto: int) -> Mapping[int, Evidence]:
    """All evidence that there has been about each version up to a sequence."""
    about = await _about(registry, versions, upto)
    by_version: defaultdict[int, dict[int, Entry]] = defaultdict(dict)
    for entry in await registry.store.entries(sorted(about)):
        if entry.record.kind in KINDS:
            for version in about[entry.sequence]:
                by_version[version][entry.sequence] = entry
    for version in versions:
        by_version[version] |= {entry.sequence: entry for entry in await _inherited(registry, version, upto)}
    retractions = await find_retractions(
        registry.store, {entry.record.id for found in by_version.values() for entry in found.values()}
    )
    return {version: _evidence(by_version[version], retractions) for version in versions}


def _evidence(entries: Mapping[int, Entry], retractions: Retractions) -> Evidence:
    in_order = [entries[sequence] for sequence in sorted(entries)]
    return Evidence(in_order, retractions.about(entry.record.id for entry in in_order))


async def _about(registry: Registry, versions: Sequence[int], upto: int) -> Mapping[int, list[int]]:
    """The versions that each statement is about."""
    about: defaultdict[int, list[int]] = defaultdict(list)
    for link in await registry.store.links(versions, _ROLES, inward=True):
        if link.source <= upto:
            about[link.source].append(link.target)
    return about


async def _inherited(registry: Registry, record: int, upto: int) -> list[Entry]:
    """The weaknesses of what a record came from, and what was disclosed of it."""
    documented = [entry for kind in _INHERITED for entry in await registry.all_of(kind, upto)]
    if not documented:
        return []
    above = set(await registry.origins(record, upto))
    subjects = await registry.store.resolve({entry.record.content["subject"] for entry in documented})
    return [entry for entry in documented if subjects[entry.record.content["subject"]].sequence in above]
