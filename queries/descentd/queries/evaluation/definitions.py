"""The definitions of metrics in a registry: registered definitions take precedence over the catalogue."""

from bisect import bisect_right
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from functools import cached_property
from itertools import chain

from descentd.graph.metrics import MetricDefinition, canonical_name, catalogue, nearest
from descentd.graph.model.errors import UnknownMetric
from descentd.graph.model.kinds import Kind
from descentd.graph.model.reach import SupportsReach
from descentd.graph.store.base import Store
from descentd.queries.registry import Registry


class Metrics:
    """All definitions in force at one moment. `number` tells two such moments apart: how many were registered.

    An alias of the catalogue means the metric that it is an alias of, and results of both are one series.
    """

    def __init__(self, registered: Mapping[str, MetricDefinition]) -> None:
        self.number = len(registered)
        self._spelled = {**catalogue(), **registered}
        canonical = {name: canonical_name(name, registered) for name in self._spelled}
        plain = {name: _with_parts(one, canonical) for name, one in self._spelled.items() if canonical[name] == name}
        self._known = {name: plain[canonical[name]] for name in self._spelled}
        self.composites = _composites(plain)
        """The definitions of metrics that are made of others, and of those that they are made of, by canonical name."""

    def __getitem__(self, name: str) -> MetricDefinition:
        """The definition of a metric that the registry is known to hold results of; its name is the canonical one."""
        return self._known[name]

    def canonical(self, name: str) -> str:
        """The name by which results of a metric are compared, also of one that nobody defined."""
        return self._known[name].name if name in self._known else name

    @cached_property
    def first_edition(self) -> "Metrics":
        """The same where no name is an alias of another, as decisions of the first edition saw them."""
        metrics = copy(self)
        metrics._known = self._spelled
        metrics.composites = _composites(self._spelled)
        return metrics

    def find(self, name: str, field: str | None = None) -> MetricDefinition:
        """The definition; raises UnknownMetric with the nearest names."""
        if name not in self._known:
            close = nearest(name, self._known)
            hint = f"did you mean {', '.join(close)}?" if close else "define it under metrics of a manifest."
            raise UnknownMetric(f"{repr(name)} is neither in the catalogue nor registered: {hint}", field)
        return self._known[name]


def _with_parts(definition: MetricDefinition, canonical: Mapping[str, str]) -> MetricDefinition:
    """A composite with its parts by their canonical names."""
    if not definition.parts:
        return definition
    worst = tuple(dict.fromkeys(canonical.get(name, name) for name in definition.worst_of))
    of = definition.disparity_of
    return replace(definition, worst_of=worst, disparity_of=None if of is None else canonical.get(of, of))


def _composites(known: Mapping[str, MetricDefinition]) -> dict[str, MetricDefinition]:
    made = {name: parts for name, each in known.items() if (parts := each.parts)}
    return {name: known[name] for name in {*made, *chain.from_iterable(made.values())}}


class MetricDefinitions:
    """The definitions of a registry, up to date with its log; each is read once."""

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
