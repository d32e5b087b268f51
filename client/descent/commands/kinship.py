"""`descent scan` and `descent kin`: the tensors of files, and the versions that share some."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from descent import console
from descent.options import All, AsOf, First, Output, Session, Url, limit_of

if TYPE_CHECKING:
    from descent.tensors.digests import TensorDigest


def scan(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Files of tensors, safetensors or GGUF.", dir_okay=False)
    ],
    of: Annotated[
        str | None,
        typer.Option("--of", metavar="VERSION", help="State the digests about this version, whose artifacts they are."),
    ] = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Read the headers of files of tensors, and hash each tensor.

    With --of the digests are registered as statements about the artifacts of a version, and versions that share tensors
    with it are named. A file that is broken is named with the place and the reason; exits with 1 then.
    """
    session = Session.of(context, url, output)
    rows, failed = [], False
    for file in files:
        row = _scanned(file)
        failed = failed or row is None
        if row is not None:
            rows.append(row)
    if session.json:
        console.print_json([{**row, "tensors": [_as_json(one) for one in row["tensors"]]} for row in rows])
    else:
        console.print_table(
            ("file", "format", "tensors", "compared", "bytes", "digest"),
            [
                (row["file"], row["format"], row["count"], len(row["tensors"]), row["size"], row["digest"])
                for row in rows
            ],
        )
    if of is not None and rows:
        _state(session, of, rows)
    if failed:
        raise typer.Exit(1)


def _scanned(file: Path) -> dict[str, Any] | None:
    """Return what a file has; None, and the problem on stderr, if it is broken."""
    from descent.progress import bytes_progress  # here, because only this command hashes
    from descent.tensors import InvalidTensorFile, read_header
    from descent.tensors.digests import tensor_digests

    try:
        header = read_header(file)
        with bytes_progress(f"hashing {file}", f"{file}: hashed", console.say) as progress:
            tensors = tensor_digests(header, progress)
        with file.open("rb") as content:
            digest = f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
    except InvalidTensorFile as error:
        console.report(error.problems[0])
        return None
    count, size = len(header.tensors), sum(tensor.size or 0 for tensor in header.tensors)
    about = {"file": str(file), "digest": digest, "format": header.format, "count": count, "size": size}
    return {**about, "tensors": tensors}


def _as_json(tensor: "TensorDigest") -> dict[str, Any]:
    return {"name": tensor.name, "digest": tensor.digest, "size": tensor.size}


def _state(session: Session, of: str, rows: list[dict[str, Any]]) -> None:
    """Register the digests as statements about the artifacts of a version."""
    from descent.tensors.digests import MOST, statement

    listed = [row for row in rows if 0 < len(row["tensors"]) <= MOST]
    for row in rows:
        if row not in listed:
            console.warn(
                f"{row['file']} has {len(row['tensors']):,} tensors to compare, and is not stated: 1 to {MOST:,} are."
            )
    if not listed:
        return
    with session.client() as client:
        done = client.register({"tensorDigests": [statement(of, row["digest"], row["tensors"]) for row in listed]})
        console.warn(*client.warnings)
    console.say(f"{of}: {done['created']} created, {done['existing']} existing")


def kin(
    context: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="REF", help="A version.")],
    first: First = 100,
    everything: All = False,
    as_of: AsOf = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Show the versions that share tensors with a version, those first that are not declared to be related to it.

    UNDECLARED is neither ancestor nor descendant and shares tensors that no ancestor is known to have; all that
    INHERITED shares is of ancestors.
    """
    session = Session.of(context, url, output)
    with session.client() as client:
        found = client.kin(ref, limit=limit_of(first, everything), as_of=as_of)
        edges = list(found.versions)
    if session.json:
        about = {"tensors": found.tensors, "size": found.size, "totalCount": found.versions.total}
        console.print_json({**about, "versions": edges})
        return
    if not found.tensors:
        console.say(f"No tensors are stated of {ref}: `descent scan FILES --of {ref}` states them.")
        return
    rows = [(e["relation"], f"{e['shared']:,} of {found.tensors:,}", e["size"], e["node"]["ref"]) for e in edges]
    console.print_table(("relation", "tensors", "bytes", "version"), rows)
    console.say_if_nothing(found.versions.total)
    console.say_rest(len(edges), found.versions.total)
