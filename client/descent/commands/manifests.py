"""`descent check` and `descent register`: validating manifests, and registering them."""

import re
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from descent import console
from descent.client import Client
from descent.commands.gates import ENDS, print_rules
from descent.commands.reporting import (
    MISSES_PROFILE,
    Reported,
    ReportFormat,
    gate_report,
    manifest_report,
    print_reports,
    problems_report,
    report_format,
    report_gate,
    unanswered_report,
)
from descent.errors import DescentError, InvalidManifest, Problem
from descent.formatting import noun
from descent.options import Session, Url
from descent.progress import LARGE, bytes_progress
from descent.reports import Case, Outcome, Report

if TYPE_CHECKING:
    from descent.manifest import Manifest

REGISTER_TIMEOUT = 900.0
"""Seconds to wait for the answer to one manifest: also a large one is a single transaction."""

_PLAIN = (ReportFormat.TABLE, ReportFormat.JSON)

Files = Annotated[list[str], typer.Argument(metavar="FILE", help="Manifests in YAML or JSON; - reads from stdin.")]
RequireProfile = Annotated[
    bool,
    typer.Option("--require-profile", help="Refuse versions without a safety profile, which no gate lets pass."),
]


def check(
    context: typer.Context,
    files: Files,
    profile: RequireProfile = False,
    metrics: Annotated[
        list[str] | None,
        typer.Option("--registered-metric", metavar="NAME", help="A metric that the registry has; may be repeated."),
    ] = None,
    output: Reported = None,
) -> None:
    """Validate manifests without a registry.

    Lists all problems with their places, and the references that only the registry can resolve. Exits with 1 if there
    are problems, with 3 if all that is wrong are versions without a safety profile.
    """
    style = report_format(context, output)
    outcomes = [_examine(file, style, profile=profile, new=True, metrics=metrics or ()) for file in files]
    checked = list(zip(files, outcomes, strict=True))
    if style is ReportFormat.JSON:
        console.print_json([_as_json(file, outcome) for file, outcome in checked])
    for file, outcome in checked:
        if isinstance(outcome, InvalidManifest):
            _report(outcome)
        elif style is ReportFormat.TABLE:
            _print_checked(file, outcome)
    print_reports(style, [_checked_report(file, outcome) for file, outcome in checked])
    _end_if_invalid(outcomes)


def register(
    context: typer.Context,
    files: Files,
    profile: RequireProfile = False,
    environment: Annotated[
        str | None,
        typer.Option(
            "--gate", metavar="ENVIRONMENT", help="Then ask the gate of this environment about each registered version."
        ),
    ] = None,
    url: Url = None,
    output: Reported = None,
) -> None:
    """Register manifests: each file is one transaction, all of it or nothing.

    All files are checked before the first is sent. Registering the same content again adds nothing. Exits with 1 if a
    manifest is refused, with 3 if the gate blocks a version or a required safety profile is missing, with 4 if
    evidence is missing.
    """
    style = report_format(context, output)
    outcomes = [_examine(file, style, profile=profile) for file in files]
    if any(isinstance(outcome, InvalidManifest) for outcome in outcomes):
        for outcome in outcomes:
            if isinstance(outcome, InvalidManifest):
                _report(outcome)
        print_reports(style, [_checked_report(file, found) for file, found in zip(files, outcomes, strict=True)])
        _end_if_invalid(outcomes)
    session = Session.of(context, url, None)
    done = _Registered(style)
    with session.client(REGISTER_TIMEOUT) as client:
        try:
            for manifest in outcomes:
                if not isinstance(manifest, InvalidManifest):
                    done.send(client, manifest)
            if environment is not None:
                done.ask_gate(client, environment)
        finally:
            # A manifest that was registered stays registered if a later file fails.
            if done.total["records"] or sys.exc_info()[0] is None or style not in _PLAIN:
                done.print()
    if done.code:
        raise typer.Exit(done.code)


def _end_if_invalid(outcomes: Sequence["Manifest | InvalidManifest"]) -> None:
    """End the command if there is a problem: with 3 if only safety profiles are missing, else with 1."""
    found = [one for outcome in outcomes if isinstance(outcome, InvalidManifest) for one in outcome.problems]
    if found:
        raise typer.Exit(3 if all(problem.code == MISSES_PROFILE for problem in found) else 1)


def _examine(
    file: str, style: ReportFormat, *, profile: bool, new: bool = False, metrics: Collection[str] = ()
) -> "Manifest | InvalidManifest":
    """Return the manifest in a file, or the error that lists its problems.

    With `new`, the rules that hold for new records only are checked too; `register` leaves those to the registry.
    """
    try:
        manifest = _load(file)
        manifest.check(new=new, profiles=profile, registered=metrics)
    except InvalidManifest as error:
        return error
    except typer.BadParameter as error:
        print_reports(style, [problems_report(file, [Problem(error.message)])])
        raise
    return manifest


def _load(file: str) -> "Manifest":
    from descent.manifest import load_manifest, parse_manifest  # here, because most commands read no manifest

    try:
        if file == "-":
            return parse_manifest(sys.stdin.buffer.read(), "stdin")
        path = Path(file)
        if (size := path.stat().st_size) >= LARGE:
            console.say(f"{file}: reading {size / 1e6:.1f} MB")
        return load_manifest(path)
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}.", param_hint="FILE") from error


def _report(error: InvalidManifest) -> None:
    for problem in error.problems:
        console.report(problem, error.source)
    number = len(error.problems)
    console.say(f"{error.source}: {number} {noun(number, 'problem', 'problems')}")


# ---------------------------------------------------------------- check


def _as_json(file: str, outcome: "Manifest | InvalidManifest") -> dict[str, Any]:
    if not isinstance(outcome, InvalidManifest):
        return {
            "file": file,
            "valid": True,
            "counts": outcome.counts(),
            "outside": list(outcome.outside),
            "problems": [],
        }
    problems = [
        {key: value for key, value in asdict(problem).items() if key != "extensions"} for problem in outcome.problems
    ]
    return {"file": file, "valid": False, "counts": {}, "outside": [], "problems": problems}


def _print_checked(file: str, manifest: "Manifest") -> None:
    console.print_line(f"{file}: valid, {_summary(manifest)}")
    if manifest.outside:
        console.print_line("  the registry must have:")
        for ref in manifest.outside:
            console.print_line(f"    {ref}")


def _checked_report(file: str, outcome: "Manifest | InvalidManifest") -> Report:
    valid = "" if isinstance(outcome, InvalidManifest) else f"valid, {_summary(outcome)}"
    return manifest_report(file, outcome, valid)


def _summary(manifest: "Manifest") -> str:
    return ", ".join(_counted(count, name) for name, count in manifest.counts().items()) or "empty"


def _counted(count: int, name: str) -> str:
    one = re.sub(r"ies$", "ys", name).removesuffix("s") if count == 1 else name
    return f"{count} {one.replace('_', ' ')}"


# ---------------------------------------------------------------- register


class _Registered:
    """What became of the manifests that were sent, and of the gates that were asked about them."""

    def __init__(self, style: ReportFormat) -> None:
        self.total: dict[str, Any] = {"created": 0, "existing": 0, "records": []}
        self.code = 0
        self._style = style
        self._reports: list[Report] = []

    def send(self, client: Client, manifest: "Manifest") -> None:
        """Register a manifest; raises typer.Exit if it is refused, after its problems were printed."""
        started = time.monotonic()
        console.say(f"{manifest.source}: {_summary(manifest)}")
        try:
            names = f"sending {manifest.source}", f"{manifest.source}: sent"
            with bytes_progress(*names, console.say, then="the registry is writing") as moved:
                answer = client.register(manifest.content, moved)
        except DescentError as error:
            problems = [manifest.in_file(problem) for problem in error.problems]
            for problem in problems:
                console.report(problem, manifest.source if problem.field else None)
            self._reports.append(problems_report(manifest.source, problems))
            raise typer.Exit(console.exit_code(error)) from error
        seconds = time.monotonic() - started
        summary = f"{answer['created']} created, {answer['existing']} existing"
        console.say(f"{manifest.source}: {summary}, in {seconds:.1f} s")
        console.warn(*client.warnings)
        for key, value in answer.items():
            self.total[key] += value
        cases = [
            Case("registered", Outcome.PASSED, f"{one['kind']} {one['id']}", name=one["ref"], place=manifest.source)
            for one in answer["records"]
        ]
        self._reports.append(Report(manifest.source, Outcome.PASSED, f"{manifest.source}: {summary}", cases))

    def ask_gate(self, client: Client, environment: str) -> None:
        """Ask the gate about each version that was registered; the exit code is that of the worst outcome."""
        self.total["gates"] = []
        refs = [one["ref"] for one in self.total["records"] if one["kind"] == "MODEL_VERSION"]
        for ref in dict.fromkeys(refs):
            try:
                found = client.gate(ref, environment)
            except DescentError as error:
                self._reports.append(unanswered_report(error, f"{ref} for {environment}", ref))
                raise
            self.total["gates"].append({"version": ref, "environment": environment, **found})
            self._reports.append(gate_report(found, ref, environment, client.url))
            report_gate(found, ref, environment)
            self.code = 3 if 3 in (self.code, ENDS[found["outcome"]]) else self.code or ENDS[found["outcome"]]

    def print(self) -> None:
        """Print what was registered, and what the gates said."""
        if print_reports(self._style, self._reports):
            return
        if self._style is ReportFormat.JSON:
            console.print_json(self.total)
            return
        records = self.total["records"]
        console.print_table(("kind", "ref", "id"), [(r["kind"], r["ref"], r["id"]) for r in records])
        console.print_line(f"{self.total['created']} created, {self.total['existing']} existing")
        for found in self.total.get("gates", ()):
            print_rules(found["rules"])
            console.print_line(f"{found['outcome']}: {found['version']} for {found['environment']}")
