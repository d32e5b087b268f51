"""`--format junit`, `sarif` and `markdown`: what the commands for CI report about manifests and gates."""

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from descent import console
from descent.errors import DescentError, InvalidManifest, Problem
from descent.formatting import noun
from descent.options import Session
from descent.reports import Case, Outcome, Report, junit, markdown, sarif

if TYPE_CHECKING:
    from descent.manifest import Manifest

MISSES_PROFILE = "MISSING_PROFILE"
"""The code of a problem that the client finds: a version without a safety profile."""


class ReportFormat(StrEnum):
    """How the outcome is written to stdout."""

    TABLE = "table"
    JSON = "json"
    JUNIT = "junit"
    SARIF = "sarif"
    MARKDOWN = "markdown"


Reported = Annotated[
    ReportFormat | None,
    typer.Option("--format", help="How the outcome is written; markdown is for summaries of jobs.  [default: table]"),
]

_WRITERS = {ReportFormat.JUNIT: junit, ReportFormat.SARIF: sarif, ReportFormat.MARKDOWN: markdown}


def report_format(context: typer.Context, given: ReportFormat | None) -> ReportFormat:
    """Return the format that the options after and before a command ask for."""
    outer = Session.of(context, None, None).output
    return given or ReportFormat(outer or ReportFormat.TABLE)


def print_reports(style: ReportFormat, reports: Sequence[Report]) -> bool:
    """Print reports, and return True; or print nothing and return False if the format is table or json."""
    writer = _WRITERS.get(style)
    if writer is None:
        return False
    sys.stdout.write(writer(reports) + "\n")
    return True


def manifest_report(file: str, outcome: "Manifest | InvalidManifest", summary: str) -> Report:
    """Return the report of a manifest that was checked: each problem, or that it has none."""
    if not isinstance(outcome, InvalidManifest):
        whole = Case("manifest", Outcome.PASSED, summary, name="manifest", place=file)
        return Report(file, Outcome.PASSED, f"{file}: {summary}", [whole])
    return problems_report(file, outcome.problems)


def problems_report(file: str, problems: Sequence[Problem]) -> Report:
    """Return the report of a manifest with problems that the client found or the registry reported."""
    cases = [
        Case(
            problem.code or "ERROR",
            Outcome.FAILED,
            problem.message,
            name=problem.field or "manifest",
            place=file,
            line=problem.line,
            column=problem.column,
        )
        for problem in problems
    ]
    number = len(cases)
    return Report(file, Outcome.FAILED, f"{file}: {number} {noun(number, 'problem', 'problems')}", cases)


def gate_report(found: Mapping[str, Any], ref: str, environment: str, url: str) -> Report:
    """Return the report of a gate: each rule with the values that it saw, and the page of the gate as its place."""
    page = f"{url}/gate/{quote(ref, safe=':@/')}?environment={quote(environment)}"
    cases = [
        Case(rule["name"], Outcome(rule["outcome"]), rule["message"], rule.get("saw") or None, place=page)
        for rule in found["rules"]
    ]
    subject = f"{ref} for {environment}"
    sentence = gate_sentence(found, ref, environment) or f"{ref} may serve in {environment}."
    if not cases:
        cases = [Case("gate", Outcome(found["outcome"]), sentence, place=page)]
    return Report(subject, Outcome(found["outcome"]), sentence, cases)


def unanswered_report(error: DescentError, subject: str, place: str) -> Report:
    """Return the report of a gate that gave no answer: the version is not registered, or no registry is there."""
    cases = [
        Case(problem.code or "ERROR", Outcome.FAILED, problem.message, name="gate", place=place)
        for problem in error.problems
    ]
    return Report(subject, Outcome.FAILED, error.message, cases)


def gate_sentence(found: Mapping[str, Any], ref: str, environment: str) -> str | None:
    """Return why a version may not serve, in one sentence; None if it may."""
    if found["outcome"] == "PASSED":
        return None
    against = [rule for rule in found["rules"] if rule["outcome"] in ("BLOCKED", "INCOMPLETE")]
    against.sort(key=lambda rule: rule["outcome"] != found["outcome"])
    reason = against[0]["message"] if against else "no rule says why"
    more = f" ({len(against) - 1} more: {', '.join(rule['name'] for rule in against[1:])})" if against[1:] else ""
    if found["outcome"] == "INCOMPLETE":
        return f"{ref} may not serve in {environment} yet, evidence is missing: {reason}{more}"
    return f"{ref} may not serve in {environment}: {reason}{more}"


def report_gate(found: Mapping[str, Any], ref: str, environment: str) -> None:
    """Print to stderr why a version may not serve, if it may not."""
    if sentence := gate_sentence(found, ref, environment):
        console.report(Problem(sentence, "GATE_BLOCKED"))
