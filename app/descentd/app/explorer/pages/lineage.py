"""`/lineage/REF`: the drawing of a lineage, the table of the same, and what narrows or widens both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from descentd.app.explorer.called import called
from descentd.app.explorer.layout.drawing import Flow
from descentd.app.explorer.lineage.controls import controls
from descentd.app.explorer.lineage.derivations import drawn_lines, every_derivation
from descentd.app.explorer.lineage.figure import Drawings, described, figure, file_stem, lay_out, overview, picture
from descentd.app.explorer.lineage.losses import Losses, series_name, series_of
from descentd.app.explorer.lineage.markers import closings
from descentd.app.explorer.lineage.markup import drawing
from descentd.app.explorer.lineage.parts import Seen
from descentd.app.explorer.lineage.view import CHOICES, Openings
from descentd.app.explorer.lineage.view import View as Drawn
from descentd.app.explorer.page import Asked, Page, View
from descentd.graph.model.kinds import Kind
from descentd.graph.turns import in_thread
from descentd.queries.erosion.findings import Span
from descentd.queries.erosion.questions import EROSION
from descentd.queries.erosion.version_assessment import FindingSummary
from descentd.queries.lineage.selection.folding import Fold, fold, shown
from descentd.queries.lineage.selection.select import Choice, Selection, select
from descentd.queries.overview.shifts import ShiftQuery, Shifts, shifts
from descentd.queries.overview.version_status import VersionStatus, is_assessed, version_statuses

_DRAWINGS: Final = Drawings()
_LISTED: Final = 30
"""Members of a fold that are listed at once."""


@dataclass(frozen=True, slots=True)
class _Inside:
    """A fold that is looked into: those of its members that match, and how many do."""

    fold: Fold
    members: list[tuple[str, str, str]]
    found: int


@dataclass(frozen=True, slots=True)
class _Own:
    """A finding of the record in the middle: in what it got worse, and by which derivations from one ref to another.

    address: of the drawing of what leads from there, where none is drawn.
    """

    finding: FindingSummary
    series: str
    spans: Sequence[tuple[str, str]]
    address: str | None


async def _show(asked: Asked) -> View | Response:
    view = Drawn.read(asked.ref, asked.query)
    assessing = asked.as_of is None and not is_assessed(asked.registry)  # before what got worse is looked up
    seen = await _seen(asked, view)
    laid = await in_thread(lay_out, seen, _DRAWINGS)
    brief = seen.selection.members[seen.selection.middle].brief
    match asked.query.get("format"):
        case "svg":
            return await in_thread(picture, seen, laid)
        case "json":
            return JSONResponse(await in_thread(overview, seen, laid))
    title = asked.words("lineage.title", name=called(brief))
    table = every_derivation(seen) if asked.for_csv else drawn_lines(seen)
    values: Mapping[str, Any] = {
        "brief": brief,
        "seen": seen,
        "view": view,
        "stem": file_stem(brief),
        "large": laid.large,
        "nodes": len(laid.drafts),
        "overview": partial(overview, seen, laid),
        "figure": partial(figure, seen, laid),
        "drawing": lambda drawn: drawing(drawn, title, described(drawn, asked.words)),
        "controls": controls(seen),
        "closings": dict.fromkeys(chain.from_iterable(closings(seen).values())) if laid.large else {},
        "inside": _inside(seen),
        "own": await _own(seen),
        "assessing": assessing,
        "right": view.flow is Flow.RIGHT,
    }
    return View(title, values, [table], in_pieces=True)


async def _seen(asked: Asked, view: Drawn) -> Seen:
    registry = asked.registry
    selection = await select(registry, asked.ref, view.choice, asked.as_of)
    briefs = [member.brief for member in selection.members.values()]
    status = await version_statuses(registry, briefs, selection.upto, asked.as_of)
    standing = {one: found.statuses for one, found in status.items() if found.verdict} if view.wanted.statuses else {}
    left = shown(selection, view.wanted, standing)
    folded = fold(left, view.pulled, dict(view.unfolded), off=not view.folds)
    return Seen(
        asked,
        view,
        left,
        folded,
        status,
        await _shifts(asked, view, left, status),
        len(selection.members) - len(left.members),
        Losses({one: status[one] for one in left.members}, left.middle),
        Openings(view),
    )


async def _shifts(asked: Asked, view: Drawn, left: Selection, status: Mapping[int, VersionStatus]) -> Shifts:
    versions = frozenset(one for one, member in left.members.items() if member.brief.kind is Kind.MODEL_VERSION)
    lines = ((link.parent, link.child) for link in left.links)
    pairs = frozenset((parent, child) for parent, child in lines if parent in versions and child in versions)
    nearest = sorted((one for one in versions if status[one].worse), key=lambda one: left.members[one].steps)
    likely = [series_of(finding) for one in nearest[:1] if (worse := status[one].worse) for finding in worse.findings]
    if left.middle not in nearest:  # a group is of interest where it is the record's own
        likely = [*((metric, ()) for metric, _ in likely), *likely]
    query = ShiftQuery(versions, pairs, view.metric, view.slice, left.upto, tuple(likely))
    return await shifts(asked.registry, query)


async def _own(seen: Seen) -> _Own | None:
    """By what the record in the middle got worse: in what is shown, or else in what it got worse by most surely."""
    worse = seen.version_statuses[seen.selection.middle].worse
    found = [one for one in worse.findings if one.kind in EROSION and one.spans] if worse is not None else []
    if not found:
        return None
    finding = next((one for one in found if series_of(one) == seen.series), found[0])
    ends = sorted({end for span in finding.spans for end in (span.ancestor, span.descendant)})
    briefs = {brief.sequence: brief for brief in await seen.asked.registry.store.briefs(ends)}
    first = finding.spans[0]
    there = Drawn(
        seen.view.ref,
        Choice(to=briefs[first.ancestor].ref),
        metric=finding.metric,
        slice=finding.slice or None,
        flow=seen.view.flow,
        at=first.descendant,
    )
    return _Own(
        finding,
        series_name(series_of(finding)),
        [(briefs[span.ancestor].ref, briefs[span.descendant].ref) for span in finding.spans],
        None if any(_is_drawn(span, seen) for span in finding.spans) else there.address,
    )


def _is_drawn(span: Span, seen: Seen) -> bool:
    return {span.ancestor, span.descendant} <= seen.selection.members.keys()


def _inside(seen: Seen) -> _Inside | None:
    """The fold that is searched, with the addresses that pull its members out."""
    found = next((one for one in seen.folded.folds.values() if one.number == seen.view.inside), None)
    if found is None:
        return None
    text = seen.view.find.casefold()
    briefs = [seen.selection.members[one].brief for one in found.members]
    matching = [brief for brief in briefs if text in brief.ref.casefold()]
    listed = [
        (called(brief), seen.asked.to("record", brief.ref), seen.view.pulling(brief.sequence).address)
        for brief in matching[:_LISTED]
    ]
    return _Inside(found, listed, len(matching))


PAGE = Page(
    "lineage",
    "/lineage/{ref:path}",
    _show,
    takes=("at", "each", "find", "in", "metric", "name", "open", "out", "slice", "to", "unfold", "up", "down"),
    choices=CHOICES,
)
