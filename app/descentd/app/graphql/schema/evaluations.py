"""Evaluations: the results of a version, the data that they were measured on, and whether they count."""

from typing import Any

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.resolvers import batched
from descentd.app.graphql.schema.arguments import After, AsOf, First, Of
from descentd.app.graphql.schema.connections import Connection, records_page
from descentd.app.graphql.schema.lineage import Step, steps
from descentd.app.graphql.schema.records import Record, named
from descentd.app.graphql.schema.scalars import JSON, Count, DateTime
from descentd.app.graphql.schema.statements import Attribute
from descentd.graph.model.identity import parse
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.registration.entry_rules import Rules, faults, may_count, of_the_future
from descentd.queries.evaluation import evaluations
from descentd.queries.evaluation.definitions import Metrics, definitions
from descentd.queries.evaluation.parsing import slice_of
from descentd.queries.evaluation.series import EvaluationProtocol
from descentd.queries.statistics.comparison import Result


@strawberry.type(description="The protocol of an evaluation.")
class Suite:
    """Suite."""

    name: str = strawberry.field(description="The suite's name.")
    version: str = strawberry.field(description="Its version.")
    config: JSON | None = strawberry.field(description="The settings that it was run with, as JSON.")


def suite_of(protocol: EvaluationProtocol) -> Suite:
    """The suite of a series."""
    config = JSON(parse(protocol.config.encode())) if protocol.config else None
    return Suite(name=protocol.suite, version=protocol.version, config=config)


@strawberry.type(description="One result.")
class MetricValue:
    """Result."""

    name: str = strawberry.field(description="The metric.")
    value: float = strawberry.field(description="The value, in the unit of the metric.")
    stderr: float | None = strawberry.field(description="The standard error, in the metric's unit, as reported.")
    error: float | None = strawberry.field(
        description="The standard error that counts: as reported, or for a rate from n; null where none is known."
    )
    n: Count | None = strawberry.field(description="The number of items that were evaluated.")
    slice: list[Attribute] = strawberry.field(
        description="The slice: the people or items that the result is about; empty: all."
    )
    clusters: Count | None = strawberry.field(
        description="Over how many groups of items the standard error is clustered; null where it is not."
    )
    counts: bool = strawberry.field(
        description="Whether it counts for its version in its series, alone or pooled with others; whether it is "
        "contaminated is in `contamination`."
    )
    broken_rule: str | None = strawberry.field(
        description="The rule of entry that it breaks, being older than the rule, so that it counts in no answer; null "
        "if it breaks none."
    )
    pooled: float | None = strawberry.field(
        description="The pooled value of this result and the others; null if it does not count."
    )
    pooled_with: Count = strawberry.field(
        description="The number of other results of the version that it is pooled with."
    )


@strawberry.type(description="Whether results were measured on data that the version had learned from.")
class Contamination:
    """Contamination."""

    contaminated: bool = strawberry.field(
        description="The version, or an ancestor, learned from the data, from something derived from it, or from "
        "something that it was derived from."
    )
    via: list[Step] = strawberry.field(
        description="A derivation from the data to the version, both ends included, `back` where it leads to what the "
        "data was made from; empty where there is none."
    )


@strawberry.type(description="Results of a suite on a version.")
class Evaluation(Record, kind=Kind.EVALUATION):
    """Evaluation."""

    @strawberry.field(description="When it was run, as stated by its author.")
    @batched
    async def evaluated_at(self, info: Info) -> DateTime | None:
        return (await self._content(info)).get("evaluatedAt")

    @strawberry.field(description="The protocol.")
    @batched
    async def suite(self, info: Info) -> Suite:
        suite = (await self._content(info))["suite"]
        return Suite(name=suite["name"], version=suite["version"], config=suite.get("config"))

    @strawberry.field(description="The data that it was run on; null if it was not recorded.")
    @batched
    async def data(self, info: Info) -> Record | None:
        id = (await self._content(info)).get("data")
        found: Record | None = None if id is None else await named(info, id, self.at)
        return found

    @strawberry.field(
        description="Whether it was run on data that the version or an ancestor learned from; null if not."
    )
    @batched
    async def contamination(self, info: Info) -> Contamination:
        content = await self._content(info)
        if "data" not in content:
            return Contamination(contaminated=False, via=[])
        version, data = await context(info).named.load_many([content["subject"], content["data"]])
        via = await context(info).contaminations.load((self.at, version.sequence, data.sequence))
        return Contamination(contaminated=via is not None, via=steps(via or ()))

    @strawberry.field(description="The results.")
    async def metrics(self, info: Info) -> list[MetricValue]:
        content = await self._content(info)
        metrics = await definitions(context(info).registry, self.at)
        subject = await context(info).named.load(content["subject"])
        uses = await context(info).result_uses.load((self.at, subject.sequence))
        broken = _broken_rules(await self._entry(info), metrics)
        return [
            MetricValue(
                name=m["name"],
                value=m["value"],
                stderr=m.get("stderr"),
                error=Result(m["value"], m.get("stderr"), m.get("n")).error(metrics[m["name"]]),
                n=m.get("n"),
                slice=[Attribute(**part) for part in m.get("slice", ())],
                clusters=m.get("clusters"),
                broken_rule=broken.get(i),
                **_use(uses.get((self.id, metrics[m["name"]].name, slice_of(m.get("slice", ()))))),
            )
            for i, m in enumerate(content["metrics"])
        ]


def _broken_rules(entry: Entry, metrics: Metrics) -> dict[int, str]:
    """By the place of a result in its evaluation, the first rule of entry that it breaks; few break any."""
    content = entry.record.content
    wholly = of_the_future(content, entry.recorded_at)
    wrong = [
        i
        for i, one in enumerate(content["metrics"])
        if wholly or not may_count(one, metrics[one["name"]], content["suite"])
    ]
    if not wrong:
        return {}
    said = [
        (fault.field, fault.message) for fault in faults(entry.record, Rules(metrics.__getitem__, entry.recorded_at))
    ]
    return {
        i: next(text for field, text in said if field == "evaluatedAt" or field.startswith(f"metrics[{i}]"))
        for i in wrong
    }


def _use(use: evaluations.ResultUse | None) -> dict[str, Any]:
    if use is None:
        return {"counts": False, "pooled": None, "pooled_with": 0}
    return {"counts": True, "pooled": use.value, "pooled_with": Count(use.others)}


@strawberry.type
class EvaluationQuery:
    """Evaluations of a version."""

    @strawberry.field(description="The evaluations of a version in log order, retracted ones included.")
    async def evaluations(
        self, info: Info, of: Of, first: First = None, after: After = None, as_of: AsOf = None
    ) -> Connection[Evaluation] | None:
        found = await evaluations.evaluations(context(info).registry, of, first, after, as_of)
        context(info).answered_at(found.upto, as_of)
        return records_page(found, after)
