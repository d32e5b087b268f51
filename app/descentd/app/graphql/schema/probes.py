"""Probes: the tests of a version for known vulnerabilities, and their results."""

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.resolvers import batched
from descentd.app.graphql.schema.arguments import AsOf, Of
from descentd.app.graphql.schema.enums import ProbeStatus, Severity
from descentd.app.graphql.schema.evaluations import Suite
from descentd.app.graphql.schema.records import Record, named, node
from descentd.app.graphql.schema.statements import Attribute
from descentd.queries.governance import probes


@strawberry.type(description="A vulnerability that a version must be tested for.")
class ProbedVulnerability:
    """Weakness."""

    id: strawberry.ID = strawberry.field(description="The content id of the record that documents it.")
    title: str = strawberry.field(description="A title of one line.")
    severity: Severity = strawberry.field(description="The severity.")
    on: Record = strawberry.field(description="The record that it was documented on: the version or an ancestor.")


@strawberry.type(description="A test for a vulnerability.")
class Probe:
    """Probe."""

    suite: Suite = strawberry.field(description="The suite that it is run with.")
    metric: str = strawberry.field(description="The metric that decides.")
    slice: list[Attribute] = strawberry.field(
        description="The slice: the people or items that the metric is about; empty: all."
    )
    threshold: float = strawberry.field(
        description="The version is RESISTED if the metric has this value or a better one."
    )
    command: str | None = strawberry.field(description="The command that runs it.")
    data_id: strawberry.Private[str | None]
    at: strawberry.Private[int]

    @strawberry.field(description="The data that it is run on; null: any data.")
    @batched
    async def data(self, info: Info) -> Record | None:
        found: Record | None = None if self.data_id is None else await named(info, self.data_id, self.at)
        return found


@strawberry.type(description="A vulnerability, its probe, and the result of the version itself.")
class ProbeResult:
    """Status."""

    vulnerability: ProbedVulnerability = strawberry.field(description="The vulnerability.")
    probe: Probe | None = strawberry.field(description="The probe; null if none is documented.")
    status: ProbeStatus = strawberry.field(
        description="The status, by the result of this version itself, several pooled."
    )
    evidence: list[Record] = strawberry.field(description="The evaluations that decide the status.")


@strawberry.type
class ProbeQuery:
    """Questions about weaknesses."""

    @strawberry.field(
        description="The vulnerabilities that are documented on a version and its ancestors, with their probes and "
        "results."
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
