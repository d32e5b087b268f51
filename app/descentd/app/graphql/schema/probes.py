"""Probes: what to attack a version with, and what came of it."""

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import AsOf, Of
from descentd.app.graphql.schema.enums import ProbeStatus, Severity
from descentd.app.graphql.schema.evaluations import Suite
from descentd.app.graphql.schema.records import Record, named, node
from descentd.app.graphql.schema.statements import Attribute
from descentd.queries.governance import probes


@strawberry.type(description="A weakness that a version has to answer for.")
class ProbedVulnerability:
    """Weakness."""

    id: strawberry.ID = strawberry.field(description="The content id of the record that documents it.")
    title: str = strawberry.field(description="What it is, in a line.")
    severity: Severity = strawberry.field(description="How bad it is.")
    on: Record = strawberry.field(description="What it was documented on: the version, or something it came from.")


@strawberry.type(description="How to find out whether a version has a weakness.")
class Probe:
    """Probe."""

    suite: Suite = strawberry.field(description="The protocol that it is run under.")
    metric: str = strawberry.field(description="The metric that decides.")
    slice: list[Attribute] = strawberry.field(description="The people or items that it is about; empty: all.")
    threshold: float = strawberry.field(description="Resisted when the metric is here or better.")
    command: str | None = strawberry.field(description="What runs it.")
    data_id: strawberry.Private[str | None]
    at: strawberry.Private[int]

    @strawberry.field(description="The data that it is run on; null: any.")
    async def data(self, info: Info) -> Record | None:
        found: Record | None = None if self.data_id is None else await named(info, self.data_id, self.at)
        return found


@strawberry.type(description="A weakness, how to try it, and whether the version itself withstood.")
class ProbeResult:
    """Status."""

    vulnerability: ProbedVulnerability = strawberry.field(description="The weakness.")
    probe: Probe | None = strawberry.field(description="How to try it; null where it was documented without.")
    status: ProbeStatus = strawberry.field(description="By the newest result of this version itself.")
    evidence: list[Record] = strawberry.field(description="The evaluations that the status rests on.")


@strawberry.type
class ProbeQuery:
    """Questions about weaknesses."""

    @strawberry.field(
        description="What to attack a version with: the weaknesses documented on it and on what it came from."
    )
    async def probes(self, info: Info, of: Of, as_of: AsOf = None) -> list[ProbeResult] | None:
        found = await probes.probes(context(info).registry, of, as_of)
        context(info).answered_at(found.upto, as_of)
        return [await _result(info, one, found.upto) for one in found.items]


async def _result(info: Info, one: probes.Probe, at: int) -> ProbeResult:
    content = one.vulnerability.record.content
    return ProbeResult(
        vulnerability=ProbedVulnerability(
            id=strawberry.ID(one.vulnerability.record.id),
            title=content["title"],
            severity=Severity(content["severity"]),
            on=node(one.on, at),
        ),
        probe=_probe(one, at),
        status=one.status,
        evidence=[node(brief, at) for brief in await context(info).named.load_many(list(one.evidence))],
    )


def _probe(one: probes.Probe, at: int) -> Probe | None:
    content = one.content
    if content is None:
        return None
    suite = content["suite"]
    return Probe(
        suite=Suite(name=suite["name"], version=suite["version"], config=suite.get("config")),
        metric=content["metric"],
        slice=[Attribute(**part) for part in content.get("slice", ())],
        threshold=content["threshold"],
        command=content.get("command"),
        data_id=content.get("data"),
        at=at,
    )
