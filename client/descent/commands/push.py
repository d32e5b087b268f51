"""`descent push`: the manifests that a run could not send, because the registry did not answer."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from descent import console
from descent.options import Output, Session, Url

if TYPE_CHECKING:
    from descent.client import Client
    from descent.training.pending import Pending, PendingFolder


def push(
    context: typer.Context,
    show: Annotated[bool, typer.Option("--list", help="Only list what is kept; send nothing.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also send what was meant for a registry at another address.")
    ] = False,
    url: Url = None,
    output: Output = None,
) -> None:
    """Send the manifests that runs kept while the registry did not answer.

    What is registered is removed from the folder of kept manifests; what the registry refuses stays there, with the
    reason. Sending twice adds nothing. Exits with 1 if something could not be sent.
    """
    from descent.training.pending import PendingFolder, state_folder  # here, because only this command needs them

    session = Session.of(context, url, output)
    folder = PendingFolder(state_folder(os.environ))
    rows, failed = _listed(folder)
    if not show:
        from descent.compatibility import mismatch
        from descent.training.submit import TIMEOUT, VERSION_TIMEOUT

        with session.client(TIMEOUT) as client:
            if rows and (warning := mismatch(client, VERSION_TIMEOUT)):
                console.warn(warning)
            for row in rows:
                _send(client, folder, row, everything=everything)
        failed = failed or any(row["status"] in ("refused", "not sent") for row in rows)
    _print(rows, session)
    if failed:
        raise typer.Exit(1)


def _listed(folder: "PendingFolder") -> tuple[list[dict[str, Any]], bool]:
    """Return a row for each kept manifest, and whether a file could not be read."""
    from descent.errors import DescentError

    rows, failed = [], False
    for path in folder.files():
        try:
            kept = folder.read(path)
        except DescentError as error:
            console.report(error.problems[0])
            failed = True
            continue
        if kept is not None:
            rows.append(_row(kept))
    return rows, failed


def _row(kept: "Pending") -> dict[str, Any]:
    names = [str(model.get("name")) for model in kept.manifest.get("models", ())]
    return {
        "kept": kept,
        "model": ", ".join(names),
        "status": "refused" if kept.refused else "kept",
        "ref": None,
        "reason": kept.refused or kept.reason,
    }


def _send(client: "Client", folder: "PendingFolder", row: dict[str, Any], *, everything: bool) -> None:
    """Send one manifest, and note in its row what came of it."""
    from descent.training.submit import AWAY, registered_version, resubmit, sentence

    kept: Pending = row["kept"]
    if kept.url != client.place and not everything:
        row |= {"status": "other address", "reason": f"It is for {kept.url}: send it with --url or --all."}
        return
    outcome = resubmit(client, kept, folder)
    console.warn(*outcome.warnings)
    if outcome.answer is not None:
        version = registered_version(outcome.answer)
        row |= {"status": "registered", "ref": version["ref"] if version else None, "reason": None}
    elif outcome.error is not None:
        status = "not sent" if isinstance(outcome.error, AWAY) else "refused"
        row |= {"status": status, "reason": sentence(outcome.error)}


def _print(rows: list[dict[str, Any]], session: Session) -> None:
    if session.json:
        shown = [{**{k: v for k, v in row.items() if k != "kept"}, "file": str(row["kept"].path)} for row in rows]
        console.print_json(shown)
    elif rows:
        console.print_table(
            ("model", "status", "version", "kept at", "reason", "file"),
            [
                (row["model"], row["status"], row["ref"], row["kept"].kept_at, row["reason"], row["kept"].path)
                for row in rows
            ],
        )
    else:
        console.say("No manifest is kept.")
