"""Model versions: their build, their parents and training data, and the statements about them."""

from typing import Any

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.resolvers import batched
from descentd.app.graphql.schema.disclosures import Disclosure, TrainingData, disclosures_of, training_data
from descentd.app.graphql.schema.enums import KinRelation, Relation, VerdictStatus
from descentd.app.graphql.schema.flags import Flag
from descentd.app.graphql.schema.records import Code, Config, Environment, Record, named, node
from descentd.app.graphql.schema.reviews import Review
from descentd.app.graphql.schema.scalars import Count, DateTime, Digest
from descentd.app.graphql.schema.statements import Note, SafetyProfile, Vulnerability
from descentd.graph.model.derived import build_of
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.records import Brief
from descentd.queries.governance.flags import flags_reaching
from descentd.queries.governance.related_incidents import kin_incidents
from descentd.queries.governance.verdicts import verdict


@strawberry.type(description="An open incident of a related version.")
class KinIncident:
    """Related incident."""

    incident: Record = strawberry.field(description="The incident.")
    of: Record = strawberry.field(description="The version that it is about, or its cause if no version is known.")
    relation: KinRelation = strawberry.field(description="How that record is related to the version.")


@strawberry.type(description="A parent and how the version was derived from it.")
class Parent:
    """Parent."""

    relation: Relation = strawberry.field(description="How the version was derived.")
    node: "ModelVersion" = strawberry.field(description="The parent.")


@strawberry.type(description="An artifact: a file of a version.")
class Artifact:
    """Artifact."""

    uri: str = strawberry.field(description="The address at which it is stored.")
    digest: Digest = strawberry.field(description="A description.")
    size: Count | None = strawberry.field(description="Bytes.")
    media_type: str | None = strawberry.field(description="Its media type.")


@strawberry.type(description="A group that an intervention is for.")
class AttributeTarget:
    """Target."""

    attribute: str = strawberry.field(description="The attribute, for example `age_group`.")
    value: str | None = strawberry.field(description="The value; null: all values of the attribute.")


@strawberry.type(description="A measure for the benefit of some groups.")
class Intervention:
    """Intervention."""

    kind: str = strawberry.field(description="The kind of intervention, for example `reweighing`.")
    targets: list[AttributeTarget] = strawberry.field(description="The groups that it is for.")
    description: str = strawberry.field(description="What was done, and why.")


@strawberry.type(description="A reason for a verdict.")
class VerdictReason:
    """Reason."""

    code: str = strawberry.field(description="A stable code.")
    message: str = strawberry.field(description="An explanation in one sentence.")


@strawberry.type(description="The verdict on a version.")
class Verdict:
    """Verdict."""

    status: VerdictStatus = strawberry.field(description="Whether it is approved, rejected, flagged or not reviewed.")
    reasons: list[VerdictReason] = strawberry.field(description="Why.")


@strawberry.type(description="A version of a model.")
class ModelVersion(Record, kind=Kind.MODEL_VERSION):
    """Version."""

    @strawberry.field(description="The model's name.")
    def name(self) -> str:
        return self.ref.partition(":")[2].rpartition("@")[0]

    @strawberry.field(description="The version within the name.")
    def version(self) -> str:
        return self.ref.rpartition("@")[2]

    @strawberry.field(description="When it was built, as stated by whoever registered it.")
    @batched
    async def created_at(self, info: Info) -> DateTime | None:
        return (await self._content(info)).get("createdAt")

    @strawberry.field(description="A description.")
    @batched
    async def description(self, info: Info) -> str | None:
        return (await self._content(info)).get("description")

    @strawberry.field(description="The command line that built it, without secrets.")
    @batched
    async def command(self, info: Info) -> str | None:
        return (await self._content(info)).get("command")

    @strawberry.field(description="What it was derived from, the first parent first.")
    @batched
    async def parents(self, info: Info) -> list[Parent]:
        parents = (await self._content(info)).get("parents", ())
        nodes = await context(info).named.load_many([parent["node"] for parent in parents])
        return [
            Parent(relation=Relation(parent["relation"]), node=node(brief, self.at))
            for parent, brief in zip(parents, nodes, strict=True)
        ]

    @strawberry.field(description="Data that it learned from, or retrieves at run time.")
    @batched
    async def trained_on(self, info: Info) -> list[TrainingData]:
        return await training_data(info, await self._content(info), self.at)

    @strawberry.field(description="The disclosures about its lineage, oldest first, also those no longer in force.")
    @batched
    async def disclosures(self, info: Info) -> list[Disclosure]:
        return await disclosures_of(info, self.sequence, self.at)

    @strawberry.field(description="The code that built it.")
    @batched
    async def code(self, info: Info) -> Code | None:
        return await self._part(info, "code")

    @strawberry.field(description="The configuration that it was trained with.")
    @batched
    async def config(self, info: Info) -> Config | None:
        return await self._part(info, "config")

    @strawberry.field(description="The environment in which it was built.")
    @batched
    async def environment(self, info: Info) -> Environment | None:
        return await self._part(info, "environment")

    @strawberry.field(description="Its artifacts.")
    @batched
    async def artifacts(self, info: Info) -> list[Artifact]:
        return [
            Artifact(uri=one["uri"], digest=one["digest"], size=one.get("size"), media_type=one.get("mediaType"))
            for one in (await self._content(info)).get("artifacts", ())
        ]

    @strawberry.field(description="The interventions that were applied when it was made.")
    @batched
    async def interventions(self, info: Info) -> list[Intervention]:
        return [
            Intervention(
                kind=one["kind"],
                targets=[
                    AttributeTarget(attribute=t["attribute"], value=t.get("value")) for t in one.get("targets", ())
                ],
                description=one["description"],
            )
            for one in (await self._content(info)).get("interventions", ())
        ]

    @strawberry.field(description="Other versions with exactly the same build.")
    async def same_build(self, info: Info) -> list["ModelVersion"]:
        build = build_of(await self._content(info))
        if build is None:
            return []
        store = context(info).registry.store
        held = (await store.find_by_keys([f"build:{build}"])).get(f"build:{build}", [])
        others = [sequence for sequence in held if sequence != self.sequence and sequence <= self.at]
        return [node(brief, self.at) for brief in await store.briefs(others)]

    @strawberry.field(description="The safety profile in force; null if there is none.")
    @batched
    async def safety_profile(self, info: Info) -> SafetyProfile | None:
        profiles: list[SafetyProfile] = await self._said(info, Role.DESCRIBES, Kind.SAFETY_PROFILE)
        # Where the newest was retracted none is in force: the one before was superseded.
        return profiles[-1] if profiles and not await profiles[-1].retracted(info) else None

    @strawberry.field(description="The notes about this version.")
    @batched
    async def notes(self, info: Info) -> list[Note]:
        return await self._said(info, Role.ABOUT, Kind.NOTE)

    @strawberry.field(description="The vulnerabilities that are documented on this version.")
    @batched
    async def vulnerabilities(self, info: Info) -> list[Vulnerability]:
        return await self._said(info, Role.AFFECTS, Kind.VULNERABILITY)

    @strawberry.field(description="The reviews of this version.")
    @batched
    async def reviews(self, info: Info) -> list[Review]:
        return await self._said(info, Role.DECIDES_ON, Kind.REVIEW)

    @strawberry.field(description="Flags that reach this version.")
    async def flags(self, info: Info) -> list[Flag]:
        flags = await flags_reaching(context(info).registry, self.sequence, self.at)
        return [node(Brief(flag.sequence, Kind.FLAG, flag.id, None), self.at) for flag in flags]

    @strawberry.field(description="The open incidents of this version itself; kinIncidents are those of others.")
    @batched
    async def open_incidents(self, info: Info) -> list[Record]:
        found: list[Record] = await self._said(info, Role.AFFECTS, Kind.INCIDENT)
        over = await context(info).resolutions.load_many([(one.sequence, self.at) for one in found])
        still = [one for one, ended in zip(found, over, strict=True) if ended is None]
        return [one for one in still if not await one.retracted(info)]

    @strawberry.field(
        description="The open incidents of related versions: of ancestors, descendants, and versions that share a "
        "cause."
    )
    async def kin_incidents(self, info: Info) -> list[KinIncident]:
        version = await context(info).briefs.load(self.sequence)
        found = await kin_incidents(context(info).registry, version, self.at)
        return [
            KinIncident(
                incident=node(Brief(one.entry.sequence, Kind.INCIDENT, one.entry.record.id, None), self.at),
                of=node(one.of, self.at),
                relation=one.relation,
            )
            for one in found
        ]

    @strawberry.field(description="The verdict on it over all environments.")
    async def verdict(self, info: Info) -> Verdict:
        found = await verdict(context(info).registry, self.sequence, self.at, context(info).moments.get(self.at))
        reasons = [VerdictReason(code=reason.code, message=reason.message) for reason in found.reasons]
        return Verdict(status=found.status, reasons=reasons)

    async def _part(self, info: Info, part: str) -> Any:
        id = (await self._content(info)).get(part)
        return None if id is None else await named(info, id, self.at)

    async def _said(self, info: Info, role: Role, kind: Kind) -> Any:
        """The statements of one kind about this version, oldest first, as its GraphQL type."""
        statements = await context(info).statements.load(self.sequence)
        said = [source for how, source in statements if how is role and source <= self.at]
        return [node(brief, self.at) for brief in await context(info).briefs.load_many(said) if brief.kind is kind]
