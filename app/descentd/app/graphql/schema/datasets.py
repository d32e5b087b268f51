"""Datasets and their partitions."""

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.resolvers import batched
from descentd.app.graphql.schema.disclosures import Disclosure, disclosures_of
from descentd.app.graphql.schema.enums import Documented
from descentd.app.graphql.schema.records import Record, named, node
from descentd.app.graphql.schema.scalars import Count, Digest
from descentd.graph.model.derived import shares_of
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.reach import Documented as Level


@strawberry.type(description="A value of an attribute and its share of the rows.")
class PopulationShare:
    """Share."""

    attribute: str = strawberry.field(description="The attribute, for example `age_group`.")
    value: str = strawberry.field(description="The value, as exact text.")
    share: float | None = strawberry.field(
        description="The share of the rows, from 0 (documented as absent) to 1; null: present, but not counted."
    )


@strawberry.type(description="A version of a dataset.")
class Dataset(Record, kind=Kind.DATASET):
    """Dataset."""

    @strawberry.field(description="The dataset's name.")
    def name(self) -> str:
        return self.ref.partition(":")[2].rpartition("@")[0]

    @strawberry.field(description="The version within the name.")
    def version(self) -> str:
        return self.ref.rpartition("@")[2]

    @strawberry.field(description="The licence of the dataset.")
    @batched
    async def license(self, info: Info) -> str | None:
        return (await self._content(info)).get("license")

    @strawberry.field(description="The address at which the data is stored.")
    @batched
    async def uri(self, info: Info) -> str | None:
        return (await self._content(info)).get("uri")

    @strawberry.field(description="A description.")
    @batched
    async def description(self, info: Info) -> str | None:
        return (await self._content(info)).get("description")

    @strawberry.field(description="All its partitions; none can be added later.")
    @batched
    async def partitions(self, info: Info) -> list["Partition"]:
        return [await named(info, id, self.at) for id in (await self._content(info)).get("partitions", ())]

    @strawberry.field(description="The disclosures about its lineage, oldest first, also those no longer in force.")
    @batched
    async def disclosures(self, info: Info) -> list[Disclosure]:
        return await disclosures_of(info, self.sequence, self.at)


@strawberry.type(description="A part of a dataset with a digest of its own.")
class Partition(Record, kind=Kind.PARTITION):
    """Partition."""

    @strawberry.field(description="The number of rows.")
    @batched
    async def rows(self, info: Info) -> Count | None:
        return (await self._content(info)).get("rows")

    @strawberry.field(description="The digest of the data.")
    @batched
    async def digest(self, info: Info) -> Digest:
        return Digest((await self._content(info))["digest"])

    @strawberry.field(description="The address at which the data is stored.")
    @batched
    async def uri(self, info: Info) -> str | None:
        return (await self._content(info)).get("uri")

    @strawberry.field(description="The dataset that it belongs to.")
    @batched
    async def dataset(self, info: Info) -> Dataset:
        label = (await self._content(info))["dataset"]
        dataset: Dataset = await named(info, label, self.at)
        return dataset

    @strawberry.field(description="Whether its population is documented completely, partially or not at all.")
    @batched
    async def population_documented(self, info: Info) -> Documented:
        return (await self._population(info))[0]

    @strawberry.field(description="The documented values of its population, with their shares.")
    @batched
    async def population(self, info: Info) -> list[PopulationShare]:
        return (await self._population(info))[1]

    @strawberry.field(description="Other partitions with the same digest.")
    async def same_data(self, info: Info) -> list["Partition"]:
        key = f"digest:{(await self._content(info))['digest']}"
        store = context(info).registry.store
        held = (await store.find_by_keys([key])).get(key, [])
        twins = [sequence for sequence in held if sequence != self.sequence and sequence <= self.at]
        return [node(brief, self.at) for brief in await store.briefs(twins)]

    @strawberry.field(
        description="The disclosures about its lineage or its dataset's, oldest first, also those no longer in force."
    )
    @batched
    async def disclosures(self, info: Info) -> list[Disclosure]:
        return await disclosures_of(info, self.sequence, self.at)

    async def _population(self, info: Info) -> tuple[Level, list[PopulationShare]]:
        statements = await context(info).statements.load(self.sequence)
        said = [source for role, source in statements if role is Role.DESCRIBES and source <= self.at]
        if not said:
            return Level.NONE, []
        level, shares = shares_of((await context(info).entries.load(said[-1])).record.content)
        return level, [
            PopulationShare(attribute=share.attribute, value=share.value, share=share.share) for share in shares
        ]
