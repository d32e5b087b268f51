"""What can still be read of a manifest that is wrong in places, so that all of its problems are told at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic.alias_generators import to_camel

from descentd.graph.dataset_inputs import DatasetInput, PopulationStatementInput
from descentd.graph.errors import Invalid
from descentd.graph.evaluation_inputs import (
    EvaluationInput,
    MetricDefinitionInput,
    MetricValueInput,
    NoteInput,
    VulnerabilityInput,
)
from descentd.graph.inputs import Input
from descentd.graph.manifest import ManifestInput
from descentd.graph.version_inputs import ModelVersionInput, SafetyProfileStatementInput

_ELEMENTS: Final[Mapping[str, type[Input]]] = {
    "metrics": MetricDefinitionInput,
    "datasets": DatasetInput,
    "models": ModelVersionInput,
    "evaluations": EvaluationInput,
    "safety_profiles": SafetyProfileStatementInput,
    "populations": PopulationStatementInput,
    "vulnerabilities": VulnerabilityInput,
    "notes": NoteInput,
}
_ANY: Final = {"name": "accuracy", "value": 0}


@dataclass(frozen=True, slots=True)
class Readable:
    """`places` are where the elements of each section (in wire names) stood; `left_out` is called so by others."""

    manifest: ManifestInput
    places: Mapping[str, list[int]]
    left_out: frozenset[str]


def readable(given: object) -> Readable:
    """The elements of a manifest that are right in themselves, and of evaluations whatever is."""
    sections: dict[str, tuple[Input, ...]] = {}
    places: dict[str, list[int]] = {}
    left_out: set[str] = set()
    for section, kind in _ELEMENTS.items():
        elements = given.get(to_camel(section)) if isinstance(given, Mapping) else None
        kept: list[Input] = []
        places[to_camel(section)] = []
        for place, element in enumerate(elements if isinstance(elements, list | tuple) else ()):
            read = _read(kind, element)
            if read is None:
                left_out.update(_names(section, element))
            else:
                kept.append(read)
                places[to_camel(section)].append(place)
        sections[to_camel(section)] = tuple(kept)
    return Readable(ManifestInput.model_validate(sections), places, frozenset(left_out))


def _read(kind: type[Input], element: object) -> Input | None:
    try:
        return kind.read(element)
    except Invalid:
        if kind is not EvaluationInput or not isinstance(element, Mapping):
            return None
    whole = _read_evaluation({**element, "metrics": [_ANY]})
    given = element.get("metrics")
    metrics = (_read(MetricValueInput, metric) for metric in (given if isinstance(given, list | tuple) else ()))
    return whole and whole.model_copy(update={"metrics": tuple(metric for metric in metrics if metric is not None)})


def _read_evaluation(element: Mapping[str, Any]) -> EvaluationInput | None:
    try:
        return EvaluationInput.read(element)
    except Invalid:
        return None


def _names(section: str, element: object) -> Iterator[str]:
    """What others in the manifest may call an element that cannot be read."""
    if not isinstance(element, Mapping) or not isinstance(element.get("name"), str):
        return
    name, version = element["name"], element.get("version")
    match section:
        case "metrics":
            yield name
        case "models":
            yield f"model:{name}" if version is None else f"model:{name}@{version}"
        case "datasets":
            yield f"dataset:{name}@{version}"
            parts = element.get("partitions")
            for part in parts if isinstance(parts, list | tuple) else ():
                if isinstance(part, Mapping):
                    yield f"dataset:{name}@{version}#{part.get('name')}"
