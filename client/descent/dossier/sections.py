"""The sections of a dossier, computed from the records in it and from nothing else.

Whoever verifies a dossier computes them again from the proven records, so a section cannot say what no record says.
What was never recorded is named as missing; nothing is assumed in its place.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from descent.proofs import LogEntry

Json = dict[str, Any]

_NORMAL = 1.959963984540054
"""The 0.975 quantile of the normal distribution: intervals of 95 %."""


class Records:
    """The records of a dossier by their ids, in the order of the log."""

    def __init__(self, records: Sequence[Mapping[str, Any]]) -> None:
        self._content = {each["record"]["id"]: json.loads(each["body"]) for each in records}
        self._kinds = {each["record"]["id"]: each["record"]["kind"] for each in records}
        self._refs = {each["record"]["id"]: each["record"]["ref"] for each in records}
        self._entries = {each["record"]["id"]: LogEntry.parse(each["entry"]) for each in records}

    def __contains__(self, id: str) -> bool:
        return id in self._content

    def content(self, id: str) -> Json:
        """Return the content of a record."""
        content: Json = self._content[id]
        return content

    def ref(self, id: str) -> str:
        """Return the label that a record's content gives it, else its id."""
        return label(self._kinds[id], self._content[id]) or id if id in self else id

    def about(self, subject: str, kind: str) -> list[str]:
        """Return the statements of a kind about a record, in the order of the log."""
        return [id for id in self.all(kind) if _is_about(self._content[id], subject)]

    def all(self, kind: str) -> list[str]:
        """Return the records of a kind, in the order of the log."""
        return [id for id, each in self._kinds.items() if each == kind]

    def kind(self, id: str) -> str:
        """Return a record's kind."""
        return str(self._kinds[id])

    def statement(self, id: str) -> Json:
        """Return a statement as sections show it: who recorded it, when, whether it is retracted, and its content."""
        entry = self._entries[id]
        return {
            "id": id,
            "recordedBy": entry.recorded_by,
            "recordedAt": entry.recorded_at,
            "retracted": self.retracted(id),
            "content": self._content[id],
        }

    def retracted(self, id: str) -> bool:
        """Return whether the dossier contains a retraction of the record that was not retracted itself."""
        return any(
            not self.retracted(each) for each in self.about(id, "RETRACTION") if "part" not in self._content[each]
        )


def label(kind: str, content: Json) -> str | None:
    """Return the label that a record with this content has."""
    if kind == "MODEL_VERSION":
        return f"model:{content['name']}@{content['version']}"
    if kind == "DATASET":
        return f"dataset:{content['name']}@{content['version']}"
    return f"{content['dataset']}#{content['name']}" if kind == "PARTITION" else None


def sections(records: Records, subject: str) -> Json:
    """Return the sections of a version's dossier by their names."""
    evaluations = records.about(subject, "EVALUATION")
    profiles = records.about(subject, "SAFETY_PROFILE")
    policies = records.all("POLICY")
    found: Json = {
        "version": {"ref": records.ref(subject), **records.statement(subject)},
        "ancestry": [_ancestor(records, id) for id in records.all("MODEL_VERSION") if id != subject],
        "data": [_data(records, id) for kind in ("DATASET", "PARTITION") for id in records.all(kind)],
        "evaluations": [result for id in evaluations for result in _results(records, id)],
        "subgroupGaps": [
            gap for id in evaluations if not records.retracted(id) for gap in _gaps(records.content(id), id)
        ],
        "profile": records.statement(profiles[-1]) if profiles else None,
        "policies": [records.statement(id) for id in policies],
    }
    for name, kind in _STATEMENTS.items():
        found[name] = [records.statement(id) for id in records.about(subject, kind)]
    found["notKnown"] = list(_gaps_in_knowledge(records, subject, found))
    return found


_STATEMENTS = {
    "reviews": "REVIEW",
    "decisions": "GATE_DECISION",
    "promotions": "PROMOTION",
    "deployments": "DEPLOYMENT",
    "incidents": "INCIDENT",
    "weaknesses": "VULNERABILITY",
    "flags": "FLAG",
    "disclosures": "DISCLOSURE",
    "notes": "NOTE",
}


def _is_about(content: Json, subject: str) -> bool:
    return subject in (content.get("subject"), content.get("about")) or subject in content.get("subjects", ())


def _ancestor(records: Records, id: str) -> Json:
    content = records.content(id)
    return {
        "ref": records.ref(id),
        "id": id,
        "retracted": records.retracted(id),
        "digests": [artifact["digest"] for artifact in content.get("artifacts", ())],
        "parents": [
            {"ref": records.ref(each["node"]), "relation": each["relation"]} for each in content.get("parents", ())
        ],
        "trainedOn": [
            {"ref": records.ref(each["node"]), "role": each["role"]} for each in content.get("trainedOn", ())
        ],
    }


def _data(records: Records, id: str) -> Json:
    content = records.content(id)
    stated = records.about(id, "POPULATION")
    population = records.content(stated[-1]) if stated else {}
    listed = population.get("population", [])
    return {
        "ref": records.ref(id),
        "id": id,
        "kind": records.kind(id),
        "retracted": records.retracted(id),
        "digest": content.get("digest"),
        "populationDocumented": population.get("populationDocumented") or ("PARTIAL" if listed else None),
        "population": listed,
        "statement": stated[-1] if stated else None,
    }


def _results(records: Records, id: str) -> Iterator[Json]:
    content = records.content(id)
    for metric in content["metrics"]:
        yield {
            "evaluation": id,
            "retracted": records.retracted(id),
            "suite": content["suite"],
            "data": records.ref(content["data"]) if "data" in content else None,
            "metric": metric["name"],
            "slice": metric.get("slice", []),
            "value": metric["value"],
            "n": metric.get("n"),
            "stderr": metric.get("stderr"),
            "interval": _interval(metric),
        }


def _interval(metric: Json) -> list[float] | None:
    """Return the 95 % interval by the normal distribution; None if no standard error was recorded."""
    error = metric.get("stderr")
    return None if not error else [metric["value"] - _NORMAL * error, metric["value"] + _NORMAL * error]


def _gaps(content: Json, id: str) -> Iterator[Json]:
    """Return the largest difference between groups in each evaluation whose slices have a single attribute."""
    groups: defaultdict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for metric in content["metrics"]:
        terms = metric.get("slice", [])
        if len(terms) == 1:
            groups[metric["name"], terms[0]["attribute"]].append((metric["value"], terms[0]["value"]))
    for (name, attribute), values in groups.items():
        if len(values) > 1:
            (low, lowest), (high, highest) = min(values), max(values)
            gap = {"attribute": attribute, "lowest": lowest, "highest": highest, "low": low, "high": high}
            yield {"evaluation": id, "metric": name, **gap, "gap": high - low}


def _gaps_in_knowledge(records: Records, subject: str, found: Json) -> Iterator[str]:
    """Return a sentence for each thing that was never recorded."""
    version = records.content(subject)
    for part, words in (("trainedOn", "training data"), ("artifacts", "model file"), ("code", "code")):
        if not version.get(part):
            yield f"No {words} of the version is recorded."
    if found["profile"] is None:
        yield "No safety profile is recorded: intended use and what the version must not do are not known."
    for section, words in (("evaluations", "evaluation"), ("reviews", "review"), ("decisions", "decision of a gate")):
        if not found[section]:
            yield f"No {words} of the version is recorded."
    yield from (f"No training data of the ancestor {one['ref']} is recorded." for one in _untrained(found))
    yield from _undocumented(found)
    without = sum(result["interval"] is None for result in found["evaluations"])
    if without:
        of = len(found["evaluations"])
        yield f"{without} of {of} results have no recorded standard error above 0, so there is no interval for them."
    if not found["subgroupGaps"]:
        yield "No recorded evaluation compares groups by one attribute."


def _untrained(found: Json) -> list[Json]:
    return [one for one in found["ancestry"] if not one["trainedOn"]]


def _undocumented(found: Json) -> Iterator[str]:
    for one in found["data"]:
        if one["kind"] == "PARTITION" and one["populationDocumented"] != "COMPLETE":
            known = {"PARTIAL": "documented in part", "NONE": "declared as not documented"}
            yield f"The population of {one['ref']} is {known.get(one['populationDocumented'], 'not documented')}."
