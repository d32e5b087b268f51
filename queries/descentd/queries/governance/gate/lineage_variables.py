"""The variables `training`, `populations` and `kin`: training data, populations, and incidents of related versions."""

from collections import defaultdict
from typing import Any

import numpy as np

from descentd.graph.disclosures import disclosed_links
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.reach import Direction, ExposureQuery, Term
from descentd.queries.governance.gate.context import GateContext, Observation
from descentd.queries.governance.gate.rules import Missing
from descentd.queries.governance.related_incidents import kin_incidents


async def training(context: GateContext) -> Observation:
    """The datasets that the version or an ancestor learned from, with their licences.

    Missing where none is recorded; a licence is Missing where the dataset does not name one.
    """
    registry, version = context.registry, context.version.sequence
    above = await registry.walk.members([version], Direction.ANCESTORS, context.upto, Kind.MODEL_VERSION)
    lineage = [version, *above.tolist()]
    links = await registry.store.links(lineage, {Role.TRAINED_ON}, inward=False)
    if context.edition > 4:
        links += await disclosed_links(registry.store, lineage, context.upto, {Role.TRAINED_ON})
    own = {link.target for link in links if link.source == version}
    learned = {link.target for link in links}
    wholes = await registry.store.links(learned, {Role.INCLUDES}, inward=True) if learned else []
    datasets = learned | {link.source for link in wholes if link.source <= context.upto}
    direct = own | {link.source for link in wholes if link.target in own}
    entries = [one for one in await registry.store.entries(sorted(datasets)) if one.record.kind is Kind.DATASET]
    if not entries:
        return Observation(Missing("No training data is recorded of the version or of what it came from."))
    value = [
        {
            "ref": one.record.label,
            "license": one.record.content.get("license") or Missing(f"{one.record.label} names no license."),
            "inherited": one.sequence not in direct,
        }
        for one in entries
    ]
    return Observation({"datasets": value}, tuple(one.record.id for one in entries))


async def populations(context: GateContext) -> Observation:
    """Whether the version learned from each population that is asked about: TRAINED, NOT_TRAINED or UNKNOWN."""
    answers: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    evidence: set[int] = set()
    within = np.array([context.version.sequence], dtype=np.int64)
    for attribute, value in sorted(context.references.populations):
        term = Term(attribute, frozenset({value}))
        page = await context.registry.walk.exposure(ExposureQuery([term], context.upto, within=within, first=1))
        answers[attribute][value] = page.items[0].verdict.value
        if page.items[0].source is not None:
            evidence.add(page.items[0].source)
    briefs = await context.registry.store.briefs(sorted(evidence)) if evidence else []
    return Observation(dict(answers), tuple(brief.id for brief in briefs))


async def kin(context: GateContext) -> Observation:
    """The open incidents of versions that share a cause with the version, of ancestors and of descendants."""
    found = await kin_incidents(context.registry, context.version, context.upto)
    value = [
        {
            "id": one.entry.record.id,
            "severity": one.entry.record.content["severity"].lower(),
            "title": one.entry.record.content["title"],
            "ref": one.of.ref,
            "relation": one.relation.value,
        }
        for one in found
    ]
    return Observation({"incidents": value}, tuple(one.entry.record.id for one in found))
