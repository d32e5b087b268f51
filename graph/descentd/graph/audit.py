"""Which records break a rule of entry that was made after them: they keep what they have, and clear nothing."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from descentd.graph.metrics import MetricDefinition, catalogue, with_catalogue_range
from descentd.graph.model.accounts import fault_in_person
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.registration.entry_rules import Fault, Rules, faults
from descentd.graph.store.base import Store

_CHUNK: Final = 1000


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that a registered record breaks; `ref` is its label where it has one, else its id."""

    sequence: int
    kind: Kind
    ref: str
    field: str
    message: str


async def audit(store: Store, progress: Callable[[int, int], None] | None = None) -> AsyncIterator[Broken]:
    """Every rule that a record of a store breaks, in the order of the log.

    A result of the future is one that was ahead of the clock when it was recorded. `progress` is called with how many
    records were read, and of how many. Raises Unavailable.
    """
    definitions: dict[str, MetricDefinition] = dict(catalogue())
    last = await store.sequence()
    for first in range(1, last + 1, _CHUNK):
        sequences = range(first, min(first + _CHUNK, last + 1))
        for entry in await store.entries(sequences):
            if entry.record.kind is Kind.METRIC_DEFINITION:
                definition = with_catalogue_range(MetricDefinition.of(entry.record.content))
                definitions[definition.name] = definition
            for fault in _faults(entry, Rules(definitions.get, entry.recorded_at)):
                ref = entry.record.label or entry.record.id
                yield Broken(entry.sequence, entry.record.kind, ref, fault.field, fault.message)
        if progress:
            progress(sequences[-1], last)


def _faults(entry: Entry, rules: Rules) -> list[Fault]:
    found = list(faults(entry.record, rules))
    if fault := fault_in_person(entry.recorded_by):
        found.append(Fault("recordedBy", f"The person's name {entry.recorded_by!r} {fault}."))
    return found
