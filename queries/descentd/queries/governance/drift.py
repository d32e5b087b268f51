"""Drift of documentation: versions whose safety profile is missing, out of date, copied, or contradicted by results."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np

from descentd.graph.disclosures import disclosed_links
from descentd.graph.index.arrays import sorted_unique
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.reach import Sequences
from descentd.graph.retractions import retracted_ids
from descentd.graph.turns import each
from descentd.queries.evaluation.editions import CURRENT, SECOND
from descentd.queries.evaluation.evaluations import Found, Measured, measured
from descentd.queries.evaluation.parsing import slice_of
from descentd.queries.governance.profiles import Profiles, profiles, wording
from descentd.queries.prose import apart, counts, kind_name, of_slice
from descentd.queries.registry import Registry

_EVIDENCE: Final = frozenset({Role.EVALUATES, Role.AFFECTS, Role.ABOUT})
"""What is ABOUT a version is evidence only where it is a disclosure."""


class DriftKind(StrEnum):
    """How the documentation of a version has drifted from what is known."""

    MISSING_PROFILE = "MISSING_PROFILE"
    STALE_PROFILE = "STALE_PROFILE"
    COPIED_PROFILE = "COPIED_PROFILE"
    CLAIM_CONTRADICTED = "CLAIM_CONTRADICTED"


@dataclass(frozen=True, slots=True)
class Drift:
    """A finding; `evidence` holds the ids of the records that show it."""

    kind: DriftKind
    message: str
    evidence: tuple[str, ...] = ()


MISSING: Final = Drift(DriftKind.MISSING_PROFILE, "There is no safety profile.")
"""The finding of a version that no profile was ever written for."""


async def drift(
    registry: Registry, versions: Sequence[int], upto: int, edition: int = CURRENT
) -> Mapping[int, Sequence[Drift]]:
    """What is wrong with the documentation of each version as known at a sequence, by a fixed number of look-ups."""
    said = await profiles(registry.store, versions, upto)
    found: dict[int, list[Drift]] = {version: [] for version in versions}
    documented: dict[int, Entry] = {}
    async for version in each(versions):
        current = said[version].current
        if current is None:
            found[version].append(_missing(said[version]))
        else:
            documented[version] = current
    for finder in (_stale, _copied):
        async for version, finding in finder(registry, documented, upto, edition):
            found[version].append(finding)
    async for version, finding in _contradicted(registry, documented, upto, edition):
        found[version].append(finding)
    return found


async def documented_versions(registry: Registry, upto: int) -> Sequences:
    """The versions that a safety profile was ever written for, ascending: of all others the profile is missing.

    By the profiles, of which there may be few, and not by the versions.
    """
    written = (await registry.walk.everything(upto, Kind.SAFETY_PROFILE)).tolist()
    links = await registry.store.links(written, {Role.DESCRIBES}, inward=False) if written else []
    return sorted_unique(np.array([link.target for link in links], dtype=np.int64))


async def is_current(registry: Registry, version: int, upto: int) -> bool:
    """Whether a version has a safety profile and no evidence came after it: what "current" means everywhere."""
    findings = (await drift(registry, [version], upto))[version]
    return all(one.kind not in (DriftKind.MISSING_PROFILE, DriftKind.STALE_PROFILE) for one in findings)


def _missing(said: Profiles) -> Drift:
    if not said.withdrawn:
        return MISSING
    message = "The safety profile was retracted, and no other was written since."
    return Drift(DriftKind.MISSING_PROFILE, message, (said.entries[-1].record.id,))


async def _stale(
    registry: Registry, documented: Mapping[int, Entry], upto: int, edition: int
) -> AsyncIterator[tuple[int, Drift]]:
    """Evidence about the version came in a later transaction than its profile."""
    links = await registry.store.links(list(documented), _EVIDENCE, inward=True) if documented else []
    about = {link.source: link.target for link in links if documented[link.target].sequence < link.source <= upto}
    measuring = {link.source for link in links if link.role is not Role.ABOUT}
    later: defaultdict[int, list[Entry]] = defaultdict(list)
    for entry in await registry.store.entries(sorted(about)) if about else ():
        version = about[entry.sequence]
        is_disclosure = entry.record.kind is Kind.DISCLOSURE and edition > SECOND
        is_evidence = entry.sequence in measuring or is_disclosure
        if entry.transaction > documented[version].sequence and is_evidence:
            later[version].append(entry)
    ids = [entry.record.id for entries in later.values() for entry in entries]
    gone = await retracted_ids(registry.store, ids, upto) if ids else frozenset()
    async for version, entries in each(later.items()):
        since = [entry for entry in entries if entry.record.id not in gone]
        if since:
            came = counts(kind_name(entry.record.kind) for entry in since)
            message = f"{came} came after the safety profile: read it again, and confirm or revise it."
            yield version, Drift(DriftKind.STALE_PROFILE, message, tuple(entry.record.id for entry in since))


async def _copied(
    registry: Registry, documented: Mapping[int, Entry], upto: int, edition: int
) -> AsyncIterator[tuple[int, Drift]]:
    """The files are not the parent's, and the profile is, word for word."""
    if not documented:
        return
    links = await registry.store.links(list(documented), {Role.DERIVED_FROM}, inward=False)
    if edition > SECOND:
        links += await disclosed_links(registry.store, list(documented), upto, {Role.DERIVED_FROM})
    parents = sorted({link.target for link in links})
    if not parents:
        return
    said = await profiles(registry.store, parents, upto)
    suspects = [
        (link.source, link.target, original)
        async for link in each(links)
        if (original := _original(documented[link.source], said[link.target].entries)) is not None
    ]
    wanted = sorted({version for source, target, _ in suspects for version in (source, target)})
    entries = {entry.sequence: entry for entry in await registry.store.entries(wanted)} if wanted else {}
    seen: set[int] = set()
    for version, parent, original in suspects:
        own, theirs = _files(entries[version].record.content), _files(entries[parent].record.content)
        if own and own != theirs and version not in seen:
            seen.add(version)
            name = entries[parent].record.label
            yield (
                version,
                Drift(
                    DriftKind.COPIED_PROFILE,
                    f"The safety profile is that of {name}, word for word, though the files are not.",
                    (documented[version].record.id, original.record.id),
                ),
            )


def _original(profile: Entry, before: Sequence[Entry]) -> Entry | None:
    """The profile of a parent that this one is a copy of: a parent's that was written later is no original."""
    said = wording(profile.record.content)
    same = (
        one
        for one in reversed(before)
        if one.transaction <= profile.transaction and wording(one.record.content) == said
    )
    return next(same, None)


def _files(version: Content) -> frozenset[str]:
    return frozenset(artifact["digest"] for artifact in version.get("artifacts", ()))


async def _contradicted(
    registry: Registry, documented: Mapping[int, Entry], upto: int, edition: int
) -> AsyncIterator[tuple[int, Drift]]:
    """A claim of the profile is bound to a metric, and its result (several pooled) is outside."""
    claiming = [version for version, profile in documented.items() if profile.record.content.get("claims")]
    if not claiming:
        return
    results = await measured(registry, claiming, upto, edition)
    async for version in each(claiming):
        profile = documented[version].record
        for claim in profile.content["claims"]:
            newest = _newest(results, version, claim)
            if newest is None:
                continue
            called = f"{claim['metric']}{of_slice(dict(slice_of(claim.get('slice', ()))))}"
            for value, bound in _outside(claim, newest.result.value):
                message = f'The profile claims "{claim["text"]}", but {called} is {value}, {bound}.'
                yield version, Drift(DriftKind.CLAIM_CONTRADICTED, message, (profile.id, newest.evaluation.id))


def _newest(results: Measured, version: int, claim: Mapping[str, Any]) -> Found | None:
    """The newest result of a claim's metric and slice, under whatever protocol."""
    slice = slice_of(claim.get("slice", ()))
    found = [
        one
        for series, one in results.results(version).items()
        if series.metric.name == results.metrics[claim["metric"]].name and series.slice == slice
    ]
    return max(found, key=lambda one: (one.evaluation.moment, one.evaluation.sequence), default=None)


def _outside(claim: Mapping[str, Any], value: float) -> Iterator[tuple[str, str]]:
    """A value that is outside a bound of a claim, and that bound, in words."""
    if "atLeast" in claim and value < claim["atLeast"]:
        measured, least = apart(value, claim["atLeast"], digits=6)
        yield measured, f"below {least}"
    if "atMost" in claim and value > claim["atMost"]:
        measured, most = apart(value, claim["atMost"], digits=6)
        yield measured, f"above {most}"
