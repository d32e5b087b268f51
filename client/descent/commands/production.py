"""`descent serving`, `deploy` and `end-deployment`: what serves where, and since when."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from descent import console
from descent.options import At, Endpoint, Key, Output, Place, Reason, Session, Source, Url, claim, claim_sentence, given

Version = Annotated[str, typer.Argument(metavar="VERSION", help="model:NAME@VERSION, or an id.")]


def serving(
    context: typer.Context,
    environment: Annotated[
        str | None, typer.Option("--environment", "-e", metavar="NAME", help="Only in this one.  [default: all]")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", "-p", metavar="NAME", help="Only in this one.  [default: all]")
    ] = None,
    at: At = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """List the versions that serve, or served at a moment, each with its state as it was recorded then."""
    session = Session.of(context, url, output)
    with session.client() as client:
        found = client.serving(environment, endpoint, at=at)
        console.warn(*client.warnings)
    if session.json:
        console.print_json(found)
        return
    headings = ("environment", "endpoint", "version", "since", "policy", "profile")
    rows = [
        (
            one["environment"],
            one["endpoint"],
            one["version"]["ref"],
            one["since"],
            _policy(one),
            "current" if one["profileCurrent"] else "not current",
        )
        for one in found
    ]
    console.print_table(headings, rows)
    for one in found:
        _print_why(one)
    if not found:
        console.say("Nothing serves there." if at is None else f"Nothing served there at {at}.")


def _policy(one: dict[str, Any]) -> str:
    """Return whether the policy is met; a claimed deployment was never checked against one."""
    if one["deployment"]["claimed"]:
        return "claimed"
    return "met" if one["meetsPolicy"] else "not met"


def _print_why(one: dict[str, Any]) -> None:
    """Print who claims the deployment, why it does not meet the policy, and what flags and retractions reach it."""
    claimed = one["deployment"]["claimed"]
    said = [claim_sentence(claimed)] if claimed else []
    said += [f"{rule['name']} ({rule['outcome'].lower()}): {rule['message']}" for rule in one.get("unmet", ())]
    flags = [f"flagged {flag['action']}: {flag['reason']}" for flag in one["version"].get("flags", ())]
    said += [flag for flag in flags if not any(flag in sentence for sentence in said)]
    if retraction := one["version"].get("retraction"):
        said.append(f"retracted {_retracted(retraction)}")
    origins = one["version"].get("retractedOrigins", ())
    said += [f"it came from {lost['ref']}, retracted {_retracted(lost['retraction'])}" for lost in origins]
    if said:
        console.print_heading(f"{one['version']['ref']} at {one['endpoint']} in {one['environment']}")
        for sentence in said:
            console.print_item(sentence)


def _retracted(retraction: dict[str, Any]) -> str:
    return f"{retraction['recordedAt']} by {retraction['recordedBy']} ({retraction['reason']})"


def deploy(
    context: typer.Context,
    ref: Version,
    environment: Place,
    endpoint: Endpoint,
    artifact: Annotated[
        str | None,
        typer.Option(
            "--artifact",
            metavar="DIGEST",
            help="Digest of the deployed file; refused if the version has no such artifact.",
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="MOMENT", help="Since when it serves.  [default: now]")
    ] = None,
    claimed_by: Annotated[
        str | None,
        typer.Option(
            "--claimed-by",
            metavar="PERSON",
            help="Who claims that it served before this registry was in use: no promotion needed, no policy checked.",
        ),
    ] = None,
    source: Source = None,
    key: Key = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Record that a promoted version serves at an endpoint; this ends the deployment that was there.

    Exits with 3 if its gate blocks it or it is not promoted there, with 4 if evidence is missing.
    """
    session, claimed = Session.of(context, url, output), claim(claimed_by, source)
    asked = {
        "subject": ref,
        "environment": environment,
        "endpoint": endpoint,
        "artifactDigest": artifact,
        "since": since,
        "claimed": claimed,
        "idempotencyKey": key,
    }
    with session.client() as client:
        done = client.deploy(given(asked))
    if session.json:
        console.print_json(done)
    else:
        place = f"{done['endpoint']} in {done['environment']}"
        when = f"serves at {place} since {done['since']}"
        if datetime.fromisoformat(done["since"]) > datetime.now(UTC):
            when = f"is to serve at {place} from {done['since']} on"
        console.print_line(f"{done['version']['ref']} {when}, {done['id']}")
        if claimed is not None:
            console.print_line(f"It is {claim_sentence(claimed)}.")


def end_deployment(
    context: typer.Context,
    environment: Place,
    endpoint: Endpoint,
    reason: Reason,
    until: Annotated[
        str | None, typer.Option("--until", metavar="MOMENT", help="Until when it served.  [default: now]")
    ] = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Record that the deployment at an endpoint has ended."""
    session = Session.of(context, url, output)
    asked = {"environment": environment, "endpoint": endpoint, "reason": reason, "until": until}
    with session.client() as client:
        done = client.end_deployment(given(asked))
    if session.json:
        console.print_json(done)
    else:
        console.print_line(f"Ended at {done['endpoint']} in {done['environment']}: {done['until']}, {done['id']}")
