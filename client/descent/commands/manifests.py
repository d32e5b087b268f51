"""`descent check` and `descent register`: validating manifests, and registering them."""

import re
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from descent import console
from descent.client import Client
from descent.errors import DescentError, InvalidManifest
from descent.options import Output, Session, Url
from descent.progress import LARGE, bytes_progress

if TYPE_CHECKING:
    from descent.manifest import Manifest

REGISTER_TIMEOUT = 900.0
"""Seconds to wait for the answer to one manifest: also a large one is a single transaction."""

Files = Annotated[list[str], typer.Argument(metavar="FILE", help="Manifests in YAML or JSON; - reads from stdin.")]


def check(context: typer.Context, files: Files, output: Output = None) -> None:
    """Validate manifests without a registry.

    Lists all problems with their places, and the references that only the registry can resolve.
    """
    session = Session.of(context, None, output)
    outcomes = [_examine(file, new=True) for file in files]
    if session.json:
        console.print_json([_as_json(file, outcome) for file, outcome in zip(files, outcomes, strict=True)])
    for file, outcome in zip(files, outcomes, strict=True):
        if isinstance(outcome, InvalidManifest):
            _report(outcome)
        elif not session.json:
            _print_checked(file, outcome)
    if any(isinstance(outcome, InvalidManifest) for outcome in outcomes):
        raise typer.Exit(1)


def register(context: typer.Context, files: Files, url: Url = None, output: Output = None) -> None:
    """Register manifests: each file is one transaction, all of it or nothing.

    All files are checked before the first is sent. Registering the same content again adds nothing.
    """
    session = Session.of(context, url, output)
    outcomes = [_examine(file) for file in files]
    invalid = [outcome for outcome in outcomes if isinstance(outcome, InvalidManifest)]
    if invalid:
        for outcome in invalid:
            _report(outcome)
        raise typer.Exit(1)
    total: dict[str, Any] = {"created": 0, "existing": 0, "records": []}
    with session.client(REGISTER_TIMEOUT) as client:
        try:
            for manifest in outcomes:
                if not isinstance(manifest, InvalidManifest):
                    for key, value in _send(client, manifest).items():
                        total[key] += value
        finally:
            # A manifest that was registered stays registered if a later file fails.
            if total["records"] or sys.exc_info()[0] is None:
                _print_registered(total, session)


def _examine(file: str, *, new: bool = False) -> "Manifest | InvalidManifest":
    """Return the manifest in a file, or the error that lists its problems.

    With `new`, the rules that hold for new records only are checked too; `register` leaves those to the registry.
    """
    try:
        manifest = _load(file)
        if new:
            manifest.check_entry()
    except InvalidManifest as error:
        return error
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
    several = "" if len(error.problems) == 1 else "s"
    console.say(f"{error.source}: {len(error.problems)} problem{several}")


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


def _summary(manifest: "Manifest") -> str:
    return ", ".join(_counted(count, name) for name, count in manifest.counts().items()) or "empty"


def _counted(count: int, name: str) -> str:
    one = re.sub(r"ies$", "ys", name).removesuffix("s") if count == 1 else name
    return f"{count} {one.replace('_', ' ')}"


# ---------------------------------------------------------------- register


def _send(client: Client, manifest: "Manifest") -> dict[str, Any]:
    started = time.monotonic()
    console.say(f"{manifest.source}: {_summary(manifest)}")
    try:
        names = f"sending {manifest.source}", f"{manifest.source}: sent"
        with bytes_progress(*names, console.say, then="the registry is writing") as moved:
            answer = client.register(manifest.content, moved)
    except DescentError as error:
        for problem in error.problems:
            console.report(manifest.in_file(problem), manifest.source if problem.field else None)
        raise typer.Exit(console.exit_code(error)) from error
    seconds = time.monotonic() - started
    console.say(f"{manifest.source}: {answer['created']} created, {answer['existing']} existing, in {seconds:.1f} s")
    return answer


def _print_registered(total: dict[str, Any], session: Session) -> None:
    if session.json:
        console.print_json(total)
        return
    console.print_table(("kind", "ref", "id"), [(r["kind"], r["ref"], r["id"]) for r in total["records"]])
    console.print_line(f"{total['created']} created, {total['existing']} existing")
