"""`descent prove`: that a record is in the log, checked here."""

from typing import Annotated

import typer

from descent import console
from descent.commands.lineage import Ref
from descent.options import Output, Session, Url
from descent.proofs import check_proof


def prove(
    context: typer.Context,
    ref: Ref,
    size: Annotated[
        int | None, typer.Option("--size", min=1, help="Prove it in the log of so many entries.  [default: all]")
    ] = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Prove that a record is in the log, and that this log is the beginning of the present one.

    The proof is checked here, from the record's content up to the root.
    """
    session = Session.of(context, url, output)
    with session.client() as client:
        proof = client.proof(ref, size=size)
    entry = check_proof(proof)
    if session.json:
        console.print_json(proof)
        return
    record = proof["record"]
    console.print_pairs(
        [
            ("record", record["ref"]),
            ("id", record["id"]),
            ("recorded", f"{record['recordedAt']} by {entry.recorded_by}"),
            ("entry", f"{entry.sequence} of {proof['size']}"),
            ("root", proof["root"]),
            ("now", f"{proof['presentSize']} entries, root {proof['presentRoot']}"),
        ]
    )
    console.say("Checked: the content gives the id, the entry is in the log, and that log begins the present one.")
