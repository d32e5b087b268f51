"""How versions, data and series are named in sentences, so that no two series look the same."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from descentd.graph.metrics import MetricDefinition
from descentd.graph.model.identity import canonical, parse
from descentd.graph.model.records import Brief
from descentd.graph.retractions import retracted_ids
from descentd.queries.evaluation.series import SeriesKey
from descentd.queries.prose import conjunction, of_slice, shortened
from descentd.queries.registry import Registry


@dataclass(frozen=True, slots=True)
class Labels:
    """version: the name of a version; data: the ref of data with this id; among: all series that an answer is about."""

    version: Callable[[int], str]
    data: Callable[[str], str]
    among: Collection[SeriesKey] = ()

    def series(self, series: SeriesKey) -> str:
        """Metric and slice, with whatever of suite, version, settings and data tells it from others of the answer."""
        name = series.metric.name + of_slice(dict(series.slice))
        distinction = self.distinction(series)
        return f"{name} ({distinction})" if distinction else name

    def distinction(self, series: SeriesKey) -> str:
        """What tells a series from the others of its metric and slice: `pgd eps=8 on imagenet@1#val`; may be empty."""
        own = series.protocol
        others = [
            other
            for other in self.among
            if (other.metric.name, other.slice) == (series.metric.name, series.slice) and other != series
        ]
        protocols = [other.protocol for other in others]
        versions = any(other.version != own.version for other in protocols)
        configs = {other.config for other in protocols} - {own.config}
        parts = []
        if versions or configs or any(other.suite != own.suite for other in protocols):
            parts.append(own.suite)
        if versions:
            parts.append(own.version)
        if configs:
            parts.append(_settings(own.config, configs))
        if any(other.data != own.data for other in protocols):
            parts.append(f"on {self.data_of(series)}")
        if any(other.parts != series.parts for other in others):
            parts.append(made_from(series))
        return " ".join(parts)

    def data_of(self, series: SeriesKey) -> str:
        """The data of a series."""
        data = series.protocol.data
        return "unnamed data" if data is None else self.data(data).removeprefix("dataset:")

    def versions(self, versions: Sequence[int]) -> str:
        """Some versions, a long list cut short."""
        return shortened([self.version(version) for version in versions])


@dataclass(frozen=True, slots=True)
class LabelLookup:
    """refs of versions; names: the same, marked where the version was retracted; data: records by id."""

    refs: Mapping[int, str]
    names: Mapping[int, str]
    data: Mapping[str, Brief]

    def labels(self, among: Collection[SeriesKey]) -> Labels:
        """For sentences of an answer about these series."""
        return Labels(self.names.__getitem__, lambda one: self.data[one].ref, among)


async def look_up_labels(
    registry: Registry, versions: Collection[int], series: Collection[SeriesKey], upto: int
) -> LabelLookup:
    """Look up the names of versions and of the data of series as known at a sequence, by three look-ups."""
    briefs = await registry.store.briefs(sorted(set(versions)))
    gone = await retracted_ids(registry.store, [brief.id for brief in briefs], upto)
    data = await registry.store.resolve({one.protocol.data for one in series if one.protocol.data is not None})
    return LabelLookup(
        {brief.sequence: brief.ref for brief in briefs},
        {brief.sequence: f"{brief.ref} (retracted)" if brief.id in gone else brief.ref for brief in briefs},
        data,
    )


def made_from(series: SeriesKey) -> str:
    """What a composite was made from, where another of its series was made from something else."""
    if series.metric.disparity_of is not None:
        return f"between {conjunction(series.parts)}" if series.parts else "as reported"
    return f"of {conjunction(series.parts or series.metric.worst_of)}"


def _settings(config: str, others: Collection[str]) -> str:
    """Those settings in which a suite's config differs from others, as `eps=8`."""
    if not config:
        return "without settings"
    own, rest = _parts(config), [_parts(other) for other in others]
    apart = [name for name, value in own.items() if any(name not in other or other[name] != value for other in rest)]
    missing = sorted({name for other in rest for name in other} - own.keys())
    return " ".join([*(f"{name}={own[name]}" for name in apart), *(f"without {name}" for name in missing if not apart)])


def _parts(config: str) -> dict[str, str]:
    given: Any = parse(config.encode()) if config else {}
    parts = given if isinstance(given, dict) else {"config": given}
    return {name: value if isinstance(value, str) else canonical(value).decode() for name, value in parts.items()}


def meaning_of(metric: MetricDefinition) -> str:
    """What a metric measures: the first clause of its description, without a capital; empty where it has none."""
    clause = metric.description.partition(";")[0].partition(". ")[0].rstrip(".")
    return clause[:1].lower() + clause[1:]


def number(value: float) -> str:
    """A number with four significant digits."""
    return f"{value:.4g}"


def percent(p: float) -> str:
    """A share in per cent."""
    return "less than 0.01 %" if p < 1e-4 else f"{100 * p:.2g} %"
