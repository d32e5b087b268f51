"""The tables of records that hold many of one thing: partitions, populations, results, rules, and what uses them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from descentd.app.explorer.page import Asked
from descentd.app.explorer.rendering import beginning
from descentd.app.explorer.table import Cell, Column, Table, count_cell, estimate_cell
from descentd.graph.model.derived import shares_of
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.reach import Share
from descentd.graph.model.records import Brief
from descentd.queries.evaluation.definitions import Metrics, definitions
from descentd.queries.statistics.comparison import Result

_USES: Final = frozenset({Role.TRAINED_ON, Role.BUILT_FROM, Role.CONFIGURED_BY, Role.RAN_IN})
_SHOWN: Final = 50
_OUTCOME: Final = {"PASSED": "good", "BLOCKED": "bad", "INCOMPLETE": "open"}


async def tables_of(asked: Asked, brief: Brief, entry: Entry, named: Mapping[str, Brief]) -> list[Table]:
    """The tables of a record, by its kind."""
    content = entry.record.content
    match brief.kind:
        case Kind.DATASET:
            own = [named[id].sequence for id in content.get("partitions", ())]
            return [await _partitions(asked, content, named), await _uses(asked, brief, *own)]
        case Kind.PARTITION:
            links = await asked.registry.store.links([brief.sequence], {Role.INCLUDES}, inward=True)
            holding = [link.source for link in links]
            return [await _population(asked, brief), await _uses(asked, brief, *holding)]
        case Kind.CODE | Kind.CONFIG | Kind.ENVIRONMENT:
            return [await _uses(asked, brief)]
        case Kind.POPULATION:
            return [_shares(asked, shares_of(content)[1])]
        case Kind.EVALUATION:
            return [_results(asked, content, await definitions(asked.registry, asked.upto))]
        case Kind.POLICY:
            return [_rules(content)]
        case Kind.GATE_DECISION:
            return [_outcomes(asked, content)]
        case _:
            return []


async def _said(asked: Asked, partitions: Sequence[int]) -> Mapping[int, Content]:
    """What is said of the populations of partitions, the newest statement of each."""
    store = asked.registry.store
    links = await store.links(partitions, {Role.DESCRIBES}, inward=True) if partitions else []
    newest = {link.target: link.source for link in links if link.source <= asked.upto}
    entries = await store.entries(list(newest.values())) if newest else []
    return {partition: entry.record.content for partition, entry in zip(newest, entries, strict=True)}


async def _partitions(asked: Asked, content: Content, named: Mapping[str, Brief]) -> Table:
    store, t = asked.registry.store, asked.words
    part = asked.part([named[id] for id in content.get("partitions", ())], _SHOWN, "partitions")
    briefs = part.items
    entries = await store.entries([brief.sequence for brief in briefs]) if briefs else []
    said = await _said(asked, [brief.sequence for brief in briefs])
    rows = []
    for brief, entry in zip(briefs, entries, strict=True):
        level, shares = shares_of(said[brief.sequence]) if brief.sequence in said else (None, ())
        rows.append(
            (
                Cell(entry.record.content["name"], asked.to("record", brief.ref), value=brief.ref),
                count_cell(entry.record.content.get("rows")),
                Cell(t(f"documented.{level.value if level else 'NONE'}"), value=level.value if level else "NONE"),
                _whom(asked, shares),
            )
        )
    columns = [Column("partition"), Column("rows", number=True), Column("documented"), Column("whom")]
    return part.table("partitions", columns, rows)


def _whom(asked: Asked, shares: Sequence[Share]) -> Cell:
    """Who is in a partition: the first of them where they are many, all of whom are on its own page, and in CSV."""
    text = ", ".join(_share(one) for one in shares)
    return Cell(text if asked.for_csv else beginning(text))


def _share(share: Share) -> str:
    known = "" if share.share is None else f" {share.share:.0%}"
    return f"{share.attribute.replace('_', ' ')} {share.value}{known}"


async def _population(asked: Asked, brief: Brief) -> Table:
    said = (await _said(asked, [brief.sequence])).get(brief.sequence)
    return _shares(asked, shares_of(said)[1] if said else ())


def _shares(asked: Asked, shares: Sequence[Share]) -> Table:
    t = asked.words
    part = asked.part(shares, _SHOWN, "shares")
    rows = [
        (
            Cell(one.attribute),
            Cell(one.value, asked.to("population", attribute=one.attribute, value=one.value)),
            Cell(
                t("share.unknown") if one.share is None else t("share.none") if one.share == 0 else f"{one.share:.1%}"
            ),
        )
        for one in part.items
    ]
    columns = [Column("attribute"), Column("value"), Column("share", number=True)]
    return part.table("shares", columns, rows)


async def _uses(asked: Asked, brief: Brief, *others: int) -> Table:
    """The versions that name a record as what they were made of, or a partition of it, or a dataset that it is in."""
    links = await asked.registry.store.links([brief.sequence, *others], _USES, inward=True)
    users = [link for link in links if link.source <= asked.upto]
    part = asked.part(users, _SHOWN)
    briefs = await asked.registry.store.briefs([link.source for link in part.items]) if part.items else []
    rows = [
        (
            asked.record(user),
            Cell(asked.words(f"role.{link.role}"), note=link.detail.lower()),
        )
        for user, link in zip(briefs, part.items, strict=True)
    ]
    return part.table("uses", [Column("version"), Column("how", says=True)], rows)


def _results(asked: Asked, content: Content, metrics: Metrics) -> Table:
    t = asked.words
    part = asked.part(content["metrics"], _SHOWN, "results")
    rows = []
    for one in part.items:
        definition = metrics[one["name"]]
        result = Result(one["value"], one.get("stderr"), one.get("n"))
        group = ", ".join(f"{part['attribute']} {part['value']}" for part in one.get("slice", ()))
        rows.append(
            (
                Cell(
                    one["name"], note=t(f"direction.{definition.direction}", optimum=f"{definition.optimum or 0:.4g}")
                ),
                Cell(group or t("measured.everybody")),
                estimate_cell(result.value, result.error(definition), definition.range),
                count_cell(one.get("n")),
            )
        )
    columns = [
        Column("metric", says=True),
        Column("group"),
        Column("value", number=True, estimate=True),
        Column("items", number=True),
    ]
    return part.table("results", columns, rows)


def _rules(content: Content) -> Table:
    rows = [(Cell(one["name"]), Cell(one.get("message", "")), Cell(one["expression"])) for one in content["rules"]]
    return Table("rules", [Column("rule"), Column("demands"), Column("expression")], rows)


def _outcomes(asked: Asked, content: Content) -> Table:
    rows = [outcome_cells(asked, rule, then=True) for rule in content["rules"]]
    return Table("outcomes", [Column("rule"), Column("outcome"), Column("why"), Column("saw")], rows)


def outcome_cells(asked: Asked, rule: Mapping[str, Any], then: bool = False) -> Sequence[Cell]:
    """A rule of a decision: its name, what it came to, why, and the values that it saw; `then`: of a recorded one."""
    outcome = str(rule["outcome"])
    return (
        Cell(rule["name"]),
        Cell(asked.words(f"outcome.{outcome}"), tone=_OUTCOME[outcome], value=outcome),
        Cell(asked.wording.plain(rule["message"], then)),
        Cell(asked.wording.saw(rule.get("saw", ""))),
    )
