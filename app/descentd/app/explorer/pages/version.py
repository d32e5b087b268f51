"""The page of a model version: what a lawyer, a risk officer and an engineer ask about it, the gravest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from descentd.app.explorer.called import called
from descentd.app.explorer.page import Asked, View
from descentd.app.explorer.pages.events import history_table, notes_about
from descentd.app.explorer.pages.measured import measured_tables
from descentd.app.explorer.pages.people import beside_people, on_conditions, people_table
from descentd.app.explorer.pages.taking_back import taking_back
from descentd.graph.model import clock
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Role
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief
from descentd.queries.erosion.report import FindingReport, erosion
from descentd.queries.governance.drift import drift
from descentd.queries.governance.flags import REFUSING
from descentd.queries.governance.gate.decide import evaluate
from descentd.queries.governance.gate.rules import GateOutcome
from descentd.queries.governance.policies import policy_history
from descentd.queries.governance.probes import probes_of
from descentd.queries.governance.profiles import profiles
from descentd.queries.governance.related_incidents import kin_incidents
from descentd.queries.governance.reviews import ReviewState, quorum, reviews
from descentd.queries.governance.verdicts import Verdict, VerdictStatus, verdict
from descentd.queries.production.deployments import Deployment, deployments_by_record
from descentd.queries.production.incidents import open_incidents
from descentd.queries.prose import conjunction

_INCIDENTS: Final = 20
"""Incidents of a version, and of its kin, that are shown at once, the newest first."""
_DEPLOYMENTS: Final = 20
"""Deployments that are shown at once, the newest first."""


async def version_card(asked: Asked, brief: Brief, entry: Entry) -> View:
    """The page of a version."""
    registry, upto, content = asked.registry, asked.upto, entry.record.content
    parts = await _parts(asked, content)
    above = [parts.named[one["node"]] for one in content.get("parents", ())]
    said = await profiles(registry.store, [brief.sequence, *(one.sequence for one in above)], upto)
    before = said[above[0].sequence].current if above else None
    current = said[brief.sequence].current
    eroded = await erosion(registry, brief.ref, None, None, asked.as_of)
    states = (await reviews(registry, [brief.sequence], upto, asked.moment))[brief.sequence]
    served = await _deployments(asked, brief)
    tried = await probes_of(registry, brief, upto)
    own = await open_incidents(registry, brief.sequence, upto)
    kin = await kin_incidents(registry, brief, upto)
    measured = await measured_tables(asked, brief, above)
    standing = await verdict(registry, brief.sequence, upto, asked.moment)
    taken = await taking_back(asked, brief, entry)
    boards = await _boards(asked, brief, states, standing)
    values: dict[str, Any] = {
        "brief": brief,
        "entry": entry,
        "content": content,
        "parents": list(zip(content.get("parents", ()), above, strict=True)),
        "parts": parts,
        "profile": current,
        "withdrawn": said[brief.sequence].withdrawn,
        "profile_before": before,
        "erosion": eroded,
        "worse": _by_series(eroded.findings),
        "refs": {*eroded.called.refs.values()},
        "standing": standing,
        "boards": boards,
        "refused_by": any(one.action in REFUSING for one in taken["flags"]),
        "blocked": any(one["blocked"] for one in boards),
        "conditional": on_conditions(states),
        "reviewed": [one for one in states if one.void is None or one.claimed],
        "serving": [one for one in served if one.serves_at(_now(asked))],
        "served": asked.part([one for one in served if one.counts], _DEPLOYMENTS, "served"),
        "probes": tried.items,
        "drifts": (await drift(registry, [brief.sequence], upto))[brief.sequence],
        "incidents": asked.part(own[::-1], _INCIDENTS, "incidents"),
        "kin": asked.part(kin[::-1], _INCIDENTS, "kin"),
        "measured": measured,
        "notes": await notes_about(asked, brief),
        **taken,
    }
    tables = [*measured.tables, people_table(asked, states), await history_table(asked, brief)]
    return View(called(brief), values, tables, template="version.html")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a version was made of: records by id, and the contents of its code, settings and environment."""

    named: Mapping[str, Brief]
    code: Content | None
    config: Any
    environment: Content | None


async def _parts(asked: Asked, content: Content) -> Parts:
    store = asked.registry.store
    ids = {one["node"] for part in ("parents", "trainedOn") for one in content.get(part, ())}
    own = [part for part in ("code", "config", "environment") if part in content]
    named = await store.resolve({*ids, *(content[part] for part in own)}) if ids or own else {}
    entries = await store.entries([named[content[part]].sequence for part in own]) if own else []
    found = {part: entry.record.content for part, entry in zip(own, entries, strict=True)}
    return Parts(named, found.get("code"), found.get("config", {}).get("parameters"), found.get("environment"))


async def _boards(asked: Asked, brief: Brief, states: Sequence[ReviewState], standing: Verdict) -> list[dict[str, Any]]:
    """For each environment with a policy: what its gate says, which rules are unmet, and how many people said go.

    It is blocked where enough people said go, and a rule is unmet all the same.
    """
    found = []
    for one in await policy_history(asked.registry, asked.upto, all=False):
        place = one.policy.environment
        reached = quorum(states, place, one.policy)
        approved = standing.status is VerdictStatus.APPROVED and reached.reached and bool(reached.people)
        gate = await evaluate(asked.registry, brief, place, asked.upto, asked.moment)
        unmet = [rule for rule in gate.rules if rule.outcome is not GateOutcome.PASSED]
        others = conjunction(list(dict.fromkeys(rule.name for rule in beside_people(unmet, reached))))
        blocked = approved and bool(unmet)
        found.append({"environment": place, "quorum": reached, "gate": gate, "unmet": others, "blocked": blocked})
    return found


async def _deployments(asked: Asked, brief: Brief) -> list[Deployment]:
    """Where the version serves or served, the newest first."""
    store = asked.registry.store
    links = await store.links([brief.sequence], {Role.DEPLOYS}, inward=True)
    entries = await store.entries(sorted(link.source for link in links if link.source <= asked.upto)) if links else []
    found = await deployments_by_record(asked.registry, entries, asked.upto) if entries else {}
    once = {one.entry.sequence: one for one in found.values()}
    return sorted(once.values(), key=lambda one: -one.since)


def _by_series(findings: Sequence[FindingReport]) -> list[list[FindingReport]]:
    """The findings of each series together, the gravest first: most of them say the same in other ways."""
    groups: dict[object, list[FindingReport]] = {}
    for report in findings:
        groups.setdefault(report.finding.series, []).append(report)
    return list(groups.values())


def _now(asked: Asked) -> int:
    return clock.now() if asked.moment is None else asked.moment
