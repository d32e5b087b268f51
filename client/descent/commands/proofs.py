"""`descent prove`: proving that a record is in the log; the client checks the proof itself."""

from pathlib import Path
from typing import Annotated

import typer

from descent import console
from descent.commands.lineage import Ref
from descent.errors import NotProved
from descent.notes import Checkpoint, open_checkpoint, read_keys
from descent.options import Output, Session, Url
from descent.proofs import check_proof, digest

CheckpointFile = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint", metavar="FILE", help="Prove that it is in the log of this signed checkpoint; needs --key."
    ),
]
TrustedKeys = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="KEY", help="A public key that is trusted, or a file with keys; may be repeated."),
]


def prove(
    context: typer.Context,
    ref: Ref,
    size: Annotated[
        int | None,
        typer.Option("--size", min=1, help="Prove that it is among the first so many entries.  [default: all]"),
    ] = None,
    checkpoint: CheckpointFile = None,
    keys: TrustedKeys = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Prove that a record is in the log, and that this log is the beginning of the present one.

    This program checks the proof itself, from the content of the record to the root; with --checkpoint also the
    signature of the root.
    """
    session = Session.of(context, url, output)
    signed = None if checkpoint is None else read_checkpoint(checkpoint, keys or [])
    with session.client() as client:
        proof = client.proof(ref, size=size if signed is None else signed.tree.size)
    entry = check_proof(proof)
    if signed is not None and digest(proof["root"]) != signed.tree.root:
        raise NotProved.because(
            f"The registry's log of {signed.tree.size} entries has another root than the checkpoint: it was rewritten."
        )
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
            *([] if signed is None else [("signed by", ", ".join((signed.origin, *signed.witnesses)))]),
        ]
    )
    console.say(
        "Checked: the content gives the id, the entry is in the log, and that log is the beginning of the present one."
    )


def read_checkpoint(file: Path, keys: list[str]) -> Checkpoint:
    """Return the checkpoint in a file; raises NotProved unless one of the keys signed it."""
    if not keys:
        raise NotProved.because("A checkpoint proves nothing without a trusted key: name one with --key.")
    try:
        return open_checkpoint(file.read_text("utf-8"), read_keys(keys))
    except (OSError, UnicodeDecodeError):
        raise NotProved.because(f"{file} cannot be read: check its path.") from None
