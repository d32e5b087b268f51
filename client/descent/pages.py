"""The page of one record, which a risk officer can read from top to bottom."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from descent import console

Record = dict[str, Any]


def print_page(record: Record) -> None:
    """Print the page of a record of any kind, given the answer of the operation Entity."""
    console.print_line(record["ref"], "bold")
    console.print_line(f"{record['kind']}, recorded {record['recordedAt']} by {record['recordedBy']}", "dim")
    if record["id"] != record["ref"]:
        console.print_line(record["id"], "dim")
    if record.get("retracted"):
        console.print_line("Retracted: nothing may rely on it any more.", "red")
    _items("It relies on retracted records", [one["ref"] for one in record.get("retractedOrigins", ())])
    for part in _PARTS.get(record["__typename"], (_content,)):
        part(record)


def _content(record: Record) -> None:
    """Print the whole content of a record, with the refs of the records that it names."""
    refs = {link["node"]["id"]: link["node"]["ref"] for link in record["links"]}
    console.print_heading("Content")
    import yaml  # here, because most commands print no page

    for line in yaml.safe_dump(_by_refs(record["content"], refs), allow_unicode=True, sort_keys=False).splitlines():
        console.print_line(f"  {line}")


def _by_refs(value: Any, refs: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return refs.get(value, value)
    if isinstance(value, list):
        return [_by_refs(part, refs) for part in value]
    return {name: _by_refs(part, refs) for name, part in value.items()} if isinstance(value, dict) else value


def _review(record: Record) -> None:
    console.print_line("It counts." if record["valid"] else f"It does not count: {record['void']}")


def _evaluation(record: Record) -> None:
    contamination = record["contamination"]
    if contamination["contaminated"]:
        console.print_line(f"Contaminated: {console.derivation(contamination['via'])}", "yellow")


def _deployment(record: Record) -> None:
    console.print_line(f"Serves since {record['since']}" + (f" until {record['until']}" if record["until"] else ""))


# ---------------------------------------------------------------- a model version


def _verdict(record: Record) -> None:
    verdict = record["verdict"]
    console.print_heading("Verdict")
    console.print_line(verdict["status"], console.STYLES.get(verdict["status"], ""))
    for reason in verdict["reasons"]:
        console.print_item(f"{reason['message']} ({reason['code']})")


def print_profile(record: Record) -> None:
    """Print the intended use of a version and what it must not be used for, or that no profile is recorded."""
    profile = record["safetyProfile"]
    if profile is None:
        console.print_heading("Safety profile")
        console.print_line(
            "None recorded: the intended use of this version, and what it must not do, are not known.", "yellow"
        )
        return
    console.print_heading("Intended use")
    console.print_line(profile["intendedUse"])
    _items("Must not do", profile["mustNotDo"])
    _items("Guardrails", profile["guardrails"])
    _items("Known biases", [f"{_population(bias)}: {bias['description']}" for bias in profile["knownBiases"]])
    _items("Notes of the profile", [f"{note['author']}: {note['text']}" for note in profile["notes"]])


def _warnings(record: Record) -> None:
    _table("Flags", ("action", "reason"), record["flags"])
    _table("Vulnerabilities", ("severity", "title"), record["vulnerabilities"])
    reviews = [
        {
            **review,
            "by": _reviewer(review),
            "valid": "valid" if review["valid"] else f"void: {review.get('void') or 'it has expired'}",
            "conditions": "; ".join(review["conditions"] or ()),
        }
        for review in record["reviews"]
    ]
    _table("Reviews", ("by", "environment", "decision", "valid", "expiresAt", "reason", "conditions"), reviews)
    kin = [
        {**one["incident"], "of": one["of"]["ref"], "relation": one["relation"].lower().replace("_", " ")}
        for one in record.get("kinIncidents", ())
    ]
    _table("Open incidents of related versions", ("of", "relation", "severity", "title", "id"), kin)
    _items("Notes", [f"{_writer(note)}: {note['text']}" for note in record["notes"]])


def _reviewer(review: Record) -> str:
    claimed = review.get("claimed")
    who = str(review.get("recordedBy", ""))
    return f"{claimed['by']} ({claimed['source']}), as {who} recorded" if claimed else who


def _writer(note: Record) -> str:
    return f"{note['recordedBy']} quotes {note['author']}" if note["quotation"] else str(note["author"])


def _origin(record: Record) -> None:
    _pairs("Derived from", [(parent["relation"], parent["node"]["ref"]) for parent in record["parents"]])
    _pairs("Trained on", [(source["role"], source["node"]["ref"]) for source in record["trainedOn"]])
    interventions = [
        f"{one['kind']} for {', '.join(map(_population, one['targets'])) or 'all'}: {one['description']}"
        for one in record["interventions"]
    ]
    _items("Interventions", interventions)


def print_build(record: Record) -> None:
    """Print how a version was built: code, parameters, environment and files."""
    code, config, environment = record["code"], record["config"], record["environment"]
    path = f" {code['path']}" if code and code.get("path") else ""
    _pairs("Code", [(code["repository"], code["commit"] + path)] if code else [])
    parameters = config["parameters"] if config else {}
    if isinstance(parameters, dict):
        _pairs("Config", [(key, json.dumps(value, ensure_ascii=False)) for key, value in parameters.items()])
    else:
        _items("Config", [json.dumps(parameters, ensure_ascii=False)])
    if environment:
        machine = [(part, environment[part]) for part in ("python", "hardware") if environment.get(part)]
        _pairs("Environment", machine + [(one["name"], one["version"]) for one in environment["dependencies"]])
    _table("Artifacts", ("uri", "digest", "size"), record["artifacts"])


def _same_build(record: Record) -> None:
    _items("The same build as", [other["ref"] for other in record["sameBuild"]])


# ---------------------------------------------------------------- data


def _dataset(record: Record) -> None:
    if record["license"]:
        console.print_line(f"License: {record['license']}")
    _table("Partitions", ("ref", "rows"), record["partitions"])


def _partition(record: Record) -> None:
    rows = "" if record["rows"] is None else f", {record['rows']} rows"
    console.print_line(f"Of {record['dataset']['ref']}{rows}, digest {record['digest']}")
    console.print_heading(f"Population: documented {record['populationDocumented'].lower()}")
    console.print_table(
        ("attribute", "value", "share"),
        [(one["attribute"], one["value"], one["share"]) for one in record["population"]],
    )
    _items("The same data as", [other["ref"] for other in record["sameData"]])


# ---------------------------------------------------------------- an incident


def _incident(record: Record) -> None:
    console.print_line(record["title"])
    told = [("severity", record["severity"]), ("status", record["status"])]
    told += [("environment", record["happenedIn"]), ("endpoint", record["endpoint"])]
    told += [("opened", record["openedAt"]), ("resolved", record["resolvedAt"])]
    told += [("version", record["about"]["ref"] if record["about"] else "unmatched: no version served there")]
    told += [(part, record[part]["id"]) for part in ("profile", "deployment") if record[part]]
    told += [("cause", record["cause"]["ref"])] if record["cause"] else []
    _pairs("Incident", [(name, value) for name, value in told if value is not None])
    _items("Description", [record["description"]] if record["description"] else None)
    labels = record["labels"]
    if isinstance(labels, dict):
        _pairs("Labels", [(name, value if isinstance(value, str) else _json(value)) for name, value in labels.items()])
    elif labels is not None:
        _items("Labels", [_json(labels)])
    counts = [(one["kind"], str(one["count"])) for one in record["affected"]]
    _pairs("Descendants of the cause, or of the version if no cause is named", counts)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_PARTS: dict[str, tuple[Callable[[Record], None], ...]] = {
    "ModelVersion": (_verdict, print_profile, _warnings, _origin, print_build, _same_build),
    "Dataset": (_dataset,),
    "Partition": (_partition,),
    "Incident": (_incident,),
    "Review": (_review, _content),
    "Evaluation": (_evaluation, _content),
    "Deployment": (_deployment, _content),
}

# ---------------------------------------------------------------- what parts are made of


def _items(heading: str, items: Sequence[str] | None) -> None:
    if items:
        console.print_heading(heading)
        for item in items:
            console.print_item(item)


def _pairs(heading: str, pairs: Sequence[tuple[str, str]]) -> None:
    if pairs:
        console.print_heading(heading)
        console.print_pairs(pairs)


def _table(heading: str, columns: Sequence[str], rows: Sequence[Record] | None) -> None:
    if rows:
        console.print_heading(heading)
        console.print_table(columns, [[row[column] for column in columns] for row in rows])


def _population(term: Record) -> str:
    return f"{term['attribute']} {term['value']}" if term["value"] else str(term["attribute"])
