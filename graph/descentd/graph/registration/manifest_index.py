"""The index of a manifest: what it defines, ordered such that everything follows what it was derived from."""

from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from descentd.graph.inputs.datasets import DatasetInput, PartitionInput
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.inputs.versions import ModelVersionInput
from descentd.graph.model.errors import Cycle, DescentError, InvalidInput, VersionConflict

Definition = DatasetInput | PartitionInput | ModelVersionInput


class Item(NamedTuple):
    """A dataset, partition or model version of the manifest.

    `name` is its label, or says where it stands while its version is not known. `refs` are what it was derived from,
    by field.
    """

    name: str
    field: str
    definition: Definition
    dataset: DatasetInput | None
    refs: tuple[tuple[str, str], ...]


def items(manifest: ManifestInput) -> Iterator[Item]:
    """All that the manifest defines, in the order in which it does."""
    for i, dataset in enumerate(manifest.datasets or ()):
        label, field = f"dataset:{dataset.name}@{dataset.version}", f"datasets[{i}]"
        inherited = tuple(_data_refs(dataset, field))
        parts = [(f"{label}#{p.name}", f"{field}.partitions[{j}]", p) for j, p in enumerate(dataset.partitions or ())]
        included = tuple((part_field, name) for name, part_field, _ in parts)
        yield Item(label, field, dataset, None, inherited + included)
        for name, part_field, partition in parts:
            refs = tuple(_data_refs(partition, part_field))
            yield Item(name, part_field, partition, dataset, refs + inherited)
    for i, model in enumerate(manifest.models or ()):
        yield Item(name_of(model, i), f"models[{i}]", model, None, tuple(_model_refs(model, f"models[{i}]")))


def name_of(model: ModelVersionInput, i: int) -> str:
    """The label of a manifest's model version, or where it stands while its version is not known."""
    return f"model:{model.name}@{model.version}" if model.version else f"model:{model.name} (models[{i}])"


def names_in(manifest: ManifestInput) -> tuple[list[str], list[str]]:
    """The names of all items of a manifest, and those that they refer to; without their fields, as that is faster."""
    names: list[str] = []
    refs: list[str] = []
    for dataset in manifest.datasets or ():
        label = f"dataset:{dataset.name}@{dataset.version}"
        parts = dataset.partitions or ()
        own = [f"{label}#{part.name}" for part in parts]
        names += [label, *own]
        refs += own
        both: list[DatasetInput | PartitionInput] = [dataset, *parts]
        for data in both:
            refs += [derivation.ref for derivation in data.derived_from or ()]
            refs += data.generated_by or ()
    for i, model in enumerate(manifest.models or ()):
        names.append(name_of(model, i))
        refs += [parent.ref for parent in model.parents or ()]
        refs += [data.ref for data in model.trained_on or ()]
    return names, refs


def _data_refs(data: DatasetInput | PartitionInput, field: str) -> Iterator[tuple[str, str]]:
    for i, derivation in enumerate(data.derived_from or ()):
        yield f"{field}.derivedFrom[{i}].ref", derivation.ref
    for i, maker in enumerate(data.generated_by or ()):
        yield f"{field}.generatedBy[{i}]", maker


def _model_refs(model: ModelVersionInput, field: str) -> Iterator[tuple[str, str]]:
    for i, parent in enumerate(model.parents or ()):
        yield f"{field}.parents[{i}].ref", parent.ref
    for i, data in enumerate(model.trained_on or ()):
        yield f"{field}.trainedOn[{i}].ref", data.ref


class ManifestIndex:
    """The items of a manifest by name, and the names that `model:NAME` stands for.

    left_out: the names of what else is in the manifest, but could not be read.
    """

    def __init__(self, manifest: ManifestInput, left_out: frozenset[str] = frozenset()) -> None:
        self._left_out = left_out
        self.all = list(items(manifest))
        """All that it defines, what it does twice as often."""
        self.items: dict[str, Item] = {}
        self.problems: list[DescentError] = []
        self._versions: defaultdict[str, list[str]] = defaultdict(list)
        for item in self.all:
            other = self.items.setdefault(item.name, item)
            if other is not item and other.definition != item.definition:
                self.problems.append(
                    VersionConflict(
                        f"{item.name} is in this manifest twice with different content: keep one.", item.field
                    )
                )
            if isinstance(item.definition, ModelVersionInput) and other is item:
                self._versions[f"model:{item.definition.name}"].append(item.name)

    def names(self, ref: str) -> str:
        """The name that a ref stands for inside this manifest.

        Raises InvalidInput for `model:NAME` where the manifest does not hold exactly one version of that name.
        """
        if not ref.startswith("model:") or "@" in ref or self.leaves_out(ref):
            return ref
        versions = self._versions.get(ref, [])
        if len(versions) != 1:
            count = f"{len(versions)} versions" if versions else "no version"
            raise InvalidInput(f"{ref} has no version, and this manifest holds {count} of it: write {ref}@VERSION.")
        return versions[0]

    def leaves_out(self, name: str) -> bool:
        """Whether a name may be of something in the manifest that could not be read."""
        return name in self._left_out or ("@" not in name and any(n.startswith(f"{name}@") for n in self._left_out))

    def ordered(self) -> list[Item]:
        """The items, each after what it refers to.

        Raises Cycle where something would descend from itself.
        """
        sorter: TopologicalSorter[str] = TopologicalSorter()
        for name, item in self.items.items():
            sorter.add(name, *self._known(item))
        try:
            return [self.items[name] for name in sorter.static_order()]
        except CycleError as error:
            circle = list(reversed(error.args[1]))
            item = self.items[circle[0]]
            field = next(field for field, ref in item.refs if self.names(ref) == circle[1])
            raise Cycle(
                f"{circle[0]} would descend from itself ({' ← '.join(circle)}): remove one of these references.", field
            ) from None

    def _known(self, item: Item) -> Iterator[str]:
        for field, ref in item.refs:
            if ref in self.items:
                yield ref
                continue
            try:
                name = self.names(ref)
            except InvalidInput as error:
                self.problems.append(InvalidInput(error.message, field))
                continue
            if name in self.items:
                yield name
