"""`descent gate` and `descent promote`: whether a version may serve, and promoting it."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from descent import console
from descent.commands.reporting import (
    Reported,
    ReportFormat,
    gate_report,
    print_reports,
    report_format,
    report_gate,
    unanswered_report,
)
from descent.errors import DescentError, GateBlocked
from descent.options import Output, Session, Url

Environment = Annotated[str, typer.Option("--environment", "-e", metavar="NAME", help="Where it is to serve.")]
ENDS = {"PASSED": 0, "BLOCKED": 3, "INCOMPLETE": 4}


def gate(
    context: typer.Context,
    ref: Annotated[str | None, typer.Argument(metavar="VERSION", help="model:NAME@VERSION, or an id.")] = None,
    environment: Annotated[
        str | None, typer.Option("--environment", "-e", metavar="NAME", help="Where it is to serve.")
    ] = None,
    decision: Annotated[
        str | None,
        typer.Option(
            "--replay",
            metavar="ID",
            help="Evaluate a recorded decision, or that of a promotion, again on the evidence that it was made on.",
        ),
    ] = None,
    url: Url = None,
    output: Reported = None,
) -> None:
    """Ask whether a version may serve in an environment. Nothing is recorded.

    Exits with 3 if it is blocked, with 4 if evidence is missing.
    """
    session, style = Session.of(context, url, None), report_format(context, output)
    if decision is not None:
        if ref is not None or environment is not None:
            raise typer.BadParameter("--replay needs no version and no --environment: the decision names both.")
        _replay(session, decision, style)
        return
    if ref is None or environment is None:
        raise typer.BadParameter("Name a version and an --environment, or a decision with --replay.")
    try:
        with session.client() as client:
            found = client.gate(ref, environment)
    except DescentError as error:
        print_reports(style, [unanswered_report(error, f"{ref} for {environment}", ref)])
        raise
    if style is ReportFormat.JSON:
        console.print_json(found)
    elif not print_reports(style, [gate_report(found, ref, environment, client.url)]):
        print_rules(found["rules"])
        console.print_line(f"{found['outcome']}: {ref} for {environment}, by policy {found['policyDigest'] or 'none'}")
    report_gate(found, ref, environment)
    raise typer.Exit(ENDS[found["outcome"]])


def _replay(session: Session, decision: str, style: ReportFormat) -> None:
    try:
        with session.client() as client:
            found = client.gate_decision(decision)
    except DescentError as error:
        print_reports(style, [unanswered_report(error, decision, decision)])
        raise
    again = found["replay"]
    if style is ReportFormat.JSON:
        console.print_json(found)
    elif not print_reports(style, [gate_report(again, found["version"]["ref"], found["environment"], client.url)]):
        print_rules(again["rules"])
        place = f"{found['version']['ref']} for {found['environment']}"
        console.print_line(f"{again['outcome']}: {place}, decided {found['recordedAt']} by {found['recordedBy']}")
    if not again["same"]:
        console.warn(f"The recorded decision is {found['outcome']}, and the outcomes of its rules differ.")
        raise typer.Exit(1)
    raise typer.Exit(ENDS[again["outcome"]])


def promote(
    context: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="VERSION", help="model:NAME@VERSION, or an id.")],
    environment: Environment,
    url: Url = None,
    output: Output = None,
) -> None:
    """Promote a version to an environment if it passes the gate; the decision is recorded in any case.

    Exits with 3 if it is blocked, with 4 if evidence is missing.
    """
    session = Session.of(context, url, output)
    with session.client() as client:
        try:
            done = client.promote(ref, environment)
        except GateBlocked as error:
            details = error.problems[0].extensions
            if session.json:
                console.print_json({part: details.get(part) for part in ("outcome", "rules", "decision")})
            else:
                print_rules(details.get("rules", ()))
                console.print_line(f"decision {details.get('decision')}")
            raise
    if session.json:
        console.print_json(done)
    else:
        print_rules(done["rules"])
        console.print_line(f"PASSED: {ref} is promoted to {environment}, {done['id']}")
        if "decision" in done:
            console.print_line(f"decision {done['decision']}")


def print_rules(rules: Sequence[dict[str, Any]]) -> None:
    """Print the outcome of each rule, the values that it used, and the number of records that it relies on."""
    headings = ("rule", "outcome", "message", "saw", "evidence")
    rows = [
        (rule["name"], rule["outcome"], rule["message"], rule.get("saw"), _rests_on(rule.get("evidence")))
        for rule in rules
    ]
    if any("evidence" in rule for rule in rules):
        console.print_table(headings, rows)
    elif rows:  # the extensions of an error list no evidence
        console.print_table(headings[:4], [row[:4] for row in rows])


def _rests_on(evidence: Sequence[dict[str, Any]] | None) -> str | None:
    if not evidence:
        return None
    kinds = [one["kind"] for one in evidence]
    return console.several([f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)])
