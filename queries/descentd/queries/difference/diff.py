"""The difference of two versions: changes, populations, metrics, and interventions."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import VERSION
from descentd.graph.model.names import text
from descentd.queries.difference.metric_rows import Row, rows
from descentd.queries.evaluation.comparable import comparable
from descentd.queries.evaluation.labels import LabelLookup, look_up_labels
from descentd.queries.governance.profiles import profiles, wording
from descentd.queries.lineage.ancestry import with_ancestors
from descentd.queries.lineage.builds import Change, ChangeArea, builds_of, changes, fields
from descentd.queries.lineage.parents import parents_of
from descentd.queries.lineage.training import Training, training_of
from descentd.queries.registry import Registry


class VersionRelation(StrEnum):
    """How two versions are related. SIBLINGS share an ancestor."""

    SIBLINGS = "SIBLINGS"
    HEAD_DESCENDS = "HEAD_DESCENDS"
    BASE_DESCENDS = "BASE_DESCENDS"
    UNRELATED = "UNRELATED"
    SAME = "SAME"


@dataclass(frozen=True, slots=True)
class Intervention:
    """An intervention for some groups in the making of the version `on` (a sequence)."""

    on: int
    kind: str
    targets: Sequence[tuple[str, str | None]]
    description: str


@dataclass(frozen=True, slots=True)
class PopulationRow:
    """A value and its share of the training rows on either side, None where that is not known.

    undocumented: sequences of what would have to say more for the shares to be known, one for each side.
    """

    attribute: str
    value: str
    base: float | None
    head: float | None
    undocumented: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Diff:
    """The answer; what is known of both versions comes first. `called`: the names of the records in it."""

    base: str
    head: str
    relation: VersionRelation
    changes: Sequence[Change]
    interventions: Sequence[Intervention]
    populations: Sequence[PopulationRow]
    metrics: Sequence[Row]
    attributes: Sequence[str]
    called: LabelLookup
    upto: int

    def unspoken(self) -> list[str]:
        """Those of the requested attributes that no record mentions; most likely they are misspelt."""
        spoken = {row.attribute for row in self.populations}
        spoken |= {attribute for row in self.metrics for attribute, _ in row.slice}
        spoken |= {row.metric.disparity_over or "" for row in self.metrics}
        spoken |= {attribute for one in self.interventions for attribute, _ in one.targets}
        return [attribute for attribute in self.attributes if attribute not in spoken]


async def diff(
    registry: Registry, base: str, head: str, attributes: Sequence[str] | None, as_of: str | None = None
) -> Diff:
    """How two versions differ; with `attributes`, only populations and slices of these.

    Raises NotFound and InvalidInput.
    """
    upto = await registry.sequence(as_of, [base, head])
    old = await registry.find(base, upto, VERSION, "base")
    new = await registry.find(head, upto, VERSION, "head")
    about = [text(attribute, "attribute") for attribute in attributes or ()]
    both = sorted({old.sequence, new.sequence})
    along = await comparable(registry, both, upto)
    parents = await parents_of(registry, both, upto)
    lineages = {version: with_ancestors(version, parents) for version in both}
    apart = sorted(lineages[old.sequence] ^ lineages[new.sequence])
    contents = {entry.sequence: entry.record.content for entry in await registry.store.entries(apart)}
    done = [one for version in apart for one in _interventions(version, contents[version])]
    trained = await training_of(registry, lineages, upto)
    found = populations(trained[old.sequence], trained[new.sequence], about)
    silent = {each for row in found for each in row.undocumented}
    series = [one.key for one in along.series]
    called = await look_up_labels(registry, {*both, *silent, *(one.on for one in done)}, series, upto)
    return Diff(
        old.ref,
        new.ref,
        relation(old.sequence, new.sequence, lineages),
        await _changes(registry, old.sequence, new.sequence, upto),
        done,
        found,
        rows(along.series, old.sequence, new.sequence, about, called.labels(())),
        about,
        called,
        upto,
    )


def relation(base: int, head: int, lineages: dict[int, set[int]]) -> VersionRelation:
    """How two versions are related, given the lineage of each, itself included."""
    if base == head:
        return VersionRelation.SAME
    if base in lineages[head]:
        return VersionRelation.HEAD_DESCENDS
    if head in lineages[base]:
        return VersionRelation.BASE_DESCENDS
    return VersionRelation.UNRELATED if lineages[base].isdisjoint(lineages[head]) else VersionRelation.SIBLINGS


def populations(base: Training, head: Training, attributes: Collection[str]) -> list[PopulationRow]:
    """All documented values of either version; those that are known of both come first."""
    listed = {*base.values(), *head.values()}
    found = [
        PopulationRow(
            attribute,
            value,
            base.share(attribute, value),
            head.share(attribute, value),
            tuple(dict.fromkeys([*base.silent(attribute, value), *head.silent(attribute, value)])),
        )
        for attribute, value in listed
        if not attributes or attribute in attributes
    ]
    return sorted(found, key=lambda row: (None in (row.base, row.head), row.attribute, row.value))


async def _changes(registry: Registry, base: int, head: int, upto: int) -> list[Change]:
    builds = await builds_of(registry, [base, head], upto)
    said = await profiles(registry.store, sorted({base, head}), upto)
    before, after = (
        wording(profile.record.content) if (profile := said[version].current) else {} for version in (base, head)
    )
    found = changes(builds[base], builds[head])
    found += fields(ChangeArea.PROFILE, {"safetyProfile": before}, {"safetyProfile": after})
    return sorted(found, key=lambda change: list(ChangeArea).index(change.area))


def _interventions(version: int, content: Content) -> Iterator[Intervention]:
    for one in content.get("interventions", ()):
        targets: list[Any] = one.get("targets", [])
        whom = [(target["attribute"], target.get("value")) for target in targets]
        yield Intervention(version, one["kind"], whom, one["description"])
