"""`descent`, the command line: collects the commands and turns errors into exit codes.

Data goes to stdout, progress and errors to stderr. Exit codes: 0 done, 1 error, 2 usage, 3 gate blocked, 4 evidence
missing.
"""

import sys
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from descent import console
from descent.commands import (
    catalogue,
    decisions,
    diff,
    dossiers,
    drift,
    erosion,
    evaluations,
    exports,
    exposure,
    gates,
    imports,
    incidents,
    kinship,
    lineage,
    manifests,
    mcp,
    models,
    notes,
    pair,
    policies,
    probes,
    production,
    proofs,
    push,
    receive,
    records,
    trace,
    trend,
)
from descent.errors import DescentError, NotImported
from descent.options import Output, Session, Url


class _Group(TyperGroup):
    """Ends a command that raises a DescentError with its message on stderr and its exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            outcome = super().invoke(ctx)
            # Without this, the interpreter would print an error at its exit when the pipe is closed (`| head`).
            sys.stdout.flush()
        except DescentError as error:
            for problem in error.problems:
                console.report(problem, error.source if isinstance(error, NotImported) else None)
            raise typer.Exit(console.exit_code(error)) from error
        return outcome


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # colours of help texts would take half of the time to print one
    context_settings={"max_content_width": 120},
)

app.command()(manifests.register)
app.command()(manifests.check)
app.command()(catalogue.metrics)
app.command()(catalogue.schema)
app.command("import")(imports.import_)
app.command()(push.push)
app.command()(receive.receive)
app.command()(records.search)
app.command()(records.show)
app.command()(models.models)
app.command()(notes.note)
app.command()(mcp.mcp)
app.command()(lineage.lineage)
app.command()(lineage.impact)
app.command()(kinship.kin)
app.command()(kinship.scan)
app.command("trained-on")(exposure.trained_on)
app.command()(lineage.paths)
app.command()(evaluations.evaluations)
app.command()(trend.trend)
app.command()(erosion.erosion)
app.command()(erosion.erosions)
app.command()(diff.diff)
app.command()(pair.pair)
app.command()(gates.gate)
app.command()(gates.promote)
app.command()(policies.policies)
app.add_typer(policies.policy, name="policy")
app.command()(probes.probes)
app.command()(drift.drift)
app.command()(decisions.review)
app.command()(decisions.flag)
app.command()(decisions.retract)
app.command()(production.deploy)
app.command("end-deployment")(production.end_deployment)
app.command()(production.serving)
app.command()(trace.trace)
app.command()(proofs.prove)
exports.exports.command("dossier")(dossiers.export_dossier)
app.add_typer(exports.exports, name="export")
app.command("verify-dossier")(dossiers.verify_dossier)
app.command()(incidents.incidents)
app.command("report-incident")(incidents.report_incident)
app.command("resolve-incident")(incidents.resolve_incident)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        console.print_line(f"descent {metadata.version('descent-client')}")
        raise typer.Exit


@app.callback()
def descent(
    context: typer.Context,
    url: Url = None,
    output: Output = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Ask a registry of model lineages, and register records in it.

    --url or DESCENT_URL is the address of the registry, DESCENT_TOKEN the token that is sent.
    """
    context.obj = Session(url, output)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # A command must not fail because the encoding of the terminal has no arrows.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()


if __name__ == "__main__":
    main()
