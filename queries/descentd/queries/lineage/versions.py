"""Lists of model versions, selected by filters."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields
from functools import reduce

import numpy as np

from descentd.graph.index.arrays import is_in
from descentd.graph.model.kinds import DATA, VERSION, Kind
from descentd.graph.model.names import digest, name, nfc
from descentd.graph.model.reach import Direction, Sequences
from descentd.graph.model.records import Brief
from descentd.queries.governance.drift import MISSING, Drift, DriftKind, documented_versions, drift
from descentd.queries.governance.verdicts import VerdictStatus, in_status
from descentd.queries.pages import Listed, page
from descentd.queries.production.deployments import versions_serving
from descentd.queries.registry import Registry, about, moment_of

_CHUNK = 500
"""Versions whose documentation is looked at together."""


@dataclass(frozen=True, slots=True)
class VersionFilter:
    """Every condition that is given must hold; `derived_from` and `trained_on` are transitive."""

    name: str | None = None
    name_prefix: str | None = None
    status: tuple[VerdictStatus, ...] | None = None
    serving_in: str | None = None
    derived_from: str | None = None
    trained_on: str | None = None
    artifact: str | None = None
    recorded_after: str | None = None
    recorded_before: str | None = None
    serving: bool | None = None

    def __repr__(self) -> str:
        """What cursors are bound to; a condition that came later is in it where it is given, so that old ones hold."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        if self.serving is None:
            del given["serving"]
        return f"VersionFilter({', '.join(f'{name}={value!r}' for name, value in given.items())})"


async def versions(
    registry: Registry, wanted: VersionFilter | None, first: int | None, after: str | None, as_of: str | None = None
) -> Listed[Brief]:
    """The versions that a filter selects; raises NotFound and InvalidInput."""
    asked = page(first, after, await registry.sequence(as_of), ["versions", wanted, as_of])
    found = await matching(registry, wanted or VersionFilter(), asked.upto, moment_of(as_of))
    rest = found[np.searchsorted(found, asked.after[0], "right") :] if asked.after else found
    shown = await registry.store.briefs([int(sequence) for sequence in rest[: asked.first]])
    items = [(brief, asked.cursor(brief.sequence)) for brief in shown]
    return Listed(items, len(rest) > asked.first, asked.upto, len(found))


async def matching(registry: Registry, wanted: VersionFilter, upto: int, moment: int | None = None) -> Sequences:
    """The sequences of all versions that a filter lets through as known at `upto`, ascending.

    What they are reviewed to be, and where they serve, is as of a moment (microseconds since 1970; now unless given).
    Raises NotFound and InvalidInput, which name the part of the filter.
    """
    sets = [found async for found in _conditions(registry, wanted, upto, moment)]
    if not sets:
        sets = [await registry.walk.everything(upto, Kind.MODEL_VERSION)]
    found = reduce(lambda one, other: np.intersect1d(one, other, assume_unique=True), sorted(sets, key=len))
    earliest, latest = 0, upto
    after = moment_of(wanted.recorded_after, "filter.recordedAfter")
    before = moment_of(wanted.recorded_before, "filter.recordedBefore")
    if after is not None:
        earliest = await registry.store.sequence_at(after)
    if before is not None:
        latest = min(upto, await registry.store.sequence_at(before - 1))
    return found[np.searchsorted(found, earliest, "right") : np.searchsorted(found, latest, "right")]


async def _conditions(
    registry: Registry, wanted: VersionFilter, upto: int, moment: int | None
) -> AsyncIterator[Sequences]:
    """The versions that satisfy each condition that is given; an empty list is none."""
    if wanted.name is not None:
        with about("filter.name"):
            key = f"model:{name(wanted.name)}"
        yield await _held(registry, key)
    if wanted.name_prefix:
        yield await registry.store.find_by_prefix(f"model:{nfc(wanted.name_prefix)}")
    if wanted.artifact is not None:
        with about("filter.artifact"):
            key = f"artifact:{digest(wanted.artifact)}"
        yield await _held(registry, key)
    for field, ref, kinds in (
        ("filter.derivedFrom", wanted.derived_from, VERSION),
        ("filter.trainedOn", wanted.trained_on, DATA),
    ):
        if ref is not None:
            origin = await registry.find(ref, upto, kinds, field)
            yield await registry.walk.members([origin.sequence], Direction.DESCENDANTS, upto, Kind.MODEL_VERSION)
    if wanted.status:
        yield await in_status(registry, frozenset(wanted.status), upto, moment)
    if wanted.serving_in is not None:
        with about("filter.servingIn"):
            environment = name(wanted.serving_in)
        yield await versions_serving(registry, environment, upto, moment)
    if wanted.serving is not None:
        there = await versions_serving(registry, None, upto, moment)
        everything = await registry.walk.everything(upto, Kind.MODEL_VERSION)
        yield there if wanted.serving else np.setdiff1d(everything, there, assume_unique=True)


async def _held(registry: Registry, key: str) -> Sequences:
    return np.array((await registry.store.find_by_keys([key])).get(key, ()), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Drifted:
    """A version whose documentation has drifted."""

    version: Brief
    findings: Sequence[Drift]
    cursor: str


@dataclass(frozen=True, slots=True)
class DriftPage:
    """A page of versions with findings, in log order."""

    items: Sequence[Drifted]
    total: int
    more: bool
    upto: int


async def documentation_drift(
    registry: Registry,
    wanted: VersionFilter | None,
    first: int | None,
    after: str | None,
    as_of: str | None = None,
    kind: DriftKind | None = None,
) -> DriftPage:
    """The versions that a filter lets through and whose documentation has drifted, in one way where `kind` names it.

    Raises NotFound and InvalidInput.
    """
    bound = ["drift", wanted, as_of, *([kind] if kind else [])]
    asked = page(first, after, await registry.sequence(as_of), bound)
    versions = await matching(registry, wanted or VersionFilter(), asked.upto, moment_of(as_of))
    written = await documented_versions(registry, asked.upto)
    described = is_in(versions, written)
    documented = versions[described].tolist()
    found: dict[int, Sequence[Drift]] = {}
    for i in range(0, len(documented), _CHUNK):
        drifts = await drift(registry, documented[i : i + _CHUNK], asked.upto)
        found |= {version: findings for version, findings in drifts.items() if _drifted(findings, kind)}
    shown = np.full(len(versions), _drifted((MISSING,), kind))
    shown[described] = [version in found for version in documented]
    drifted = versions[shown]
    rest = drifted[np.searchsorted(drifted, asked.after[0], "right") :] if asked.after else drifted
    briefs = await registry.store.briefs(rest[: asked.first].tolist())
    items = [Drifted(brief, found.get(brief.sequence, (MISSING,)), asked.cursor(brief.sequence)) for brief in briefs]
    return DriftPage(items, len(drifted), len(rest) > asked.first, asked.upto)


def _drifted(findings: Sequence[Drift], kind: DriftKind | None) -> bool:
    """Whether there is a finding, of one kind where that is named."""
    return any(kind in (None, one.kind) for one in findings)
