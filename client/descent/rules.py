"""The rules for values of a manifest that their types do not express: names, references, moments, sets."""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from descent.names import Ref, fault_in_line, fault_in_name

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[-+]\d\d:\d\d)", re.ASCII)
_LABELLED = ("ModelVersionInput", "DatasetInput", "PartitionInput", "SuiteInput")
_METRICS = (
    ("MetricDefinitionInput", "name"),
    ("MetricDefinitionInput", "worstOf"),
    ("MetricDefinitionInput", "disparityOf"),
    ("MetricValueInput", "name"),
    ("ProbeInput", "metric"),
    ("ClaimInput", "metric"),
)
_REFERENCES = ("ref", "subject", "data", "generatedBy")
_SETS = ("slice", "population", "dependencies", "trainedOn", "artifacts", "tensors", "files")
# The kind of record that a reference must name, by its input and field
_LEADS_TO = {
    ("ModelVersionInput", "parents"): "model",
    ("ModelVersionInput", "trainedOn"): "dataset",
    ("DatasetInput", "derivedFrom"): "dataset",
    ("PartitionInput", "derivedFrom"): "dataset",
    ("DatasetInput", "generatedBy"): "model",
    ("PartitionInput", "generatedBy"): "model",
    ("EvaluationInput", "subject"): "model",
    ("EvaluationInput", "data"): "dataset",
    ("ProbeInput", "data"): "dataset",
    ("SafetyProfileStatementInput", "subject"): "model",
    ("PopulationStatementInput", "subject"): "dataset",
    ("DisclosureInput", "trainedOn"): "dataset",
    ("TensorDigestsInput", "subject"): "model",
    ("SignatureInput", "subject"): "model",
    ("DisclosureInput", "generatedBy"): "model",
    ("PairedInput", "subject"): "model",
}

Place = tuple[str, str]
"""An input and one of its fields, in GraphQL names: `("ModelVersionInput", "version")`."""


def fault_in_text(places: Sequence[Place], text: str, form: str | None, *, line: bool = False) -> str | None:
    """Return what is wrong with the text of a field; None if it is valid.

    `places` leads from the manifest to the field; `form` is the format in the JSON Schema; a `line` is a text of one
    line, without characters that cannot be seen.
    """
    holder, name = places[-1]
    if (holder, name) in _METRICS and "@" in text:
        return f'contains "@", which is not allowed in the name of a metric; write {text.replace("@", "_at_")}'
    if (holder in _LABELLED and name in ("name", "version")) or (holder, name) in _METRICS:
        return fault_in_name(text)
    if name in _REFERENCES:
        return _fault_in_reference(places, text)
    if form == "date-time":
        return _fault_in_moment(text)
    if text and not text.strip():
        return "has nothing but spaces; write a text, or leave the field out"
    return fault_in_line(text) if line else None


def _fault_in_reference(places: Sequence[Place], text: str) -> str | None:
    try:
        ref = Ref.parse(text)
    except ValueError as error:
        return str(error)
    expected = next((_LEADS_TO[place] for place in reversed(places) if place in _LEADS_TO), None)
    if ref is not None and expected not in (None, ref.kind):
        wanted = (
            "model:NAME@VERSION" if expected == "model" else "dataset:NAME@VERSION or dataset:NAME@VERSION#PARTITION"
        )
        return f"names a {ref.kind}, but a {expected} is expected; write {wanted}"
    return None


def _fault_in_moment(text: str) -> str | None:
    how = "write it like 2025-01-15T10:00:00Z"
    if not _MOMENT.fullmatch(text):
        return f"is not a moment with date, time and offset; {how}"
    try:
        datetime.fromisoformat(text.upper())
    except ValueError:
        return f"is not a moment of the calendar; {how}"
    return None


def duplicate_in_set(name: str, items: Sequence[Any]) -> int | None:
    """Return the position of the first item that is equal to an earlier one; None if all differ."""
    if name not in _SETS:
        return None
    seen = set[str]()
    for position, item in enumerate(items):
        text = json.dumps(item, sort_keys=True)
        if text in seen:
            return position
        seen.add(text)
    return None
