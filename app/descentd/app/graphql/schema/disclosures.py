"""Disclosures: lineage of a version or dataset that was learned after it was registered."""

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.resolvers import batched
from descentd.app.graphql.schema.enums import Relation, TrainingRole
from descentd.app.graphql.schema.records import Record, node
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind, Role


@strawberry.type(description="Data that a version learned from, or retrieves at run time.")
class TrainingData:
    """Training data."""

    role: TrainingRole = strawberry.field(description="What the data was used for.")
    node: Record = strawberry.field(description="The dataset or partition.")


@strawberry.type(description="A parent that a disclosure adds to a version or dataset.")
class DisclosedParent:
    """Parent."""

    relation: Relation = strawberry.field(description="How it was derived.")
    node: Record = strawberry.field(description="The parent.")


@strawberry.type(description="Lineage of a version or dataset that became known after it was registered.")
class Disclosure(Record, kind=Kind.DISCLOSURE):
    """Disclosure."""

    @strawberry.field(description="The source of the information, as given.")
    @batched
    async def source(self, info: Info) -> str:
        return str((await self._content(info))["source"])

    @strawberry.field(description="The reason why it is disclosed now.")
    @batched
    async def reason(self, info: Info) -> str:
        return str((await self._content(info))["reason"])

    @strawberry.field(description="Whether it completes the documentation of the training data of the version.")
    @batched
    async def complete(self, info: Info) -> bool:
        return bool((await self._content(info)).get("complete"))

    @strawberry.field(description="The parents that it adds.")
    @batched
    async def parents(self, info: Info) -> list[DisclosedParent]:
        parents = (await self._content(info)).get("parents", ())
        nodes = await context(info).named.load_many([one["node"] for one in parents])
        return [
            DisclosedParent(relation=Relation(one["relation"]), node=node(brief, self.at))
            for one, brief in zip(parents, nodes, strict=True)
        ]

    @strawberry.field(description="The training data that it adds.")
    @batched
    async def trained_on(self, info: Info) -> list[TrainingData]:
        return await training_data(info, await self._content(info), self.at)

    @strawberry.field(description="The versions that generated the data.")
    @batched
    async def generated_by(self, info: Info) -> list[Record]:
        makers = (await self._content(info)).get("generatedBy", ())
        return [node(brief, self.at) for brief in await context(info).named.load_many(list(makers))]

    @strawberry.field(description="The disclosure in force that supersedes it; null if there is none.")
    @batched
    async def superseded_by(self, info: Info) -> "Disclosure | None":
        newer = await context(info).superseding.load((self.sequence, self.at))
        found: Disclosure | None = None if newer is None else node(newer, self.at)
        return found


async def training_data(info: Info, content: Content, at: int) -> list[TrainingData]:
    """What a content says that a version learned from."""
    data = content.get("trainedOn", ())
    nodes = await context(info).named.load_many([one["node"] for one in data])
    return [
        TrainingData(role=TrainingRole(one["role"]), node=node(brief, at))
        for one, brief in zip(data, nodes, strict=True)
    ]


async def disclosures_of(info: Info, record: int, at: int) -> list[Disclosure]:
    """All disclosures about a record, oldest first, those that count no longer too."""
    statements = await context(info).statements.load(record)
    about = [source for role, source in statements if role is Role.ABOUT and source <= at]
    briefs = await context(info).briefs.load_many(about)
    return [node(brief, at) for brief in briefs if brief.kind is Kind.DISCLOSURE]
