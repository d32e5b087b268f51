"""`descent incidents`, `report-incident` and `resolve-incident`: what went wrong in production."""

from enum import StrEnum
from typing import Annotated

import typer

from descent import console
from descent.commands.decisions import print_affected
from descent.options import All, First, Output, Reason, Session, Url, given, limit_of


class Severity(StrEnum):
    """The severity of an incident."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


def incidents(
    context: typer.Context,
    ref: Annotated[str | None, typer.Argument(metavar="REF", help="Only incidents with this version or cause.")] = None,
    first: First = 100,
    everything: All = False,
    url: Url = None,
    output: Output = None,
) -> None:
    """List incidents, also those that could not be related to a version."""
    session = Session.of(context, url, output)
    with session.client() as client:
        found = client.incidents(ref, limit=limit_of(first, everything))
        nodes = [edge["node"] for edge in found]
    if session.json:
        console.print_json({"totalCount": found.total, "incidents": nodes})
    else:
        headings = ("opened", "severity", "status", "title", "version", "environment", "endpoint", "id")
        rows = [
            (
                node["openedAt"],
                node["severity"],
                "RETRACTED" if node.get("retracted") else node["status"],
                node["title"],
                node["version"]["ref"] if node["version"] else "unmatched",
                node["environment"],
                node["endpoint"],
                node["id"],
            )
            for node in nodes
        ]
        console.print_table(headings, rows)
    console.say_rest(len(nodes), found.total)


def report_incident(
    context: typer.Context,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What happened, in one line.")],
    severity: Annotated[Severity, typer.Option("--severity", help="The severity.")],
    environment: Annotated[
        str | None, typer.Option("--environment", "-e", metavar="NAME", help="The environment where it happened.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", "-p", metavar="NAME", help="The endpoint where it happened.")
    ] = None,
    of: Annotated[str | None, typer.Option("--of", metavar="VERSION", help="The version, if it is known.")] = None,
    cause: Annotated[
        str | None, typer.Option("--cause", metavar="REF", help="The record that caused it, for example a dataset.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="MOMENT", help="When it happened.  [default: now]")] = None,
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="A longer description.")
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME=VALUE", help="A label of the incident; may be repeated."),
    ] = None,
    external: Annotated[
        str | None,
        typer.Option("--external-id", metavar="ID", help="Your own id: sent again, it is the same incident."),
    ] = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Report an incident of a version, or of the version that served at an endpoint at that time."""
    session = Session.of(context, url, output)
    if of is None and (environment is None or endpoint is None):
        raise typer.BadParameter("Say what the incident is about: give --of, or --environment and --endpoint.")
    asked = {
        "title": title,
        "severity": severity.name,
        "environment": environment,
        "endpoint": endpoint,
        "subject": of,
        "cause": cause,
        "at": at,
        "description": description,
        "labels": dict(map(_label, labels)) if labels else None,
        "externalId": external,
    }
    with session.client() as client:
        done = client.report_incident(given(asked))
    if session.json:
        console.print_json(done)
        return
    about = f"about {done['version']['ref']}" if done["version"] else "no version served there"
    profile = f"profile {done['profile']['id']}" if done["profile"] else "no profile recorded then"
    console.print_line(f"{done['id']}: {about}{', ' + profile if done['version'] else ''}")
    print_affected(done["affected"])


def _label(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not (name and equals):
        raise typer.BadParameter(f"{given!r} has no value: write it like region=eu.", param_hint="--label")
    return name, value


def resolve_incident(
    context: typer.Context,
    incident: Annotated[str, typer.Argument(metavar="ID", help="The incident's id.")],
    reason: Reason,
    at: Annotated[str | None, typer.Option("--at", metavar="MOMENT", help="When it was over.  [default: now]")] = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Record that an incident is over."""
    session = Session.of(context, url, output)
    with session.client() as client:
        done = client.resolve_incident(given({"incident": incident, "reason": reason, "resolvedAt": at}))
    if session.json:
        console.print_json(done)
    else:
        console.print_line(f"{done['status']}: {done['id']}")
