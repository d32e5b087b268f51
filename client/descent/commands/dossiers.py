"""`descent export dossier` and `descent verify-dossier`: all that is recorded about a version, verifiable offline."""

from pathlib import Path
from typing import Annotated

import typer

from descent import console
from descent.commands.lineage import Ref
from descent.commands.proofs import TrustedKeys
from descent.dossier.file import Checked, check, dump, export
from descent.dossier.page import page
from descent.dossier.views import DEFAULT
from descent.errors import NotProved
from descent.notes import read_keys
from descent.options import Output, Session, Url


def export_dossier(
    context: typer.Context,
    ref: Ref,
    file: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The JSON file.")] = Path("dossier.json"),
    view: Annotated[str, typer.Option("--view", metavar="NAME", help="The view whose clauses end the page.")] = DEFAULT,
    environments: Annotated[
        list[str] | None,
        typer.Option(
            "--environment", "-e", metavar="NAME", help="Include the present decision of this gate; may be repeated."
        ),
    ] = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Write the dossier of a version: a JSON file for `verify-dossier`, and a page to read and print."""
    session = Session.of(context, url, output)
    with session.client() as client:
        dossier = export(client, ref, environments or [])
    shown = page(dossier, view)
    try:
        file.write_bytes(dump(dossier))
        file.with_suffix(".html").write_text(shown, "utf-8")
    except OSError as error:
        raise NotProved.because(f"{file} cannot be written ({error.strerror}): name another with --output.") from None
    console.print_line(str(file))
    console.print_line(str(file.with_suffix(".html")))
    if dossier["checkpoint"] is None:
        console.warn("The registry signs no checkpoints, so the root of its log is not signed: see `descentd keygen`.")


def verify_dossier(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The JSON file of a dossier.")],
    keys: TrustedKeys = None,
) -> None:
    """Verify a dossier without the registry: its records, their proofs and signature, and that it follows from them."""
    try:
        written = file.read_bytes()
    except OSError as error:
        raise NotProved.because(f"{file} cannot be read ({error.strerror}): check its path.") from None
    checked = check(written, read_keys(keys or []))
    cosigned = checked.signed.witnesses if checked.signed else ()
    console.print_pairs(
        [
            ("version", checked.ref),
            ("id", checked.id),
            ("records", f"{checked.records}, each proved in a log of {checked.tree.size} entries"),
            ("root", checked.tree.root.hex()),
            ("signed by", "not checked" if checked.signed is None else checked.signed.origin),
            *([("cosigned by", ", ".join(cosigned))] if cosigned else []),
            ("computed", _computed(checked)),
        ]
    )
    if checked.signed is None:
        console.warn("Who signed was not checked: name the registry's public key with --key.")


def _computed(checked: Checked) -> str:
    """Return what was found out about the answers that are no records."""
    if not checked.stated:
        return "erosion and gates are statements of the registry, and who signed them was not checked"
    sizes = sorted({one.tree.size for one in checked.stated})
    by = ", ".join(sorted({one.origin for one in checked.stated}))
    return (
        f"erosion and gates are statements of {by} at entry {', '.join(map(str, sizes))}, signed; no record proves them"
    )
