"""`descent import`: taking in what other tools wrote."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from descent import console
from descent.importers import FORMATS, importer
from descent.options import Output, Session, Url

if TYPE_CHECKING:
    from descent.importers.registration import Outcome
    from descent.importers.runner import Run

TIMEOUT = 900.0
"""Seconds to wait for the answer to one transaction."""


def import_(
    context: typer.Context,
    format: Annotated[str, typer.Argument(metavar="FORMAT", help=f"{', '.join(FORMATS)}.")],
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Files and folders.")],
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME[@VERSION]", help="The version that the files are about."),
    ] = None,
    mapping: Annotated[
        str | None, typer.Option("--mapping", metavar="FILE", help="Further names of metrics and models, in YAML.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="FILE", help="The public key or certificate of the signer, for model-signing."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would become what.")] = False,
    url: Url = None,
    output: Output = None,
) -> None:
    """Import files of other tools: print what became what, and what could not be placed.

    Each file, or each run of a tool, is one transaction. Importing again adds nothing.
    """
    session = Session.of(context, url, output)
    if format not in FORMATS:
        raise typer.BadParameter(f'"{format}" is not one of {", ".join(FORMATS)}.', param_hint="FORMAT")
    from descent.importers.mapping import context_of
    from descent.importers.runner import Run

    chosen = context_of(format, model, mapping, key)
    if dry_run:
        _print(Run(importer(format), chosen), paths, session)
        return
    with session.client(TIMEOUT) as client:
        _print(Run(importer(format), chosen, client), paths, session)


def _print(run: "Run", paths: list[str], session: Session) -> None:
    shown: list[dict[str, Any]] = []
    failed = created = existing = 0
    try:
        for outcome in run.outcomes(paths):
            failed += bool(outcome.problems)
            created += (outcome.answer or {}).get("created", 0)
            existing += (outcome.answer or {}).get("existing", 0)
            for problem in outcome.problems:
                console.report(problem, outcome.source)
            console.warn(*outcome.warnings)
            if session.json:
                shown.append(_as_json(outcome))
            else:
                _print_outcome(outcome)
    finally:
        # What was registered stays registered if the registry goes away in the middle.
        if session.json:
            console.print_json({"imports": shown, "created": created, "existing": existing, "failed": failed})
    _say_passed_over(run.sources.passed_over)
    if not session.json:
        wrong = f", {failed} failed" if failed else ""
        count = f"{created} created, {existing} existing" if run.client else "nothing was sent (dry run)"
        console.print_line(f"{count}{wrong}")
    if failed:
        raise typer.Exit(1)


def _print_outcome(outcome: "Outcome") -> None:
    draft = outcome.draft
    if draft is None:
        return
    console.print_line(outcome.source, "bold")
    if draft.placed and not outcome.problems:
        console.print_pairs([(place, f"→ {became}") for place, became in draft.placed])
    if draft.unplaced:
        console.print_line("  not placed:")
        console.print_pairs([(f"  {place}", why) for place, why in draft.unplaced])


def _as_json(outcome: "Outcome") -> dict[str, Any]:
    draft, answer = outcome.draft, outcome.answer or {}
    return {
        "source": outcome.source,
        "placed": [{"place": p, "became": b} for p, b in draft.placed] if draft and not outcome.problems else [],
        "notPlaced": [{"place": place, "reason": why} for place, why in draft.unplaced] if draft else [],
        "problems": [
            {"place": p.field, "line": p.line, "message": p.message, "code": p.code} for p in outcome.problems
        ],
        "created": answer.get("created", 0),
        "existing": answer.get("existing", 0),
        "records": answer.get("records", []),
    }


def _say_passed_over(files: list[tuple[str, str]]) -> None:
    if files:
        named = ", ".join(name for name, _ in files[:3])
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        console.say(f"Passed over, as files of another kind: {named}{more}")
