"""Which definition a metric's name has: the registry's, the manifest's, or else the catalogue's."""

from collections.abc import Iterator

from descentd.graph.differences import differences
from descentd.graph.errors import InvalidInput, UnknownMetric, VersionConflict
from descentd.graph.evaluation_inputs import EvaluationInput
from descentd.graph.manifest import ManifestInput
from descentd.graph.metrics import MetricDefinition, catalogue, nearest
from descentd.graph.records import Record
from descentd.graph.relations import Kind
from descentd.graph.store.base import Reads


class Measures:
    """The metric definitions that hold for one manifest."""

    def __init__(self, defined: dict[str, Record], registered: dict[str, MetricDefinition], used: set[str]) -> None:
        self.defined = defined
        self._registered = registered
        self._used = used
        own = {name: MetricDefinition.of(record.content) for name, record in defined.items()}
        self._known = {**catalogue(), **own, **registered}

    @classmethod
    async def read(cls, manifest: ManifestInput, reads: Reads) -> "Measures":
        """Look up every metric that the manifest names."""
        defined = {
            metric.name: Record.of(Kind.METRIC_DEFINITION, metric.content()) for metric in manifest.metrics or ()
        }
        names = set(_named(manifest))
        briefs = await reads.resolve([f"metric:{name}" for name in names])
        entries = await reads.entries([brief.sequence for brief in briefs.values()])
        registered = {entry.record.content["name"]: MetricDefinition.of(entry.record.content) for entry in entries}
        used = await reads.holders([f"metric:{name}" for name in defined]) if defined else {}
        return cls(defined, registered, {key.partition(":")[2] for key in used})

    def check_definition(self, name: str) -> None:
        """Raise where a definition of the manifest cannot hold: it would change what existing results mean."""
        record = self.defined[name]
        own = MetricDefinition.of(record.content)
        for other in (*own.worst_of, *filter(None, [own.disparity_of])):
            self.find(other)
        builtin = catalogue().get(name)
        if name in self._registered or name not in self._used or builtin is None:
            return
        changed = differences(_meaning(builtin), _meaning(own))
        if changed:
            raise VersionConflict(
                f"Results of {name} rest on the catalogue's definition ({'; '.join(map(str, changed))}): define a "
                "metric with another name."
            )

    def find(self, name: str) -> MetricDefinition:
        """The definition; raises UnknownMetric with the nearest names."""
        definition = self._known.get(name)
        if definition is None:
            close = nearest(name, self._known)
            hint = f"did you mean {', '.join(close)}? Otherwise define" if close else "define"
            raise UnknownMetric(f"{ascii(name)} is neither in the catalogue nor defined: {hint} it under metrics.")
        return definition

    def check_value(self, name: str, value: float) -> None:
        """Raise where no result of the metric can have this value."""
        if self.find(name).is_rate and not 0 <= value <= 1:
            raise InvalidInput(f"{name} is a rate and lies from 0 to 1, but {value} was given: send it as a fraction.")


def _meaning(definition: MetricDefinition) -> dict[str, object]:
    return {
        "category": definition.category.value,
        "direction": definition.direction.value,
        "optimum": definition.optimum,
        "tolerance": definition.tolerance,
        "isRate": definition.is_rate,
        "worstOf": list(definition.worst_of),
        "disparityOf": definition.disparity_of,
        "disparityOver": definition.disparity_over,
    }


def _named(manifest: ManifestInput) -> Iterator[str]:
    for definition in manifest.metrics or ():
        yield from (definition.name, *(definition.worst_of or ()), *filter(None, [definition.disparity_of]))
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
