"""The variable `erosion`: a version's erosion over its whole ancestry, and since the version that serves."""

from collections.abc import Mapping
from typing import Any, Final

from descentd.graph.model.errors import InvalidInput
from descentd.queries.erosion.findings import Assessment, ErosionVerdict
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.erosion.report import assessed
from descentd.queries.evaluation.editions import SECOND
from descentd.queries.evaluation.evaluations import results_of
from descentd.queries.governance.gate.context import GateContext, Observation
from descentd.queries.governance.gate.rules import Missing
from descentd.queries.governance.gate.state_variables import serving_there

_GRAVITY: Final = (
    ErosionVerdict.ERODED,
    ErosionVerdict.UNKNOWN,
    ErosionVerdict.STABLE,
    ErosionVerdict.IMPROVED,
)
"""Verdicts, the gravest first."""


async def erosion(context: GateContext) -> Observation:
    """The verdict, the findings, those that last, and of each series whether it was shown not to be worse."""
    version, edition = context.version.sequence, context.statistics
    found, _ = await assessed(context.registry, version, context.upto, edition=edition)
    value = await _assessment(context, found)
    value["lasting"] = [one for one in value["findings"] if one["kind"] == ErosionKind.LASTING_EROSION.value]
    series = [
        {
            "metric": one.series.metric.name,
            "slice": dict(one.series.slice),
            "suite": one.series.protocol.suite,
            "shown_not_worse": one.shown,
        }
        for one in found.not_worse
    ]
    value["series"] = series or Missing("Nothing that was measured of it can be compared with an ancestor.")
    if "since_serving" in context.references.fields:
        value["since_serving"] = await _since_serving(context)
    results = await results_of(context.registry, version, context.upto, edition)
    evidence = sorted({each.sequence: each.id for one in results.values() for each in one.evaluations}.items())
    return Observation(value, tuple(id for _, id in evidence))


async def _assessment(context: GateContext, found: Assessment) -> dict[str, Any]:
    spans = {end for one in found.findings for span in one.introduced_by for end in (span.ancestor, span.descendant)}
    refs = {brief.sequence: brief.ref for brief in await context.registry.store.briefs(sorted(spans))} if spans else {}
    findings = [
        {
            "kind": one.kind.value,
            "metric": one.series.metric.name,
            "category": one.series.metric.category.lower(),
            "slice": dict(one.series.slice),
            "p": one.p,
            "q": one.q,
            "e": one.e,
            "introduced_by": [{"from": refs[span.ancestor], "to": refs[span.descendant]} for span in one.introduced_by],
        }
        for one in found.findings
    ]
    return {"verdict": found.verdict.value, "findings": findings}


async def _since_serving(context: GateContext) -> object:
    """What eroded since the version that serves in the environment; null where none serves, or this one does.

    Of several that serve the gravest assessment. Missing where one of them is no ancestor.
    """
    gravest: dict[str, Any] | None = None
    edition = max(context.statistics, SECOND)  # the first knew no `since`
    for brief in await serving_there(context):
        if brief.sequence == context.version.sequence:
            continue
        try:
            found, _ = await assessed(
                context.registry, context.version.sequence, context.upto, since=brief.sequence, edition=edition
            )
        except InvalidInput:
            return Missing(f"{brief.ref} serves there, and this version did not come from it.")
        value = await _assessment(context, found)
        if gravest is None or _gravity(value) < _gravity(gravest):
            gravest = value
    return gravest


def _gravity(assessment: Mapping[str, Any]) -> tuple[int, int]:
    return _GRAVITY.index(assessment["verdict"]), -len(assessment["findings"])
