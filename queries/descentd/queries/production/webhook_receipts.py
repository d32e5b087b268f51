"""Receipts of webhooks: which record each became, and the present state of that record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from descentd.graph.model.clock import timestamp
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.names import instant
from descentd.queries.production.deployments import Deployment, deployments_by_record
from descentd.queries.production.incidents import IncidentStatus, affected, resolutions
from descentd.queries.registry import Registry

NOTHING_SERVED: Final = "NOTHING_SERVED"


@dataclass(frozen=True, slots=True)
class Recorded:
    """The record that something told became, None where it needed none; `note` says what of it was not understood."""

    id: str | None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A record, the ref of the version that it is about, and how that stands now.

    `affected` counts by kind what else comes from an incident's cause, or else from its version.
    """

    id: str | None
    kind: Kind | None
    version: str | None
    status: str
    affected: Mapping[Kind, int] = field(default_factory=dict)


_NOTHING: Final = Receipt(None, None, None, NOTHING_SERVED)


async def receipts(registry: Registry, ids: Sequence[str | None]) -> list[Receipt]:
    """How incidents and deployments stand, in the order asked; None is what needed no record."""
    upto = await registry.sequence()
    briefs = await registry.store.resolve({id for id in ids if id is not None})
    entries = await registry.store.entries(sorted({brief.sequence for brief in briefs.values()}))
    over = await resolutions(registry, [e.sequence for e in entries if e.record.kind is Kind.INCIDENT], upto)
    deployments = await deployments_by_record(registry, [e for e in entries if e.record.kind is Kind.DEPLOYMENT], upto)
    about = {entry.record.content["subject"] for entry in entries if "subject" in entry.record.content}
    versions = await registry.store.resolve(about)
    found: dict[str, Receipt] = {}
    for entry in entries:
        named = versions.get(entry.record.content.get("subject", ""))
        ref = None if named is None else named.ref
        if entry.record.kind is Kind.INCIDENT:
            status = IncidentStatus.RESOLVED if entry.sequence in over else IncidentStatus.OPEN
            counts = await affected(registry, entry.record.content, upto)
            found[entry.record.id] = Receipt(entry.record.id, Kind.INCIDENT, ref, status, counts)
        else:
            found[entry.record.id] = _deployment(entry, deployments.get(entry.sequence), ref)
    return [_NOTHING if id is None else found[id] for id in ids]


def _deployment(entry: Entry, deployment: Deployment | None, version: str | None) -> Receipt:
    if deployment is None:
        return Receipt(entry.record.id, Kind.DEPLOYMENT, None, NOTHING_SERVED)
    status = "ENDED" if deployment.until <= instant(timestamp()) else "SERVING"
    return Receipt(entry.record.id, Kind.DEPLOYMENT, version, status)
