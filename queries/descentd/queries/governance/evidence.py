"""The evidence about a version that people decide on, and since when each piece has been there.

Evaluations of the version, its profile in force, weaknesses documented on it or on what it came from, and incidents;
not reviews or gate decisions, so that deciding does not change what is decided on.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.queries.governance.probes import origins
from descentd.queries.registry import Registry

KINDS: Final = frozenset({Kind.EVALUATION, Kind.SAFETY_PROFILE, Kind.VULNERABILITY, Kind.INCIDENT})
_ROLES: Final = frozenset({Role.EVALUATES, Role.DESCRIBES, Role.AFFECTS, Role.ABOUT})
_FOREVER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """A piece of evidence: it counts from the sequence that it was recorded at until before `until`."""

    entry: Entry
    until: int = _FOREVER

    def counts_at(self, sequence: int) -> bool:
        """Whether it counted at a sequence."""
        return self.entry.sequence <= sequence < self.until


async def evidence(registry: Registry, versions: Sequence[int], upto: int) -> Mapping[int, list[EvidenceItem]]:
    """All evidence there has been about each version up to a sequence, by version, in log order."""
    about = await _about(registry, versions, upto)
    entries = {entry.sequence: entry for entry in await registry.store.entries(sorted({*about}))}
    by_version: defaultdict[int, list[Entry]] = defaultdict(list)
    for sequence, entry in entries.items():
        if entry.record.kind in KINDS:
            for version in about[sequence]:
                by_version[version].append(entry)
    for version in versions:
        by_version[version] += await inherited(registry, version, upto)
    ends = await _retractions(registry, [entry.record.id for found in by_version.values() for entry in found], upto)
    return {version: _pieces(by_version[version], ends) for version in versions}


async def _about(registry: Registry, versions: Sequence[int], upto: int) -> Mapping[int, list[int]]:
    """The versions that each statement is about."""
    about: defaultdict[int, list[int]] = defaultdict(list)
    for link in await registry.store.links(versions, _ROLES, inward=True):
        if link.source <= upto:
            about[link.source].append(link.target)
    return about


async def inherited(registry: Registry, record: int, upto: int) -> list[Entry]:
    """The weaknesses documented on what a record came from, in log order."""
    documented = await registry.all_of(Kind.VULNERABILITY, upto)
    if not documented:
        return []
    above = set(await origins(registry, record, upto))
    subjects = await registry.store.resolve({entry.record.content["subject"] for entry in documented})
    return [entry for entry in documented if subjects[entry.record.content["subject"]].sequence in above]


async def _retractions(registry: Registry, ids: Sequence[str], upto: int) -> Mapping[str, int]:
    held = await registry.store.find_by_keys([f"retracted:{id}" for id in ids]) if ids else {}
    return {key.removeprefix("retracted:"): by[0] for key, by in held.items() if by[0] <= upto}


def _pieces(entries: Sequence[Entry], ends: Mapping[str, int]) -> list[EvidenceItem]:
    """Each entry with its end: a retraction, or for a profile the one that superseded it."""
    found: list[EvidenceItem] = []
    next_profile = _FOREVER
    for entry in sorted(entries, key=lambda entry: entry.sequence, reverse=True):
        until = ends.get(entry.record.id, _FOREVER)
        if entry.record.kind is Kind.SAFETY_PROFILE:
            until = min(until, next_profile)
            next_profile = entry.sequence
        found.append(EvidenceItem(entry, until))
    return found[::-1]


def counting(pieces: Sequence[EvidenceItem], sequence: int) -> list[Entry]:
    """What of the evidence counted at a sequence."""
    return [piece.entry for piece in pieces if piece.counts_at(sequence)]


def changes(pieces: Sequence[EvidenceItem], since: int, upto: int) -> tuple[list[Entry], list[Entry]]:
    """What has come to the evidence after a sequence, and what has gone from it, up to another."""
    come = [piece.entry for piece in pieces if piece.counts_at(upto) and not piece.counts_at(since)]
    gone = [piece.entry for piece in pieces if piece.counts_at(since) and not piece.counts_at(upto)]
    return come, gone
