"""`descent trace`: all that it takes to make a decision again that was made in production."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import typer

from descent import console, pages
from descent.options import At, Endpoint, Output, Place, Session, Url, claim_sentence

Found = dict[str, Any]


def trace(
    context: typer.Context,
    environment: Place,
    endpoint: Endpoint,
    at: At = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Show what decided at an endpoint, now or at a moment: version, files, parameters, code, data, profile as of then.

    What served goes by what deployments claim; policy and profile go by what was on record at that moment. Exits with 1
    where nothing served.
    """
    session = Session.of(context, url, output)
    with session.client() as client:
        found = client.trace(environment, endpoint, at=at)
    if session.json:
        console.print_json(found)
    else:
        _print(found, at)


def _print(found: Found, at: str | None) -> None:
    version, deployment = found["version"], found["deployment"]
    until = f" until {deployment['until']}" if deployment["until"] else ""
    verb = "serves" if at is None else "served"
    place = f"{found['endpoint']} in {found['environment']}"
    console.print_line(f"{version['ref']} {verb} at {place}, since {found['since']}{until}", "bold")
    console.print_pairs(
        [
            ("version", version["id"]),
            ("registered", f"{version['recordedAt']} by {version['recordedBy']}"),
            ("deployment", deployment["id"]),
            ("recorded", f"{deployment['recordedAt']} by {deployment['recordedBy']}"),
        ]
    )
    console.print_heading("Then" if at else "Now")
    for sentence in _standing(found, at):
        console.print_item(sentence)
    _print_approval(found)
    pages.print_build(version)
    console.print_heading("Data")
    console.print_table(("role", "ref", "digest", "rows", "uri"), _data(version))
    if not version["trainedOn"]:
        console.print_line("None is on record for the version itself.")
    if found["then"] is not None:
        pages.print_profile(found["then"])


def _print_approval(found: Found) -> None:
    """Write who let it serve: who claims it, or whose GO counted then or when it was promoted, and who promoted it."""
    console.print_heading("Approved by")
    deployment = found["deployment"]
    if deployment["claimed"]:
        console.print_item(claim_sentence(deployment["claimed"]))
    links = [link["node"] for link in deployment["links"]]
    promotions = [node for node in links if node["__typename"] == "Promotion"]
    decisions = list(_decisions(found, promotions))
    if not decisions and not deployment["claimed"]:
        decisions = ["nobody, as far as reviews are on record" + (" then" if found["then"] else "")]
    for sentence in decisions + [f"promoted by {node['recordedBy']} ({node['recordedAt']})" for node in promotions]:
        console.print_item(sentence)


def _decisions(found: Found, promotions: Sequence[Found]) -> Iterator[str]:
    """The GO of each person that counted then, and those from before the promotion that did not count any more."""
    reviews = found["then"]["reviews"] if found["then"] else ()
    for one in reviews:
        if one["environment"] != found["environment"] or one["decision"] != "GO" or one.get("claimed"):
            continue
        said = f"{one['recordedBy']}: GO, {one['reason']} ({one['recordedAt']})"
        if one["valid"]:
            yield said
        elif any(not _later(one["recordedAt"], node["recordedAt"]) for node in promotions):
            yield f"{said}; it no longer holds: {one['void']}"


def _standing(found: Found, at: str | None) -> Iterator[str]:
    """How the version stood by what was on record, and what was not on record then, or is not now."""
    version, then = found["version"], found["then"]
    if then is None:
        yield f"The version was not on record yet: it was registered at {version['recordedAt']}."
    elif then["safetyProfile"] is None and version["safetyProfile"] is not None:
        yield f"No safety profile was on record yet: the present one is of {version['safetyProfile']['recordedAt']}."
    if at is not None and _later(found["deployment"]["recordedAt"], at):
        yield f"That it served was not on record yet: it was recorded at {found['deployment']['recordedAt']}."
    missing = [part for part in ("artifacts", "config", "environment", "code") if not version[part]]
    if missing:
        yield f"Never recorded of it: {', '.join(missing)}."
    met = "PASSED" if found["meetsPolicy"] else "that it may not serve there"
    if not found["deployment"]["claimed"]:
        yield f"By what {_said(at, 'is', 'was')} on record, the gate of {found['environment']} says {met}."
    if then is None:
        return
    if not found["profileCurrent"] and then["safetyProfile"] is not None:
        yield f"Its safety profile {_said(at, 'is', 'was')} revised after the promotion: read it again."
    reasons = "; ".join(reason["message"].rstrip(".") for reason in then["verdict"]["reasons"])
    yield f"{then['verdict']['status']}: {reasons}."


def _said(at: str | None, now: str, then: str) -> str:
    return now if at is None else then


def _later(recorded: str, moment: str) -> bool:
    return datetime.fromisoformat(recorded) > datetime.fromisoformat(moment)


def _data(version: Found) -> Iterator[tuple[object, ...]]:
    """A row for each partition that it learned from; a whole dataset is all its partitions."""
    for source in version["trainedOn"]:
        node = source["node"]
        if "digest" in node:
            yield source["role"], node["ref"], node["digest"], node["rows"], node["uri"]
            continue
        if not node["partitions"]:
            yield source["role"], node["ref"], "none on record", None, node["uri"]
        for part in node["partitions"]:
            yield source["role"], part["ref"], part["digest"], part["rows"], part["uri"]
