"""`/serving`: what serves where, and whether it meets its policy and is documented."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from descentd.app.explorer.page import Asked, Page, Part, View
from descentd.app.explorer.pages.environments import environment_of
from descentd.app.explorer.table import Cell, Column, Table
from descentd.graph.model import clock
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Brief
from descentd.graph.retractions import retracted_ids
from descentd.queries.governance.drift import Drift, drift
from descentd.queries.governance.flags import gravest
from descentd.queries.governance.gate.decide import Gate
from descentd.queries.governance.gate.rules import GateOutcome
from descentd.queries.governance.policies import QUORUM
from descentd.queries.governance.reviews import reviews, vetoes
from descentd.queries.production.deployments import Deployment, serving
from descentd.queries.production.record_deployment import Then, gate_then, profile_promoted
from descentd.queries.prose import conjunction

_SHOWN: Final = 50


async def _show(asked: Asked) -> View:
    there = await serving(asked.registry, None, None, now_of(asked), asked.upto)
    environments = {one.place[0] for one in there}
    wanted = await environment_of(asked, environments)
    chosen = [one for one in there if wanted in (None, one.place[0])]
    if name := asked.query.get("name"):
        named = await deployed_versions(asked, chosen)
        chosen = [one for one in chosen if (named[one.version].label or "").startswith(f"model:{name}")]
    part = asked.part(chosen, _SHOWN)
    versions = await deployed_versions(asked, part.items)
    table = await serving_table(asked, part, versions, await marked_cells(asked, versions.values()))
    offered = environments if wanted is None else environments | {wanted}  # where nothing serves now, too
    values = {"environments": sorted(offered), "environment": wanted}
    return View(asked.words("serving.title"), values, [table])


def now_of(asked: Asked) -> int:
    """The moment that a page is about."""
    return clock.now() if asked.moment is None else asked.moment


async def marked_cells(asked: Asked, records: Collection[Brief]) -> Mapping[str, Cell]:
    """Records by their ids: the name of each, and before it whether it is retracted, flagged, or has a no-go."""
    records = list({one.id: one for one in records}.values())
    flagged = await gravest(asked.registry, records, asked.upto)
    gone = await retracted_ids(asked.registry.store, [one.id for one in records], asked.upto)
    refused = await _refused(asked, records)
    cells = {}
    for one in records:
        marks = [asked.words("marked.retracted")] if one.id in gone else []
        marks += [asked.words(f"flagged.{flagged[one.sequence]}")] if one.sequence in flagged else []
        if environments := refused.get(one.sequence):
            marks.append(asked.words("marked.no_go", environments=conjunction(environments)))
        cell = asked.record(one, tone="bad" if marks else "", chip=", ".join(marks))
        part = "#flags" if one.sequence in flagged and one.id not in gone else ""
        cells[one.id] = replace(cell, chip_href=asked.to("record", one.ref) + part) if marks else cell
    return cells


async def _refused(asked: Asked, records: Collection[Brief]) -> Mapping[int, list[str]]:
    """Of those that are versions the ones that somebody's no-go stands on, with the environments."""
    versions = [one.sequence for one in records if one.kind is Kind.MODEL_VERSION]
    decided = await reviews(asked.registry, versions, asked.upto, asked.moment) if versions else {}
    return {version: sorted({one.environment for one in vetoes(states, None)}) for version, states in decided.items()}


async def deployed_versions(asked: Asked, deployments: Sequence[Deployment]) -> Mapping[str, Brief]:
    """The versions that are deployed, by their ids."""
    return await asked.registry.store.resolve({one.version for one in deployments}) if deployments else {}


async def serving_table(
    asked: Asked, part: Part[Deployment], versions: Mapping[str, Brief], cells: Mapping[str, Cell]
) -> Table:
    """Deployments, each with what the gate says of it now and whether its safety profile is current.

    versions, cells: the versions that are deployed and their cells, by ids.
    """
    registry = asked.registry
    then = Then(now_of(asked), asked.upto)
    sequences = sorted({versions[one.version].sequence for one in part.items})
    drifts = await drift(registry, sequences, asked.upto) if sequences else {}
    rows = []
    for one in part.items:
        version = versions[one.version]
        environment, endpoint = one.place
        rows.append(
            (
                Cell(environment),
                Cell(endpoint, asked.to("record", one.entry.record.id)),
                cells[version.id],
                asked.day(one.since),
                await _meets(asked, one, then, version.ref),
                await _profile(asked, one, then, drifts[version.sequence]),
            )
        )
    columns = [
        Column("environment"),
        Column("endpoint"),
        Column("version", says=True),
        Column("since"),
        Column("policy", says=True),
        Column("profile", says=True),
    ]
    return part.table("serving", columns, rows)


async def _profile(asked: Asked, one: Deployment, then: Then, drifts: Sequence[Drift]) -> Cell:
    """Whether the safety profile of what serves can be relied on, and if not why."""
    t = asked.words
    if drifts:
        why = conjunction([t(f"drift.{finding.kind}") for finding in drifts])
        return Cell(
            t("serving.not_current", why=why),
            tone="open",
            note=asked.named(drifts[0].message),
            value=";".join(one.kind for one in drifts),
        )
    if not await profile_promoted(asked.registry, one, then):
        return Cell(t("serving.rewritten"), tone="open", value="REWRITTEN")
    return Cell(t("serving.current"), value="CURRENT")


async def _meets(asked: Asked, one: Deployment, then: Then, ref: str) -> Cell:
    t = asked.words
    gate = await gate_then(asked.registry, one, then)
    if gate is None:
        claimed = one.entry.record.content["claimed"]
        return Cell(t("serving.claimed"), tone="soft", note=claimed["source"], value="CLAIMED")
    to = asked.to("gate", ref, environment=one.place[0])
    if gate.outcome is GateOutcome.PASSED:
        return Cell(t("serving.meets"), to, tone="good", value=gate.outcome)
    return Cell(t("serving.unmet"), to, tone="bad", note=_unmet(asked, gate), value=gate.outcome)


def _unmet(asked: Asked, gate: Gate) -> str:
    """Which rules are not met; where too few people say go, why those who did no longer count, as the gate says it."""
    unmet = {rule.name: rule for rule in gate.rules if rule.outcome is not GateOutcome.PASSED}
    people = unmet.pop(QUORUM, None)
    said = f"{QUORUM}: {asked.named(asked.wording.plain(people.message))}" if people else ""
    return "; ".join(part for part in (conjunction(list(unmet)), said) if part)


PAGE = Page("serving", "/serving", _show, takes=("environment", "name"))
