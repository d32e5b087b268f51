"""The scope of metric names: the definition of the registry, of the manifest, or else of the catalogue."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from math import isfinite

from descentd.graph.inputs.evaluations import EvaluationInput, MetricDefinitionInput
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.metrics import (
    MetricDefinition,
    MetricDirection,
    MetricScale,
    catalogue,
    nearest,
    with_catalogue_range,
)
from descentd.graph.model.derived import metric_key
from descentd.graph.model.differences import differences
from descentd.graph.model.errors import Cycle, InvalidInput, UnknownMetric, VersionConflict
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Record
from descentd.graph.registration.builder import Skipped
from descentd.graph.store.base import Reads

ProblemAt = Callable[[str], AbstractContextManager[object]]
"""Notes what is raised as a problem of a field."""


async def turned_round(manifest: ManifestInput, reads: Reads) -> dict[int, str]:
    """The names of catalogue metrics that a manifest gives another direction or optimum, by place in `metrics`.

    A definition that is on record already turns nothing round.
    """
    if not manifest.metrics:
        return {}
    turned = {
        i: metric.name
        for i, metric in enumerate(manifest.metrics)
        if (builtin := catalogue().get(metric.name)) is not None
        and (builtin.direction, builtin.optimum) != (metric.direction, metric.optimum)
    }
    known = await reads.resolve([f"metric:{name}" for name in turned.values()]) if turned else {}
    return {i: name for i, name in turned.items() if f"metric:{name}" not in known}


class MetricScope:
    """The metric definitions that hold for one manifest; of one that is invalid, only that it is there."""

    def __init__(
        self,
        defined: dict[str, Record],
        registered: dict[str, MetricDefinition],
        used: set[str],
        left_out: frozenset[str],
        alike: Iterable[MetricDefinition] = (),
    ) -> None:
        """`alike` are definitions on record whose names differ from defined ones by case alone."""
        self.defined = defined
        self._left_out = left_out
        self._registered = registered
        self._used = used
        self._own: dict[str, MetricDefinition] = {}
        for name, record in defined.items():
            with suppress(InvalidInput):  # which is reported where it is checked
                self._own[name] = with_catalogue_range(MetricDefinition.of(record.content))
        self._known = {**catalogue(), **self._own, **registered}
        self._by_case: dict[str, MetricDefinition] = {}
        for one in (*alike, *registered.values(), *catalogue().values(), *self._own.values()):
            self._by_case.setdefault(one.name.casefold(), one)

    @classmethod
    async def read(cls, manifest: ManifestInput, reads: Reads, left_out: frozenset[str] = frozenset()) -> "MetricScope":
        """Look up every metric that the manifest names; `left_out` are defined in it so that nobody can tell how."""
        defined: dict[str, Record] = {}
        for metric in manifest.metrics or ():
            defined.setdefault(metric.name, Record.of(Kind.METRIC_DEFINITION, metric.content()))
        names = set(_named(manifest))
        briefs = await reads.resolve([f"metric:{name}" for name in names])
        entries = await reads.entries([brief.sequence for brief in briefs.values()])
        definitions = [with_catalogue_range(MetricDefinition.of(entry.record.content)) for entry in entries]
        registered = {definition.name: definition for definition in definitions}
        used = await reads.find_by_keys([f"metric:{name}" for name in defined]) if defined else {}
        alike = await _alike(defined, reads)
        return cls(defined, registered, {key.partition(":")[2] for key in used}, left_out, alike)

    def check_definition(self, metric: MetricDefinitionInput, field: str, problem_at: ProblemAt) -> None:
        """Note what is wrong with a definition; raise where it cannot hold, as it would change what is there."""
        self._check_whole(metric, field, problem_at)
        for part, name in _parts(metric):
            with problem_at(f"{field}.{part}"):
                self.find(name)
        with problem_at(field):
            self._check_circle(metric.name)
        record, own = self.defined[metric.name], self._own.get(metric.name)
        changed = differences(record.content, metric.content())
        if changed:
            raise VersionConflict(
                f"{metric.name} is defined twice in this manifest ({'; '.join(map(str, changed))}): keep one."
            )
        if own is not None and metric.name not in self._registered:
            self._check_case(own)
        builtin = catalogue().get(metric.name)
        if own is None or builtin is None or metric.name in self._registered or metric.name not in self._used:
            return
        changed = differences(_meaning(builtin), _meaning(own))
        if changed:
            raise VersionConflict(
                f"Results of {metric.name} rest on the catalogue's definition ({'; '.join(map(str, changed))}): only "
                "category, countsAsSafety and description may change now. Repeat the rest, or define another name."
            )

    def _check_case(self, own: MetricDefinition) -> None:
        """Names that differ by case alone are one metric: the other definition must not turn it round."""
        other = self._by_case[own.name.casefold()]
        if other.name != own.name and (other.direction, other.optimum) != (own.direction, own.optimum):
            parts = ("direction", "optimum")
            changed = differences({part: _meaning(other)[part] for part in parts}, {p: _meaning(own)[p] for p in parts})
            raise VersionConflict(
                f"{own.name} is {other.name} in another case, and would mean something else "
                f"({'; '.join(map(str, changed))}): use {other.name}, or define another name."
            )

    def _check_whole(self, metric: MetricDefinitionInput, field: str, problem_at: ProblemAt) -> None:
        targeted = metric.direction is MetricDirection.TARGET
        with problem_at(f"{field}.optimum"):
            if targeted and metric.optimum is None:
                raise InvalidInput("A metric with direction TARGET needs the value that is best: give its optimum.")
            if not targeted and metric.optimum is not None:
                raise InvalidInput(
                    f"Only a metric with direction TARGET has an optimum, and this one has {metric.direction}: leave "
                    "it out."
                )
            if metric.is_rate and metric.optimum is not None and not 0 <= metric.optimum <= 1:
                raise InvalidInput(f"A rate lies from 0 to 1, so that {metric.optimum} cannot be its optimum.")
        self._check_range(metric, field, problem_at)
        with problem_at(f"{field}.disparityOver"):
            if (metric.disparity_of is None) != (metric.disparity_over is None):
                raise InvalidInput("disparityOf and disparityOver belong together: give both or neither.")
        with problem_at(f"{field}.worstOf"):
            if metric.worst_of and metric.disparity_of is not None:
                raise InvalidInput("A metric is either worstOf others or disparityOf one: give one of them.")
            if metric.worst_of and metric.direction is MetricDirection.NONE:
                raise InvalidInput(
                    "With direction NONE no value is worse than another: give the direction of the parts."
                )

    def _check_range(self, metric: MetricDefinitionInput, field: str, problem_at: ProblemAt) -> None:
        with problem_at(f"{field}.minimum"):
            if metric.minimum is not None and metric.maximum is not None and metric.minimum >= metric.maximum:
                raise InvalidInput(
                    f"Expected minimum < maximum, got {metric.minimum:g} and {metric.maximum:g}: swap or correct them."
                )
            if metric.is_rate and ((metric.minimum or 0) < 0 or (metric.maximum or 1) > 1):
                raise InvalidInput("A rate lies from 0 to 1: leave the bounds out, or state narrower ones.")
        with problem_at(f"{field}.optimum"):
            least, most = metric.minimum, metric.maximum
            if metric.optimum is not None and (
                (least is not None and metric.optimum < least) or (most is not None and metric.optimum > most)
            ):
                raise InvalidInput(
                    f"The optimum {metric.optimum:g} is outside minimum and maximum: correct one of them."
                )
            if metric.scale is MetricScale.LOG and metric.optimum is not None and metric.optimum <= 0:
                raise InvalidInput(f"A ratio (scale LOG) is above 0: expected an optimum > 0, got {metric.optimum:g}.")

    def _check_circle(self, name: str) -> None:
        """No metric is made of itself."""
        way = {name: ""}
        waiting = [name]
        while waiting:
            whole = waiting.pop()
            definition = self._known.get(whole)
            for part in definition.parts if definition else ():
                if part == name:
                    circle = [name, whole]
                    while way[circle[-1]]:
                        circle.append(way[circle[-1]])
                    raise Cycle(f"{name} would be made of itself ({' ← '.join(circle)}): define it by others.")
                if part not in way:
                    way[part] = whole
                    waiting.append(part)

    def find(self, name: str) -> MetricDefinition:
        """The definition; raises UnknownMetric with the nearest names."""
        definition = self._known.get(name)
        if name in self._left_out or (definition is None and name in self.defined):
            raise Skipped(name)
        if definition is None:
            close = nearest(name, self._known)
            hint = f"did you mean {', '.join(close)}? Otherwise define" if close else "define"
            raise UnknownMetric(f"{name!r} is neither in the catalogue nor defined: {hint} it under metrics.")
        return definition

    def definition(self, name: str) -> MetricDefinition | None:
        """The definition; None where there is none, or one that is invalid."""
        return (
            None if name in self._left_out or name in self.defined.keys() - self._own.keys() else self._known.get(name)
        )


async def _alike(names: Collection[str], reads: Reads) -> list[MetricDefinition]:
    """The definitions on record whose names differ from these by case alone, one for each."""
    if not names:
        return []
    found = {*(await reads.any_by_keys({metric_key(name) for name in names})).values()}
    # Those of before definitions had such keys, where their names are in lower case as most are.
    found |= {
        brief.sequence for brief in (await reads.resolve({f"metric:{name.casefold()}" for name in names})).values()
    }
    entries = await reads.entries(sorted(found))
    return [MetricDefinition.of(entry.record.content) for entry in entries]


def _parts(metric: MetricDefinitionInput) -> Iterator[tuple[str, str]]:
    """The metrics that one is made of, each with the part of the definition that names it."""
    yield from ((f"worstOf[{i}]", name) for i, name in enumerate(metric.worst_of or ()))
    yield from (("disparityOf", name) for name in filter(None, [metric.disparity_of]))


def _meaning(definition: MetricDefinition) -> dict[str, object]:
    """What results rest on; not the category, and whether it counts as safety: how findings are sorted may change."""
    return {
        "direction": definition.direction.value,
        "optimum": definition.optimum,
        "tolerance": definition.tolerance,
        "isRate": definition.is_rate,
        "scale": definition.scale.value,
        "minimum": definition.range[0] if isfinite(definition.range[0]) else None,
        "maximum": definition.range[1] if isfinite(definition.range[1]) else None,
        "worstOf": list(definition.worst_of),
        "disparityOf": definition.disparity_of,
        "disparityOver": definition.disparity_over,
    }


def _named(manifest: ManifestInput) -> Iterator[str]:
    for definition in manifest.metrics or ():
        yield from (definition.name, *(part for _, part in _parts(definition)))
    for evaluation in manifest.evaluations or ():
        yield from _measured(evaluation)
    for vulnerability in manifest.vulnerabilities or ():
        if vulnerability.probe:
            yield vulnerability.probe.metric
    profiles = [model.safety_profile for model in manifest.models or ()]
    profiles += [statement.profile for statement in manifest.safety_profiles or ()]
    for profile in profiles:
        yield from (claim.metric for claim in (profile.claims if profile else None) or ())


def _measured(evaluation: EvaluationInput) -> Iterator[str]:
    return (metric.name for metric in evaluation.metrics)
