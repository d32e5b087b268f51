"""Which definition a metric's name has in this registry: what was registered over what the catalogue says."""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import chain

from descentd.graph.metrics import MetricDefinition, catalogue, nearest
from descentd.graph.model.errors import UnknownMetric
from descentd.graph.model.kinds import Kind
from descentd.graph.model.reach import SupportsReach
from descentd.graph.store.base import Store
from descentd.queries.registry import Registry


class Metrics:
    """All definitions in force at one moment. `number` tells two such moments apart: how many were registered."""

    def __init__(self, registered: Mapping[str, MetricDefinition]) -> None:
        self.number = len(registered)
        self._known = {**catalogue(), **registered}
        made = {name: parts for name, each in self._known.items() if (parts := each.parts)}
        self.composites = {name: self._known[name] for name in {*made, *chain.from_iterable(made.values())}}
        """The definitions of metrics that are made of others, and of those that they are made of."""

    def __getitem__(self, name: str) -> MetricDefinition:
        """The definition of a metric that the registry is known to hold results of."""
        return self._known[name]

    def find(self, name: str, field: str | None = None) -> MetricDefinition:
        """The definition; raises UnknownMetric with the nearest names."""
        if name not in self._known:
            close = nearest(name, self._known)
            hint = f"did you mean {', '.join(close)}?" if close else "define it under metrics of a manifest."
            raise UnknownMetric(f"{repr(name)} is neither in the catalogue nor registered: {hint}", field)
        return self._known[name]


class MetricDefinitions:
    """The definitions of a registry, kept level with its log: each is read once."""

    def __init__(self) -> None:
        self._sequences: list[int] = []
        self._definitions: list[MetricDefinition] = []
        self._metrics: dict[int, Metrics] = {}

    async def read(self, store: Store, walk: SupportsReach, upto: int) -> Metrics:
        """What is in force at a sequence."""
        held = await walk.everything(upto, Kind.METRIC_DEFINITION)
        last = self._sequences[-1] if self._sequences else 0
        new = [int(sequence) for sequence in held[held > last]]
        if new:
            for entry in await store.entries(new):
                if not self._sequences or entry.sequence > self._sequences[-1]:  # or somebody else read it meanwhile
                    self._sequences.append(entry.sequence)
                    self._definitions.append(MetricDefinition.of(entry.record.content))
        number = bisect_right(self._sequences, upto)
        if number not in self._metrics:
            self._metrics[number] = Metrics({each.name: each for each in self._definitions[:number]})
        return self._metrics[number]


async def definitions(registry: Registry, upto: int) -> Metrics:
    """The definitions in force at a sequence."""
    return await registry.cache(MetricDefinitions).read(registry.store, registry.walk, upto)
