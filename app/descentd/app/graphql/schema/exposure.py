"""Exposure: which versions learned from a population, and which populations are documented."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import After, AsOf, First
from descentd.app.graphql.schema.connections import EdgeList, cursors_below, page_info
from descentd.app.graphql.schema.enums import ExposureKind, Joint
from descentd.app.graphql.schema.filters import Filter
from descentd.app.graphql.schema.lineage import Step, steps
from descentd.app.graphql.schema.records import Record, node
from descentd.app.graphql.schema.scalars import Count
from descentd.app.graphql.schema.versions import ModelVersion
from descentd.graph.model.reach import ExposureVerdict
from descentd.queries.lineage import exposure


@strawberry.input(description="An attribute with one of several values.")
class PopulationTermInput:
    """Term."""

    attribute: str = strawberry.field(description="The attribute, for example `age_group`.")
    values: list[str] = strawberry.field(description="The values, as exact text; a partition needs one of them.")


@strawberry.input(description="A population: people or items, by the documented attributes of data.")
class PopulationInput:
    """Population."""

    all: list[PopulationTermInput] = strawberry.field(description="The terms; a partition must have all of them.")


@strawberry.type(description="The number of versions with one of the three answers.")
class VerdictCount:
    """Count."""

    verdict: ExposureVerdict = strawberry.field(description="The answer.")
    count: Count = strawberry.field(description="The number of versions with it.")


@strawberry.type(description="The evidence for an answer.")
class ExposureEvidence:
    """Evidence."""

    partition: Record = strawberry.field(
        description="The source: a partition; for UNKNOWN also an undocumented dataset or version."
    )
    joint: Joint | None = strawberry.field(
        description="Whether the shares of the terms prove that they hold together in some rows."
    )
    via: list[Step] = strawberry.field(description="A derivation from the source to the version, both ends included.")


@strawberry.type(description="A version and its answer.")
class ExposureEdge:
    """Answer."""

    cursor: str = strawberry.field(description="The position of the item, for `after`.")
    verdict: ExposureVerdict = strawberry.field(description="Whether it learned from the population.")
    exposure: ExposureKind | None = strawberry.field(description="Null unless TRAINED.")
    evidence: ExposureEvidence | None = strawberry.field(description="Null for NOT_TRAINED.")
    node: ModelVersion = strawberry.field(description="The version.")


@strawberry.type(description="A page of versions by answer, direct exposure first, then in log order.")
class ExposureConnection(EdgeList[ExposureEdge]):
    """A page of ExposureEdge."""


@strawberry.type(description="A documented value that is similar to a requested one.")
class NearValue:
    """Near value."""

    attribute: str = strawberry.field(description="The attribute.")
    value: str = strawberry.field(description="The documented value.")
    partitions: Count = strawberry.field(description="The number of partitions that document it.")


@strawberry.type(description="Which versions learned from a population.")
class TrainedOn:
    """Exposure."""

    question: strawberry.Private[exposure.Exposure]
    verdicts: strawberry.Private[frozenset[ExposureVerdict]]
    near: list[NearValue] = strawberry.field(
        description="Documented values that differ from a requested value only by case, compatibility forms, spaces, "
        "low lines and dashes."
    )

    @strawberry.field(description="The exact numbers of the three answers, over the versions that the filter selects.")
    async def counts(self) -> list[VerdictCount]:
        counts = await self.question.counts()
        return [VerdictCount(verdict=verdict, count=Count(counts.get(verdict, 0))) for verdict in ExposureVerdict]

    @strawberry.field(description="The versions with the requested answers.")
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


@strawberry.type(description="A documented value of an attribute.")
class VocabularyValue:
    """Value."""

    value: str = strawberry.field(description="The exact text.")
    partitions: Count = strawberry.field(description="The number of partitions that document it.")


@strawberry.type(description="An attribute in the documentation of populations.")
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
        population: Annotated[PopulationInput, strawberry.argument(description="The population.")],
        verdicts: Annotated[
            list[ExposureVerdict] | None,
            strawberry.argument(description="The answers to list; TRAINED and UNKNOWN by default."),
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

    @strawberry.field(
        description="The documented attributes and values: with them, a misspelt value can be told from an "
        "undocumented one."
    )
    async def population_vocabulary(self, info: Info, as_of: AsOf = None) -> list[VocabularyAttribute]:
        registry = context(info).registry
        upto = await registry.sequence(as_of)
        vocabulary = await registry.walk.vocabulary(upto)
        context(info).answered_at(upto, as_of)
        return [
            VocabularyAttribute(
                attribute=attribute,
                values=[VocabularyValue(value=value, partitions=Count(count)) for value, count in values.items()],
            )
            for attribute, values in vocabulary.items()
        ]
