"""`/erosions`: what got worse in the whole registry, by the derivation that brought it in, the worst first."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from descentd.app.explorer.called import called
from descentd.app.explorer.page import Asked, Page, View
from descentd.app.explorer.table import Cell, Column, Table
from descentd.app.explorer.vocabulary import Vocabulary
from descentd.graph.metrics import MetricCategory
from descentd.graph.model.errors import Unavailable
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Brief
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.erosion.registry_report import ErosionFilter, ErosionGroup, erosion_groups

_SHOWN: Final = 25
_AT_ONCE: Final = 10_000
"""Groups among which those that overlap are looked for: of more, a row may stand once in each such part."""
_NAMED: Final = 3
"""Versions with a loss that its row names."""
_PATIENCE: Final = 10.0
"""Seconds that the page waits for what was recorded last to be assessed, before it says that it comes again."""
_AGAIN: Final = 10
"""Seconds after which it is loaded again."""


async def _show(asked: Asked) -> View:
    query = asked.query
    category = asked.one_of(MetricCategory, "category")
    kind = asked.one_of(ErosionKind, "kind")
    wanted = ErosionFilter(
        name_prefix=query.get("name"), category=(category,) if category else None, kinds=(kind,) if kind else None
    )
    values = {"categories": list(MetricCategory), "kinds": list(ErosionKind)}
    try:
        async with asyncio.timeout(_PATIENCE):
            found = await erosion_groups(asked.registry, wanted, _AT_ONCE, query.get("after"), _AT_ONCE)
    except (TimeoutError, Unavailable) as away:
        if asked.for_csv:
            raise Unavailable("What got worse is still being worked out: ask again in a few seconds.") from away
        working = {**values, "total": None, "again": _AGAIN}
        return View(asked.words("erosions.title"), working, [Table("erosions", ())])
    evaluations = await asked.registry.walk.count(asked.upto, Kind.EVALUATION)
    # Rows are merged before they are counted off, so that a page has those of the CSV.
    cursor = found.items[-1].cursor if found.more else None
    part = asked.part_of_block(phenomena(found.items), _SHOWN, "erosions", cursor)
    columns = [Column(key, says=key != "newest") for key in ("span", "worse", "newest", "carried")]
    carried = [sorted(frozenset[int]().union(*(one.versions for one in groups))) for groups in part.items]
    named = await _named(asked, carried)
    rows = [
        (*_row(asked, groups), _carried(asked, versions, named))
        for groups, versions in zip(part.items, carried, strict=True)
    ]
    table = part.table("erosions", columns, rows)
    return View(asked.words("erosions.title"), {**values, "total": found.total, "any": bool(evaluations)}, [table])


def phenomena(found: Sequence[ErosionGroup]) -> list[list[ErosionGroup]]:
    """Groups together that say the same of one line of versions: in one metric, over spans that overlap.

    The versions of a line are each judged by what had been measured until then, so that what made all of them worse is
    found in a span of its own by some of them. The clearest of them is first.
    """
    rows: list[list[ErosionGroup]] = []
    by_line: defaultdict[object, list[list[ErosionGroup]]] = defaultdict(list)
    for group in found:
        line = _line(group)
        alike = by_line[line] if line is not None else []
        same = next((row for row in alike if any(_overlap(group, one) for one in row)), None)
        if same is not None:
            same.append(group)
            continue
        rows.append([group])
        alike.append(rows[-1])
    return rows


def _line(group: ErosionGroup) -> object:
    """The metric, the group of people and the name of the versions that a group is about; None for several names."""
    names = {brief.ref.rpartition("@")[0] for brief in group.span or ()}
    if len(names) != 1:
        return None
    return *names, *((finding.metric, finding.slice) for finding in group.findings[:1])


def _overlap(one: ErosionGroup, other: ErosionGroup) -> bool:
    if one.span is None or other.span is None:
        return False
    (start, end), (begin, stop) = one.span, other.span
    return max(start.sequence, begin.sequence) < min(end.sequence, stop.sequence)


def _row(asked: Asked, groups: Sequence[ErosionGroup]) -> tuple[Cell, ...]:
    group = groups[0]
    first, t = group.findings[0], asked.words
    sentence = first.message.partition(";")[0].rstrip(".") + "."
    others = len({(one.metric, one.slice) for one in group.findings}) - 1
    note = t("erosions.others", n=others) if others else ""
    if group.span is None:
        span = _candidates(asked, group)
    else:
        before, after = group.span
        to = asked.to("diff", before.ref, head=after.ref)
        more = t("erosions.also", n=len(groups) - 1) if len(groups) > 1 else ""
        span = Cell(
            t("erosions.span", before=called(before), after=called(after)),
            to,
            note=more,
            value=f"{before.ref} → {after.ref}",
        )
    return (
        span,
        Cell(
            asked.named(sentence),
            chip=t("comparability.WORSE"),
            tone="bad",
            note=note,
        ),
        asked.record(group.worst),
    )


def _candidates(asked: Asked, group: ErosionGroup) -> Cell:
    """The derivations of which one did it, where they are not one span: the first and the last, and all in CSV."""
    if not group.candidates:
        return Cell(asked.words("erosions.unknown"), tone="soft", value="")
    first, last = group.candidates[0], group.candidates[-1]
    ends = [asked.words("version.derivation", before=called(one), after=called(other)) for one, other in (first, last)]
    return Cell(
        asked.words("erosions.candidates", n=len(group.candidates), first=ends[0], last=ends[1]),
        asked.to("record", group.worst.ref),
        value="; ".join(f"{before.ref} → {after.ref}" for before, after in group.candidates),
    )


async def _named(asked: Asked, carried: Sequence[Sequence[int]]) -> Mapping[int, Brief]:
    """The versions that rows name: the first of each on the page, all of them in CSV."""
    wanted = {one for versions in carried for one in (versions if asked.for_csv else versions[:_NAMED])}
    return {brief.sequence: brief for brief in await asked.registry.store.briefs(sorted(wanted))} if wanted else {}


def _carried(asked: Asked, versions: Sequence[int], named: Mapping[int, Brief]) -> Cell:
    """How many versions have a loss, and which."""
    briefs = [named[one] for one in versions if one in named]
    names = ", ".join(one.ref if asked.for_csv else called(one) for one in briefs)
    others = len(versions) - len(briefs)
    note = f"{names} {asked.words('erosions.other_versions', n=others)}" if others else names
    return Cell(f"{len(versions):,}", note=note, value=str(len(versions)))


PAGE = Page(
    "erosions",
    "/erosions",
    _show,
    takes=("name",),
    as_of=False,
    choices={"category": Vocabulary(tuple(MetricCategory)), "kind": Vocabulary(tuple(ErosionKind))},
)
