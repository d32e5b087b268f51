"""The records of a manifest's datasets, partitions and model versions."""

from collections.abc import Mapping, Sequence
from typing import Final

from descentd.graph.inputs.base import place_given
from descentd.graph.inputs.datasets import DatasetInput, DerivationInput, PartitionInput
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.inputs.versions import ModelVersionInput
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import DATA, VERSION, Kind
from descentd.graph.model.records import Record
from descentd.graph.registration.builder import RecordBuilder, Skipped, as_set
from descentd.graph.registration.manifest_index import Item
from descentd.graph.registration.version_numbers import VersionNumbers
from descentd.graph.store.base import Reads
from descentd.graph.turns import each

_PARTS: Final[Mapping[str, Kind]] = {"code": Kind.CODE, "config": Kind.CONFIG, "environment": Kind.ENVIRONMENT}
_RESOLVED: Final = frozenset(
    {
        *("partitions", "derived_from", "generated_by", "parents", "trained_on"),
        *("population", "population_documented", "safety_profile"),
    }
)
"""The fields of inputs that hold refs, in whose place come ids, and those that are statements of their own."""


class Entities:
    """Builds the entities of one manifest."""

    def __init__(self, manifest: ManifestInput, reads: Reads, builder: RecordBuilder) -> None:
        self._builder = builder
        self._numbers = VersionNumbers(manifest, reads, builder)
        self._unresolved = False

    async def build(self, ordered: Sequence[Item]) -> None:
        """Build items that are each after what they refer to; what is wrong is added to the builder's problems."""
        async for item in each(ordered):
            with self._builder.problem_at(item.field):
                match item.definition:
                    case DatasetInput() as dataset:
                        record = self._builder.add(item.field, self._dataset(item, dataset))
                    case PartitionInput() as partition:
                        record = self._builder.add(item.field, self._partition(item, partition))
                    case ModelVersionInput() as model:
                        record = await self._version(item, model)
                self._builder.entities[item.name] = record

    def _dataset(self, item: Item, dataset: DatasetInput) -> Record:
        entities = self._builder.entities
        partitions = [entities.get(f"{item.name}#{partition.name}") for partition in dataset.partitions or ()]
        if None in partitions:
            raise Skipped(item.name)
        content = dataset.content(_RESOLVED)
        content["partitions"] = [partition.id for partition in partitions if partition]
        content |= self._origins(dataset, item.field)
        self._check_resolved(item)
        return Record.of(Kind.DATASET, content)

    def _partition(self, item: Item, partition: PartitionInput) -> Record:
        content = partition.content(_RESOLVED) | {"dataset": item.name.rpartition("#")[0]}
        own = self._origins(partition, item.field)
        # What holds for a dataset holds for each of its partitions.
        whole = self._origins(item.dataset, item.field.partition(".")[0]) if item.dataset else {}
        self._check_resolved(item)
        for part in own.keys() | whole.keys():
            content[part] = as_set(own.get(part, []) + whole.get(part, []))
        return Record.of(Kind.PARTITION, content)

    def _origins(self, data: DatasetInput | PartitionInput, field: str) -> Content:
        makers = [
            self._id(maker, f"{field}.generatedBy[{i}]", VERSION) for i, maker in enumerate(data.generated_by or ())
        ]
        return {
            "derivedFrom": self._derivations(data.derived_from, f"{field}.derivedFrom", DATA),
            "generatedBy": makers,
        }

    def _derivations(
        self, derivations: Sequence[DerivationInput] | None, field: str, kinds: frozenset[Kind]
    ) -> list[Content]:
        return [
            {"node": self._id(one.ref, f"{field}[{i}].ref", kinds), "relation": one.relation.value}
            for i, one in enumerate(derivations or ())
        ]

    def _training(self, item: Item, model: ModelVersionInput) -> list[Content]:
        """What a version trained on; data that is given twice, by two of its refs, is noted as a problem."""
        found: list[Content] = []
        given = model.trained_on or ()
        for i in sorted(range(len(given)), key=lambda i: place_given(given, i)):
            data = given[i]
            field = f"{item.field}.trainedOn[{i}]"
            learned = {"node": self._id(data.ref, f"{field}.ref", DATA), "role": data.role.value}
            with self._builder.problem_at(field):
                if learned in found and learned["node"] is not None:
                    raise InvalidInput(f"{data.ref} is given twice in this role: give it once.")
            found.append(learned)
        return found

    def _id(self, ref: str, field: str, kinds: frozenset[Kind]) -> str | None:
        """The id of what a ref stands for; where there is none, that is noted and the next ref is looked at."""
        with self._builder.problem_at(field):
            return self._builder.resolve(ref, field, kinds).id
        self._unresolved = True
        return None

    def _check_resolved(self, item: Item) -> None:
        """Go on to the next item where one of the refs of this one stands for nothing."""
        if self._unresolved:
            self._unresolved = False
            raise Skipped(item.name)

    async def _version(self, item: Item, model: ModelVersionInput) -> Record:
        content = model.content(_RESOLVED)
        content["parents"] = self._derivations(model.parents, f"{item.field}.parents", VERSION)
        content["trainedOn"] = as_set(self._training(item, model))
        self._check_resolved(item)
        parts = {
            part: Record.of(kind, {"parameters": content[part]} if kind is Kind.CONFIG else content[part])
            for part, kind in _PARTS.items()
            if content.get(part) is not None and content[part] != []
        }
        content |= {part: record.id for part, record in parts.items()}
        if model.version is None:
            given = Record.of(Kind.MODEL_VERSION, content)  # without what is empty
            existing = await self._numbers.same_build(model.name, given.content, f"{item.field}.version")
            if existing:
                return self._builder.add(item.field, existing)
            content["version"] = await self._numbers.next(model.name, f"{item.field}.version")
        for part, record in parts.items():
            self._builder.add(f"{item.field}.{part}", record)
        return self._builder.add(item.field, Record.of(Kind.MODEL_VERSION, content))
