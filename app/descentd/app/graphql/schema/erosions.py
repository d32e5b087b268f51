"""Erosions: the versions of the whole registry whose safety eroded."""

from collections.abc import Sequence
from typing import Annotated

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import After, First
from descentd.app.graphql.schema.connections import EdgeList, page_info
from descentd.app.graphql.schema.deployments import Deployment
from descentd.app.graphql.schema.enums import ErosionKind, ErosionVerdict, MetricCategory
from descentd.app.graphql.schema.erosion import people
from descentd.app.graphql.schema.records import node
from descentd.app.graphql.schema.scalars import Count
from descentd.app.graphql.schema.statements import Attribute
from descentd.app.graphql.schema.versions import ModelVersion
from descentd.graph.model import clock
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Brief
from descentd.queries.erosion import registry_report
from descentd.queries.erosion.version_assessment import FindingSummary
from descentd.queries.production import deployments
from descentd.queries.registry import Registry


@strawberry.input(description="Selects eroded versions; every condition that is given must hold.")
class ErosionFilter:
    """Filter."""

    name: str | None = strawberry.field(default=None, description="The model's name.")
    name_prefix: str | None = strawberry.field(default=None, description="The beginning of the model's name.")
    category: list[MetricCategory] | None = strawberry.field(
        default=None, description="Only findings about metrics of these categories."
    )
    kinds: list[ErosionKind] | None = strawberry.field(default=None, description="Only findings of these kinds.")

    def conditions(self) -> registry_report.ErosionFilter:
        """The filter as the type of the queries package."""
        category = None if self.category is None else tuple(self.category)
        kinds = None if self.kinds is None else tuple(self.kinds)
        return registry_report.ErosionFilter(self.name, self.name_prefix, category, kinds)


@strawberry.type(description="A finding of erosion, in short.")
class ErosionBrief:
    """Finding."""

    kind: ErosionKind = strawberry.field(description="The kind of finding.")
    metric: str = strawberry.field(description="The metric.")
    slice: list[Attribute] = strawberry.field(
        description="The slice: the people or items that the results are about; empty: all."
    )
    p: float | None = strawberry.field(description="The two-sided p-value; null if no standard error is known.")
    q: float | None = strawberry.field(
        description="The p-value adjusted for the false discovery rate over all tests of this version."
    )
    e: float | None = strawberry.field(description="The e-value of a LASTING_EROSION, which replaces p and q.")
    message: str = strawberry.field(description="One sentence.")


@strawberry.type(description="A version whose safety eroded.")
class ErosionsEdge:
    """Version."""

    cursor: str = strawberry.field(description="The position of the item, for `after`.")
    node: ModelVersion = strawberry.field(description="The version.")
    verdict: ErosionVerdict = strawberry.field(description="Always ERODED: the verdict on this version by itself.")
    registry_q: float | None = strawberry.field(
        description="The p-value of the version over all its tests, adjusted for the false discovery rate over the "
        "whole registry."
    )
    findings: list[ErosionBrief] = strawberry.field(
        description="The findings that the filter selects, the worst first."
    )


@strawberry.type(
    description="A page of eroded versions, worst first; versions that the same derivation made worse are together."
)
class ErosionsConnection(EdgeList[ErosionsEdge]):
    """A page of ErosionsEdge."""


@strawberry.type(description="A derivation of which the results cannot tell whether it or another made versions worse.")
class CandidateDerivation:
    """Candidate."""

    from_: ModelVersion = strawberry.field(name="from", description="The ancestor.")
    to: ModelVersion = strawberry.field(description="The version that was derived from it.")


@strawberry.type(description="A derivation that made versions worse.")
class ErosionGroup:
    """Group."""

    from_: ModelVersion | None = strawberry.field(
        name="from", description="The ancestor of the derivation; null where no one derivation or span is known."
    )
    to: ModelVersion | None = strawberry.field(
        description="The version that was derived from it; null where no one derivation or span is known."
    )
    candidates: list[CandidateDerivation] = strawberry.field(
        description="Where they are no one span, the derivations of which one did it, the oldest first."
    )
    worst: ModelVersion = strawberry.field(description="The version for which the erosion is most certain.")
    registry_q: float | None = strawberry.field(
        description="The `q` of that version over the whole registry; groups are ranked by it."
    )
    findings: list[ErosionBrief] = strawberry.field(description="The findings about that version, the worst first.")
    version_count: Count = strawberry.field(description="The number of evaluated versions that have the erosion.")
    deployments: list[Deployment] = strawberry.field(description="The present deployments of those versions.")


@strawberry.type(description="A place in a list of groups.")
class ErosionGroupEdge:
    """Edge."""

    cursor: str = strawberry.field(description="The position of the item, for `after`.")
    node: ErosionGroup = strawberry.field(description="The group.")


@strawberry.type(description="A page of derivations that made versions worse, the worst first.")
class ErosionGroupConnection(EdgeList[ErosionGroupEdge]):
    """A page of ErosionGroupEdge."""


Filter = Annotated[ErosionFilter | None, strawberry.argument(description="Selects versions; all by default.")]


def _brief(one: FindingSummary) -> ErosionBrief:
    return ErosionBrief(
        kind=one.kind, metric=one.metric, slice=people(one.slice), p=one.p, q=one.q, e=one.e, message=one.message
    )


async def _serving(registry: Registry, upto: int) -> list[tuple[int, Brief]]:
    """The present deployments of every version that serves somewhere, by the sequence of the version."""
    there = await deployments.serving(registry, None, None, clock.now(), upto)
    versions = await registry.store.resolve({one.version for one in there}) if there else {}
    return [
        (versions[one.version].sequence, Brief(one.entry.sequence, Kind.DEPLOYMENT, one.entry.record.id, None))
        for one in there
    ]


def _group(found: registry_report.ErosionGroup, serving: Sequence[tuple[int, Brief]], upto: int) -> ErosionGroup:
    ends = (None, None) if found.span is None else tuple(node(end, upto) for end in found.span)
    return ErosionGroup(
        from_=ends[0],
        to=ends[1],
        candidates=[
            CandidateDerivation(from_=node(start, upto), to=node(end, upto)) for start, end in found.candidates
        ],
        worst=node(found.worst, upto),
        registry_q=found.q,
        findings=[_brief(one) for one in found.findings],
        version_count=Count(len(found.versions)),
        deployments=[node(deployment, upto) for version, deployment in serving if version in found.versions],
    )


@strawberry.type
class ErosionsQuery:
    """Questions about the erosion of everything."""

    @strawberry.field(description="The versions of the whole registry whose safety eroded, worst first.")
    async def erosions(
        self,
        info: Info,
        filter: Filter = None,
        first: First = None,
        after: After = None,
    ) -> ErosionsConnection:
        wanted = None if filter is None else filter.conditions()
        found = await registry_report.erosions(context(info).registry, wanted, first, after)
        context(info).answered_at(found.upto)
        return ErosionsConnection(
            total_count=Count(found.total),
            page_info=page_info([item.cursor for item in found.items], more=found.more, after=after),
            edges=[
                ErosionsEdge(
                    cursor=item.cursor,
                    node=node(item.record, found.upto),
                    verdict=item.verdict,
                    registry_q=item.q,
                    findings=[_brief(one) for one in item.findings],
                )
                for item in found.items
            ],
        )

    @strawberry.field(
        description="The derivations that made versions of the registry worse, each once, with the number of versions "
        "that have the erosion and where they serve."
    )
    async def erosion_groups(
        self, info: Info, filter: Filter = None, first: First = None, after: After = None
    ) -> ErosionGroupConnection:
        registry = context(info).registry
        wanted = None if filter is None else filter.conditions()
        found = await registry_report.erosion_groups(registry, wanted, first, after)
        context(info).answered_at(found.upto)
        serving = await _serving(registry, found.upto)
        return ErosionGroupConnection(
            total_count=Count(found.total),
            page_info=page_info([item.cursor for item in found.items], more=found.more, after=after),
            edges=[
                ErosionGroupEdge(cursor=item.cursor, node=_group(item, serving, found.upto)) for item in found.items
            ],
        )
