"""`descent note`: a remark about a record, by whoever writes it or quoted."""

from typing import Annotated

import typer

from descent import console
from descent.commands.lineage import Ref
from descent.options import Output, Session, Url


def note(
    context: typer.Context,
    ref: Ref,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be noted.")],
    quoting: Annotated[
        str | None, typer.Option("--quoting", metavar="PERSON", help="Whose words they are, if they are not yours.")
    ] = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Write a note about a record; it is recorded as yours, and shows whom it quotes."""
    session = Session.of(context, url, output)
    with session.client() as client:
        author = quoting or client.me()["person"]
        done = client.register({"notes": [{"subject": ref, "author": author, "text": text}]})
    if session.json:
        console.print_json(done)
    else:
        [recorded] = done["records"]
        console.print_line(recorded["id"])
    console.say("Noted." if done["created"] else "This note is on record already.")
