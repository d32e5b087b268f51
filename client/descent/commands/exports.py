"""`descent export`: what is recorded, in the formats of others."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from descent import console
from descent.log import export_log, log_of
from descent.options import Output, Session, Url

exports = typer.Typer(no_args_is_help=True, help="Write recorded information to files for others.")

File = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="The file to write.  [default: stdout]")
]


@exports.callback()
def _exports() -> None:
    """Write recorded information to files for others."""


@exports.command("ndjson")
def export_ndjson(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Export everything; the log is never exported in part.")],
    file: File = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Write the whole log, a record on each line, for `descentd import-log`.

    If the connection is lost, it goes on behind the last record; with --output also when the command is given again.
    """
    if not everything:
        raise typer.BadParameter("The log is exported whole: write --all.")
    with Session.of(context, url, output).client() as client:
        if file is None:
            for line in log_of(client):
                sys.stdout.buffer.write(line)
            return
        number = export_log(client, file)
    console.say(f"{file}: {number} records")
