"""`descent trace`: all that is needed to reproduce a decision that was made in production."""

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
    """Show what served at an endpoint, now or at a moment: version, files, parameters, code, data, and profile.

    The version is the one that deployments say served at that moment; policy and profile are those that were recorded
    at that moment. Exits with 1 if nothing served.
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
    _print_approval(found, at)
    pages.print_build(version)
    console.print_heading("Data")
    console.print_table(("role", "ref", "digest", "rows", "uri"), _data(version))
    if not version["trainedOn"]:
        console.print_line("None is recorded for the version itself.")
    if found["then"] is not None:
        pages.print_profile(found["then"])


def _print_approval(found: Found, at: str | None) -> None:
    """Print who claims the deployment and decisions, whose GO counted then or at the promotion, and who promoted."""
    console.print_heading("Approved by")
    deployment = found["deployment"]
    if deployment["claimed"]:
        console.print_item(claim_sentence(deployment["claimed"]))
    links = [link["node"] for link in deployment["links"]]
    promotions = [node for node in links if node["__typename"] == "Promotion"]
    for sentence in _claimed_decisions(found):
        console.print_item(sentence)
    decisions = list(_decisions(found, promotions))
    if not decisions and not deployment["claimed"]:
        decisions = ["nobody: no GO counts" if at is None else "nobody: no GO counted then"]
    for sentence in decisions + [f"promoted by {node['recordedBy']} ({node['recordedAt']})" for node in promotions]:
        console.print_item(sentence)


def _decisions(found: Found, promotions: Sequence[Found]) -> Iterator[str]:
    """Return the GO of each person that counted then, and each GO before the promotion that no longer counted."""
    reviews = found["then"]["reviews"] if found["then"] else ()
    for one in reviews:
        if one["environment"] != found["environment"] or one["decision"] != "GO" or one.get("claimed"):
            continue
        said = f"{one['recordedBy']}: GO, {one['reason']} ({one['recordedAt']})"
        if one["valid"]:
            yield said
        elif any(not _later(one["recordedAt"], node["recordedAt"]) for node in promotions):
            yield f"{said}; no longer valid: {one['void']}"


def _claimed_decisions(found: Found) -> Iterator[str]:
    """Return the decisions for the environment that are claimed to have been made elsewhere, whenever recorded."""
    for one in found["version"]["reviews"]:
        if one["environment"] == found["environment"] and one["claimed"]:
            claimed = one["claimed"]
            yield (
                f"{claimed['by']}: {one['decision']}, {one['reason']} (claimed, counts for no quorum: "
                f"{claimed['source']}; recorded by {one['recordedBy']}, {one['recordedAt']})"
            )


def _standing(found: Found, at: str | None) -> Iterator[str]:
    """Return sentences about what was recorded then, what was recorded later, and what was never recorded."""
    version, then = found["version"], found["then"]
    if then is None:
        yield f"The version was not registered yet: it was registered at {version['recordedAt']}."
    elif then["safetyProfile"] is None and version["safetyProfile"] is not None:
        yield f"No safety profile was recorded yet: the present one is of {version['safetyProfile']['recordedAt']}."
    if at is not None and _later(found["deployment"]["recordedAt"], at):
        yield f"The deployment was not recorded yet: it was recorded at {found['deployment']['recordedAt']}."
    missing = [part for part in ("artifacts", "config", "environment", "code") if not version[part]]
    if missing:
        yield f"Never recorded: {', '.join(missing)}."
    met = _said(at, "passes", "passed") if found["meetsPolicy"] else _said(at, "does not pass", "did not pass")
    if not found["deployment"]["claimed"]:
        yield f"It {met} the gate of {found['environment']}, by what {_said(at, 'is', 'was')} recorded."
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
    """Return a row for each partition that the version learned from; a whole dataset gives all its partitions."""
    for source in version["trainedOn"]:
        node = source["node"]
        if "digest" in node:
            yield source["role"], node["ref"], node["digest"], node["rows"], node["uri"]
            continue
        if not node["partitions"]:
            yield source["role"], node["ref"], "none recorded", None, node["uri"]
        for part in node["partitions"]:
            yield source["role"], part["ref"], part["digest"], part["rows"], part["uri"]
