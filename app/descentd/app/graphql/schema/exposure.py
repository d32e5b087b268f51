"""Which versions learned from a population, and what may be asked for."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import After, AsOf, First
from descentd.app.graphql.schema.connections import EdgeList, cursors_below, page_info
from descentd.app.graphql.schema.enums import ExposureKind, Joint, VerdictStatus
from descentd.app.graphql.schema.lineage import Step, steps
from descentd.app.graphql.schema.records import Record, node
from descentd.app.graphql.schema.scalars import Count, DateTime, Digest, Ref
from descentd.app.graphql.schema.versions import ModelVersion
from descentd.graph.model.reach import ExposureVerdict
from descentd.queries.lineage import exposure
from descentd.queries.lineage.population_vocabulary import Vocabulary
from descentd.queries.lineage.versions import VersionFilter


@strawberry.input(description="An attribute and the values of which any will do.")
class PopulationTermInput:
    """Term."""

    attribute: str = strawberry.field(description="What is told apart, `age_group`.")
    values: list[str] = strawberry.field(description="Exact texts; any of them will do.")


@strawberry.input(description="People or items, by what data says of them.")
class PopulationInput:
    """Population."""

    all: list[PopulationTermInput] = strawberry.field(description="Every term must hold in one and the same partition.")


@strawberry.input(description="Which versions are meant; every condition that is given must hold.")
class ModelVersionFilter:
    """Filter."""

    name: str | None = strawberry.field(default=None, description="The model's name.")
    name_prefix: str | None = strawberry.field(default=None, description="How the model's name begins.")
    status: list[VerdictStatus] | None = strawberry.field(default=None, description="Where the version stands.")
    serving_in: str | None = strawberry.field(default=None, description="An environment in which the version serves.")
    derived_from: Ref | None = strawberry.field(default=None, description="A version that it descends from.")
    trained_on: Ref | None = strawberry.field(default=None, description="Data that it, or an ancestor, learned from.")
    artifact: Digest | None = strawberry.field(default=None, description="The digest of one of its files.")
    recorded_after: DateTime | None = strawberry.field(default=None, description="Recorded later than this.")
    recorded_before: DateTime | None = strawberry.field(default=None, description="Recorded earlier than this.")

    def conditions(self) -> VersionFilter:
        """The filter as the questions take it."""
        status = tuple(self.status) if self.status else None
        return VersionFilter(**{**vars(self), "status": status})


Filter = Annotated[
    ModelVersionFilter | None, strawberry.argument(description="Which versions are meant; all of them unless given.")
]


@strawberry.type(description="How many versions have an answer.")
class VerdictCount:
    """Count."""

    verdict: ExposureVerdict = strawberry.field(description="The answer.")
    count: Count = strawberry.field(description="How many versions have it.")


@strawberry.type(description="What an answer rests on.")
class ExposureEvidence:
    """Evidence."""

    partition: Record = strawberry.field(
        description="The source: a partition; for UNKNOWN also an undocumented dataset or version."
    )
    joint: Joint | None = strawberry.field(
        description="Whether the terms are bound to meet in the same rows, by their shares."
    )
    via: list[Step] = strawberry.field(description="A derivation from the source to the version, both ends included.")


@strawberry.type(description="A version and its answer.")
class ExposureEdge:
    """Answer."""

    cursor: str = strawberry.field(description="Where the item stands, for `after`.")
    verdict: ExposureVerdict = strawberry.field(description="Whether it learned from the population.")
    exposure: ExposureKind | None = strawberry.field(description="Null unless TRAINED.")
    evidence: ExposureEvidence | None = strawberry.field(description="Null for NOT_TRAINED.")
    node: ModelVersion = strawberry.field(description="The version.")


@strawberry.type(description="A page of versions by answer, direct exposure first, then in log order.")
class ExposureConnection(EdgeList[ExposureEdge]):
    """A page of ExposureEdge."""


@strawberry.type(description="A documented value that is nearly one that was asked for.")
class NearValue:
    """Near value."""

    attribute: str = strawberry.field(description="The attribute.")
    value: str = strawberry.field(description="The value as it is documented.")
    partitions: Count = strawberry.field(description="How many partitions document it.")


@strawberry.type(description="Which versions learned from a population.")
class TrainedOn:
    """Exposure."""

    question: strawberry.Private[exposure.Exposure]
    verdicts: strawberry.Private[frozenset[ExposureVerdict]]
    near: list[NearValue] = strawberry.field(
        description="Documented values that are nearly what was asked for: equal after case folding and NFKC only."
    )

    @strawberry.field(description="All three answers, exactly, over the filter.")
    async def counts(self) -> list[VerdictCount]:
        counts = await self.question.counts()
        return [VerdictCount(verdict=verdict, count=Count(counts.get(verdict, 0))) for verdict in ExposureVerdict]

    @strawberry.field(description="The versions with the answers that were asked for.")
    async def versions(self, first: First = None, after: After = None) -> ExposureConnection:
        page = await self.question.versions(self.verdicts, first, after)
        return ExposureConnection(
            total_count=Count(page.total),
            page_info=page_info([item.cursor for item in page.items], more=page.more, after=after),
            edges=[self._edge(item) for item in page.items],
        )

    def _edge(self, item: exposure.Answer) -> ExposureEdge:
        exposed = None if item.direct is None else ExposureKind.DIRECT if item.direct else ExposureKind.INHERITED
        evidence = None
        if item.ground is not None:
            joint = None if item.ground.proven is None else Joint.PROVEN if item.ground.proven else Joint.POSSIBLE
            evidence = ExposureEvidence(
                partition=node(item.ground.source, self.question.upto), joint=joint, via=steps(item.ground.via)
            )
        return ExposureEdge(
            cursor=item.cursor,
            verdict=item.verdict,
            exposure=exposed,
            evidence=evidence,
            node=node(item.record, self.question.upto),
        )


@strawberry.type(description="A value that populations hold.")
class VocabularyValue:
    """Value."""

    value: str = strawberry.field(description="The exact text.")
    partitions: Count = strawberry.field(description="How many partitions hold it.")


@strawberry.type(description="An attribute that populations speak of.")
class VocabularyAttribute:
    """Attribute."""

    attribute: str = strawberry.field(description="The exact text.")
    values: list[VocabularyValue] = strawberry.field(description="Its values.")


@strawberry.type
class ExposureQuery:
    """Questions about populations."""

    @strawberry.field(description="Which versions learned from a population: TRAINED, NOT_TRAINED or UNKNOWN.")
    async def trained_on(
        self,
        info: Info,
        population: Annotated[PopulationInput, strawberry.argument(description="Whom or what the data speaks of.")],
        verdicts: Annotated[
            list[ExposureVerdict] | None,
            strawberry.argument(description="Which answers to list; TRAINED and UNKNOWN unless given."),
        ] = None,
        filter: Filter = None,
        as_of: AsOf = None,
    ) -> TrainedOn | None:
        terms = exposure.population([(term.attribute, term.values) for term in population.all])
        wanted = filter.conditions() if filter else None
        cursors = cursors_below(info, "versions")
        question = await exposure.exposure(context(info).registry, terms, wanted, as_of, cursors)
        context(info).answered_at(question.upto, as_of)
        spelling = await question.spelling()
        for sentence in spelling.sentences():
            context(info).warn(sentence)
        return TrainedOn(
            question=question,
            verdicts=frozenset(verdicts) if verdicts else exposure.USUAL,
            near=[
                NearValue(attribute=one.attribute, value=one.value, partitions=Count(one.partitions))
                for one in spelling.near
            ],
        )

    @strawberry.field(description="What may be asked for: a misspelt value must not look like an unknown one.")
    async def population_vocabulary(self, info: Info, as_of: AsOf = None) -> list[VocabularyAttribute]:
        registry = context(info).registry
        upto = await registry.sequence(as_of)
        vocabulary = await registry.cache(Vocabulary).read(registry.store, registry.walk, upto)
        context(info).answered_at(upto, as_of)
        return [
            VocabularyAttribute(
                attribute=attribute,
                values=[VocabularyValue(value=value, partitions=Count(count)) for value, count in values.items()],
            )
            for attribute, values in vocabulary.items()
        ]
