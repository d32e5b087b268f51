"""From a manifest to the records that are new: references resolved, labels and builds compared, all or nothing."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from descentd.graph.inputs.datasets import DatasetInput, DerivationInput, PartitionInput
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.inputs.versions import ModelVersionInput
from descentd.graph.model.derived import build_of
from descentd.graph.model.errors import Cycle, DescentError, Invalid, InvalidInput
from descentd.graph.model.identity import Content, canonical, in_order
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import LONGEST
from descentd.graph.model.records import Brief, Record
from descentd.graph.registration.builder import DATA, VERSION, RecordBuilder, Skipped, together
from descentd.graph.registration.conflicts import conflicts, next_version, same_build
from descentd.graph.registration.disclosures import Disclosures
from descentd.graph.registration.manifest_index import Item, ManifestIndex
from descentd.graph.registration.metric_scope import MetricScope
from descentd.graph.registration.partial import partial_manifest
from descentd.graph.registration.statements import Statements, referred
from descentd.graph.store.base import Proposal, Reads
from descentd.graph.store.committer import Committer


@dataclass(frozen=True, slots=True)
class Registered:
    """The distinct records of a manifest in order of first mention, and the ids of those that are new."""

    records: Sequence[Record]
    created: frozenset[str]


class Registration:
    """One manifest being turned into records over one state of the store."""

    def __init__(self, manifest: ManifestInput, reads: Reads, left_out: frozenset[str] = frozenset()) -> None:
        """left_out: the names of what else is in the manifest, but could not be read."""
        self._manifest = manifest
        self._reads = reads
        self._left_out = left_out
        self._manifest_index = ManifestIndex(manifest, left_out)
        self.new: list[Record] = []
        self._unnamed = False

    async def run(self) -> Registered:
        """Draft all records; `new` then holds those to be added, each after what it refers to.

        Raises Cycle, and Invalid with every problem that was found.
        """
        ordered = self._manifest_index.ordered()
        self._builder = RecordBuilder(self._manifest_index, await self._reads.resolve(set(self._refs())))
        scope = await MetricScope.read(self._manifest, self._reads, self._left_out)
        for number, metric in enumerate(self._manifest.metrics or ()):
            with self._builder.problem_at(f"metrics[{number}]"):
                scope.check_definition(metric, f"metrics[{number}]", self._builder.problem_at)
                self._builder.draft(f"metrics[{number}]", scope.defined[metric.name])
        for item in ordered:
            with self._builder.problem_at(item.field):
                await self._define(item)
        await Statements(self._reads, scope, self._builder).draft(self._manifest)
        await Disclosures(self._reads, self._builder).build(self._manifest.disclosures or ())
        drafted = self._builder.records
        held = await self._reads.resolve(drafted.keys() | {r.label for r in drafted.values() if r.label is not None})
        await self._check_conflicts(held)
        self.new = [record for id, record in drafted.items() if id not in held]
        return Registered(self._builder.mentioned(), frozenset(record.id for record in self.new))

    def _refs(self) -> Iterator[str]:
        for item in self._manifest_index.items.values():
            yield from (ref for _, ref in item.refs)
        yield from referred(self._manifest)

    async def _define(self, item: Item) -> None:
        match item.definition:
            case DatasetInput() as dataset:
                self._builder.made[item.name] = self._builder.draft(item.field, self._dataset(item, dataset))
            case PartitionInput() as partition:
                self._builder.made[item.name] = self._builder.draft(item.field, self._partition(item, partition))
            case ModelVersionInput() as model:
                self._builder.made[item.name] = await self._version(item, model)

    def _dataset(self, item: Item, dataset: DatasetInput) -> Record:
        partitions = [self._builder.made.get(f"{item.name}#{partition.name}") for partition in dataset.partitions or ()]
        if None in partitions:
            raise Skipped(item.name)
        content = dataset.content()
        content["partitions"] = [partition.id for partition in partitions if partition]
        content |= self._origins(dataset, item.field)
        self._check_named(item)
        return Record.of(Kind.DATASET, content)

    def _partition(self, item: Item, partition: PartitionInput) -> Record:
        content = partition.content() | {"dataset": item.name.rpartition("#")[0]}
        content.pop("population", None)
        content.pop("populationDocumented", None)
        own = self._origins(partition, item.field)
        # What holds for a dataset holds for each of its partitions.
        whole = self._origins(item.dataset, item.field.partition(".")[0]) if item.dataset else {}
        self._check_named(item)
        for part in own.keys() | whole.keys():
            content[part] = _set(own.get(part, []) + whole.get(part, []))
        return Record.of(Kind.PARTITION, content)

    def _origins(self, data: DatasetInput | PartitionInput, field: str) -> Content:
        makers = [
            self._named(maker, f"{field}.generatedBy[{i}]", VERSION) for i, maker in enumerate(data.generated_by or ())
        ]
        return {
            "derivedFrom": self._derivations(data.derived_from, f"{field}.derivedFrom", DATA),
            "generatedBy": makers,
        }

    def _derivations(
        self, derivations: Sequence[DerivationInput] | None, field: str, kinds: frozenset[Kind]
    ) -> list[Content]:
        return [
            {"node": self._named(one.ref, f"{field}[{i}].ref", kinds), "relation": one.relation.value}
            for i, one in enumerate(derivations or ())
        ]

    def _training(self, item: Item, model: ModelVersionInput) -> list[Content]:
        """What a version trained on; notes data that is given twice, by two of its names."""
        found: list[Content] = []
        for i, data in enumerate(model.trained_on or ()):
            field = f"{item.field}.trainedOn[{i}]"
            learned = {"node": self._named(data.ref, f"{field}.ref", DATA), "role": data.role.value}
            with self._builder.problem_at(field):
                if learned in found and learned["node"] is not None:
                    raise InvalidInput(f"{data.ref} is given twice in this role: give it once.")
            found.append(learned)
        return found

    def _named(self, ref: str, field: str, kinds: frozenset[Kind]) -> str | None:
        """The id of what a ref stands for; where there is none, that is noted and the next ref is looked at."""
        with self._builder.problem_at(field):
            return self._builder.resolve(ref, field, kinds).id
        self._unnamed = True
        return None

    def _check_named(self, item: Item) -> None:
        """Go on to the next item where one of the refs of this one stands for nothing."""
        if self._unnamed:
            self._unnamed = False
            raise Skipped(item.name)

    async def _version(self, item: Item, model: ModelVersionInput) -> Record:
        content = model.content()
        content.pop("safetyProfile", None)
        content["parents"] = self._derivations(model.parents, f"{item.field}.parents", VERSION)
        content["trainedOn"] = _set(self._training(item, model))
        self._check_named(item)
        parts = {
            part: Record.of(kind, {"parameters": content[part]} if kind is Kind.CONFIG else content[part])
            for part, kind in (("code", Kind.CODE), ("config", Kind.CONFIG), ("environment", Kind.ENVIRONMENT))
            if content.get(part) is not None and content[part] != []
        }
        content |= {part: record.id for part, record in parts.items()}
        if model.version is None:
            given = Record.of(Kind.MODEL_VERSION, content)  # without what is empty
            existing = await self._same_build(item, model.name, given.content)
            if existing:
                return self._builder.draft(item.field, existing)
            content["version"] = await self._next_version(model.name)
        for part, record in parts.items():
            self._builder.draft(f"{item.field}.{part}", record)
        return self._builder.draft(item.field, Record.of(Kind.MODEL_VERSION, content))

    async def _same_build(self, item: Item, name: str, content: Content) -> Record | None:
        build = build_of(content)
        if build is None:
            raise InvalidInput(
                "Without artifacts, data, code and config nothing tells whether this is new: give its version.",
                f"{item.field}.version",
            )
        for record in self._versions(name):
            if build_of(record.content) == build:
                return record
        label = await same_build(self._reads, name, build)
        if label is None:
            return None
        brief = (await self._reads.resolve([label]))[label]
        return (await self._reads.entries([brief.sequence]))[0].record

    async def _next_version(self, name: str) -> str:
        taken = {record.content["version"]: None for record in self._versions(name)}
        held = (await self._reads.find_by_keys([f"model:{name}"])).get(f"model:{name}", [])
        registered = [str(brief.label).rpartition("@")[2] for brief in await self._reads.briefs(held)]
        newest = [*registered, *taken][-1] if registered or taken else None
        models = (model for model in self._manifest.models or () if model.name == name)
        reserved = {model.version for model in models}
        version = next_version(newest, {*registered, *taken, *filter(None, reserved)})
        if len(version) > LONGEST:
            raise InvalidInput(f"The version after {newest!r} is longer than {LONGEST} characters: give one.")
        return version

    def _versions(self, name: str) -> Iterator[Record]:
        """Versions of a name that were made from this manifest so far."""
        return (r for r in self._builder.made.values() if r.kind is Kind.MODEL_VERSION and r.content["name"] == name)

    async def _check_conflicts(self, held: Mapping[str, Brief]) -> None:
        for id, conflict in (await conflicts(self._reads, self._builder.records, held)).items():
            conflict.field = self._builder.field_of(id)
            self._builder.problems.append(conflict)
        self._builder.raise_problems()


async def with_all_problems(reads: Reads, wrong: Invalid) -> Invalid:
    """What is wrong with a manifest that could not be read, and with what can be read of it, in its order."""
    rest = partial_manifest(wrong.given)
    found: list[DescentError] = list(wrong.problems)
    try:
        await Registration(rest.manifest, reads, rest.left_out).run()
    except (Invalid, Cycle) as error:
        for problem in error.problems if isinstance(error, Invalid) else [error]:
            problem.field = _in_place(problem.field, rest.places)
            found.append(problem)
    return together(found)


def _in_place(field: str | None, places: Mapping[str, Sequence[int]]) -> str | None:
    """A field of what could be read, as the whole manifest has it."""
    found = re.match(r"(\w+)\[(\d+)\]", field or "")
    if field is None or found is None:
        return field
    section, number = found.groups()
    return f"{section}[{places[section][int(number)]}]{field[found.end() :]}"


async def register(committer: Committer, manifest: ManifestInput, person: str) -> Registered:
    """Register a manifest in one transaction, all of it or nothing.

    Raises Invalid with every problem that was found, Cycle, and Unavailable.
    """
    outcome: Registered | None = None

    async def draft(reads: Reads) -> Sequence[Record]:
        nonlocal outcome
        registration = Registration(manifest, reads)
        outcome = await registration.run()
        return registration.new

    await committer.submit(Proposal(draft, person))
    assert outcome is not None
    return outcome


def _set(given: Iterable[Any]) -> list[Any]:
    """A set as contents hold it: each element once, in canonical order."""
    elements = list(given)
    if len(elements) < 2:
        return elements
    return in_order({canonical(element): element for element in elements}.values())
