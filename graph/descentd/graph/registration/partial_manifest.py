"""The valid elements of an invalid manifest: they are checked too, so that all problems are reported at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from descentd.graph.inputs.base import Input, as_set
from descentd.graph.inputs.datasets import DatasetInput, PopulationStatementInput
from descentd.graph.inputs.evaluations import (
    EvaluationInput,
    MetricDefinitionInput,
    MetricValueInput,
    NoteInput,
    VulnerabilityInput,
)
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.inputs.versions import (
    DisclosureInput,
    ModelVersionInput,
    SafetyProfileStatementInput,
    SignatureInput,
    TensorDigestsInput,
)
from descentd.graph.model.errors import Invalid

_SECTIONS: Final[Mapping[str, type[Input]]] = {
    "metrics": MetricDefinitionInput,
    "datasets": DatasetInput,
    "models": ModelVersionInput,
    "evaluations": EvaluationInput,
    "safetyProfiles": SafetyProfileStatementInput,
    "populations": PopulationStatementInput,
    "vulnerabilities": VulnerabilityInput,
    "notes": NoteInput,
    "disclosures": DisclosureInput,
    "tensorDigests": TensorDigestsInput,
    "signatures": SignatureInput,
}
"""What each section of a manifest holds, by its wire name."""

_ANY: Final = {"name": "accuracy", "value": 0}

Element = TypeVar("Element", bound=Input)


@dataclass(frozen=True, slots=True)
class PartialManifest:
    """The valid elements of a manifest.

    `places` are their positions in each section (in wire names), `left_out` the names of the elements that are invalid.
    """

    manifest: ManifestInput
    places: Mapping[str, list[int]]
    left_out: frozenset[str]


def partial_manifest(given: object) -> PartialManifest:
    """The elements of a manifest that are valid by themselves, and of an invalid evaluation its valid results."""
    sections: dict[str, tuple[Input, ...]] = {}
    places: dict[str, list[int]] = {}
    left_out: set[str] = set()
    for section, kind in _SECTIONS.items():
        elements = _listed(given.get(section) if isinstance(given, Mapping) else None)
        read = [_evaluation(one) if kind is EvaluationInput else _whole(kind, one) for one in elements]
        sections[section] = tuple(one for one in read if one is not None)
        places[section] = [place for place, one in enumerate(read) if one is not None]
        left_out.update(*(_names(section, one) for one, right in zip(elements, read, strict=True) if right is None))
    return PartialManifest(ManifestInput.model_validate(sections), places, frozenset(left_out))


def _listed(given: object) -> Sequence[Any]:
    return given if isinstance(given, list | tuple) else ()


def _whole(kind: type[Element], element: object) -> Element | None:
    try:
        return kind.read(element)
    except Invalid:
        return None


def _evaluation(element: object) -> EvaluationInput | None:
    """An evaluation with those of its results that are right."""
    read = _whole(EvaluationInput, element)
    if read is not None or not isinstance(element, Mapping):
        return read
    rest = _whole(EvaluationInput, {**element, "metrics": [_ANY]})
    results = [_whole(MetricValueInput, one) for one in _listed(element.get("metrics"))]
    right = [place for place, one in enumerate(results) if one is not None]
    return rest and rest.model_copy(update={"metrics": as_set(results, right)})


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
            for part in _listed(element.get("partitions")):
                if isinstance(part, Mapping):
                    yield f"dataset:{name}@{version}#{part.get('name')}"
