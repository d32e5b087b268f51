"""The eroded versions of a whole registry, worst first, as of the present log.

Each version is listed by its own verdict, at its own 5 %: of so many, a part is false. So they are ranked by the
false discovery rate over the whole registry, by which the top is not.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.graph.metrics import MetricCategory
from descentd.graph.model.errors import Unavailable
from descentd.graph.model.names import name, nfc
from descentd.graph.model.records import Brief
from descentd.queries.erosion.findings import ErosionVerdict
from descentd.queries.erosion.questions import EROSION, ErosionKind
from descentd.queries.erosion.registry_ranking import Rank, RankedVersion, Ranking
from descentd.queries.erosion.registry_refresh import catch_up
from descentd.queries.erosion.version_assessment import FindingSummary
from descentd.queries.pages import MOST, Page, page
from descentd.queries.registry import Registry, about

_Group = list[tuple[RankedVersion, Sequence[FindingSummary]]]

PATIENCE: Final = 25.0
"""Seconds that a question waits for what was recorded last to be assessed."""
AT_ONCE: Final = 1.0
"""The same after a start, while there is what an earlier process found."""


@dataclass(frozen=True, slots=True)
class ErosionFilter:
    """Every condition that is given must hold: of the version, and of one and the same finding."""

    name: str | None = None
    name_prefix: str | None = None
    category: tuple[MetricCategory, ...] | None = None
    kinds: tuple[ErosionKind, ...] | None = None

    def lets_through(self, finding: FindingSummary) -> bool:
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
    findings: Sequence[FindingSummary]
    cursor: str


@dataclass(frozen=True, slots=True)
class Erosions:
    """A page of eroded versions, as of sequence `upto`."""

    items: Sequence[Eroded]
    total: int
    more: bool
    upto: int


@dataclass(frozen=True, slots=True)
class ErosionGroup:
    """What one derivation, or span of them, made worse.

    span: its two ends, None where it is not known; worst: the version for which it is surest, with the findings that
    came in here; q: the false discovery rate of that version over the registry; versions: the evaluated versions that
    carry it, by sequence; candidates: where there is no one span, the derivations of which one brought it in, the
    oldest first.
    """

    span: tuple[Brief, Brief] | None
    worst: Brief
    q: float | None
    findings: Sequence[FindingSummary]
    versions: frozenset[int]
    cursor: str
    candidates: Sequence[tuple[Brief, Brief]] = ()


@dataclass(frozen=True, slots=True)
class ErosionGroups:
    """A page of groups, as of sequence `upto`."""

    items: Sequence[ErosionGroup]
    total: int
    more: bool
    upto: int


async def erosions(registry: Registry, wanted: ErosionFilter | None, first: int | None, after: str | None) -> Erosions:
    """The eroded versions of the registry, worst first.

    As of now, or where that takes too long, of the newest moment at which every version had been assessed. Raises
    InvalidInput, and Unavailable where there is no such moment yet.
    """
    asked = page(first, after, await registry.sequence(), ["erosions", wanted], 5)
    found, upto = await _matching(registry, wanted)
    rest = [(one, findings) for one, findings in found if asked.after is None or one.rank > asked.after]
    shown = rest[: asked.first]
    records = await registry.store.briefs([one.assessment.version for one, _ in shown])
    items = [
        Eroded(record, one.assessment.verdict, one.q, findings, asked.cursor(*one.rank))
        for record, (one, findings) in zip(records, shown, strict=True)
    ]
    return Erosions(items, len(found), len(rest) > asked.first, upto)


async def erosion_groups(
    registry: Registry, wanted: ErosionFilter | None, first: int | None, after: str | None, most: int = MOST
) -> ErosionGroups:
    """The derivations that made versions of the registry worse, each once, the worst first; at most `most` at once.

    Raises as `erosions` does.
    """
    asked = page(first, after, await registry.sequence(), ["erosionGroups", wanted], 3, most)
    groups, upto = await _groups(registry, wanted)
    rest = [place for place in groups if asked.after is None or place > asked.after]
    items = await _named_groups(registry, {place: groups[place] for place in rest[: asked.first]}, asked)
    return ErosionGroups(items, len(groups), len(rest) > asked.first, upto)


async def newest_groups(registry: Registry, most: int) -> Sequence[ErosionGroup]:
    """Those of the groups whose worst version was recorded last, the newest first; raises as `erosions` does."""
    asked = page(most, None, await registry.sequence(), ["erosionGroups", None], 3)
    groups, _ = await _groups(registry, None)
    newest = sorted(groups, key=lambda place: -groups[place][0][0].assessment.version)[:most]
    return await _named_groups(registry, {place: groups[place] for place in newest}, asked)


async def _groups(registry: Registry, wanted: ErosionFilter | None) -> tuple[dict[Rank, _Group], int]:
    """The versions of each group, the worst first, by the place of the group; and the sequence of the answer.

    A version is in the group of each derivation that made it worse, with what that one did.
    """
    found, upto = await _matching(registry, wanted)
    causes: defaultdict[object, list[tuple[Rank, RankedVersion, Sequence[FindingSummary]]]] = defaultdict(list)
    for one, findings in found:
        for number, (cause, those) in enumerate(_by_cause(one, findings).items()):
            # The gravest finding of a version says most of it: by another one it is behind those.
            causes[cause].append(((min(number, 1), *one.rank[2:], number), one, those))
    groups: dict[Rank, _Group] = {}
    for held in causes.values():
        held.sort(key=lambda member: member[0])
        (_, rate, _, version, number), *_ = held[0]
        groups[rate, version, number] = [(one, those) for _, one, those in held]
    return dict(sorted(groups.items())), upto


def _by_cause(one: RankedVersion, findings: Sequence[FindingSummary]) -> Mapping[object, Sequence[FindingSummary]]:
    """Findings by the derivation that brought them in, the first of several that cannot be told apart.

    The gravest are first; what names no derivation is with them.
    """
    gravest = findings[0].spans[:1] or one.assessment.version
    causes: defaultdict[object, list[FindingSummary]] = defaultdict(list)
    for each in findings:
        causes[(each.kind in EROSION and each.spans[:1]) or gravest].append(each)
    return causes


async def _named_groups(registry: Registry, groups: Mapping[Rank, _Group], asked: Page) -> list[ErosionGroup]:
    worst = [(one, findings, findings[0].span) for group in groups.values() for one, findings in group[:1]]
    spans = [
        [whole] if whole else sorted(findings[0].spans, key=lambda span: (span.descendant, span.ancestor))
        for _, findings, whole in worst
    ]
    ends = {end for several in spans for span in several for end in (span.ancestor, span.descendant)}
    named = sorted(ends | {one.assessment.version for one, _, _ in worst})
    records = {brief.sequence: brief for brief in await registry.store.briefs(named)}
    derivations = [[(records[span.ancestor], records[span.descendant]) for span in several] for several in spans]
    return [
        ErosionGroup(
            among[0] if whole else None,
            records[one.assessment.version],
            one.q,
            findings,
            frozenset(each.assessment.version for each, _ in group),
            asked.cursor(*place),
            () if whole else among,
        )
        for (place, group), (one, findings, whole), among in zip(groups.items(), worst, derivations, strict=True)
    ]


async def _matching(
    registry: Registry, wanted: ErosionFilter | None
) -> tuple[list[tuple[RankedVersion, Sequence[FindingSummary]]], int]:
    """The eroded versions that a filter lets through, with the findings asked for, and the sequence of the answer."""
    conditions = wanted or ErosionFilter()
    ranking = registry.cache(Ranking)
    try:
        async with asyncio.timeout(AT_ONCE if ranking.restored else PATIENCE):
            await catch_up(registry)
    except TimeoutError:
        if not ranking.upto:
            raise Unavailable(
                f"The evaluated versions are being assessed for the first time, and {ranking.progress} are done: ask "
                "again in a minute."
            ) from None
    ranked, upto = ranking.ranked, ranking.upto
    within = await _named(registry, conditions)
    found: list[tuple[RankedVersion, Sequence[FindingSummary]]] = [
        (one, findings)
        for one in ranked
        if (within is None or one.assessment.version in within)
        and (findings := [each for each in one.assessment.findings if conditions.lets_through(each)])
    ]
    return found, upto


async def _named(registry: Registry, wanted: ErosionFilter) -> frozenset[int] | None:
    """The versions with the names that are asked for; None for all."""
    sets: list[frozenset[int]] = []
    if wanted.name is not None:
        with about("filter.name"):
            key = f"model:{name(wanted.name)}"
        sets.append(frozenset((await registry.store.find_by_keys([key])).get(key, ())))
    if wanted.name_prefix:
        held = await registry.store.find_by_prefix(f"model:{nfc(wanted.name_prefix)}")
        sets.append(frozenset(held.tolist()))
    return frozenset.intersection(*sets) if sets else None
