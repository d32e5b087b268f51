"""`descent note`: writing a note about a record, or quoting somebody else's."""

from typing import Annotated

import typer

from descent import console
from descent.commands.lineage import Ref
from descent.options import Output, Session, Url


def note(
    context: typer.Context,
    ref: Ref,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text of the note.")],
    quoting: Annotated[
        str | None, typer.Option("--quoting", metavar="PERSON", help="Who wrote the text, if it was not you.")
    ] = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Write a note about a record. It is recorded in your name; a text of somebody else is shown as a quotation."""
    session = Session.of(context, url, output)
    with session.client() as client:
        author = quoting or client.me()["person"]
        done = client.register({"notes": [{"subject": ref, "author": author, "text": text}]})
    if session.json:
        console.print_json(done)
    else:
        [recorded] = done["records"]
        console.print_line(recorded["id"])
    console.say("Noted." if done["created"] else "This note was recorded before.")
