"""The command line of the server: `descentd`."""

import asyncio
import gc
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from descentd.app.auth.access_log_command import access_log
from descentd.app.auth.token_commands import Format, Store, tokens
from descentd.app.checkpoints.commands import checkpoint, keygen
from descentd.app.notifications.commands import deliveries
from descentd.app.server.policy_commands import policies
from descentd.graph.model.errors import DescentError, Invalid, InvalidInput, Unavailable

if TYPE_CHECKING:
    from descentd.app.checkpoints.trusted_notes import Known
    from descentd.graph.index.snapshot.check import Checked
    from descentd.graph.registration.entry_rules import BrokenRule
    from descentd.graph.verify import Report

DONE, FAILED, MISUSED = 0, 1, 2

app = typer.Typer(
    name="descentd",
    help="The registry of model versions and of what is known about their safety.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # colours of help texts would take half of the time to print one
    context_settings={"max_content_width": 120},
)


@app.command()
def serve(
    store: Store = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.  [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.  [default: 8600]")] = None,
    workers: Annotated[int | None, typer.Option(help="Number of worker processes.  [default: 1]")] = None,
    topology: Annotated[
        str | None, typer.Option(help="What walks the graph: memory or store.  [default: memory]")
    ] = None,
    policies: Annotated[
        Path | None, typer.Option(help="Folder of policies (*.yaml) to put into force.", metavar="FOLDER")
    ] = None,
    notify: Annotated[
        Path | None, typer.Option(help="File of the destinations that are notified of new records.", metavar="FILE")
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="json, console or auto.  [default: auto]")] = None,
    log_level: Annotated[str | None, typer.Option(help="DEBUG, INFO, WARNING or ERROR.  [default: INFO]")] = None,
) -> None:
    """Serve a registry; every option is also an environment variable, DESCENT_STORE and so on."""
    gc.disable()  # while imports are made, as in `worker`
    from descentd.app.server import process
    from descentd.app.server.settings import Settings

    gc.enable()

    process.serve(
        Settings.read(
            store=store,
            host=host,
            port=port,
            workers=workers,
            topology=topology,
            policies=policies,
            notify=notify,
            log_format=log_format,
            log_level=log_level,
        )
    )


@app.command()
def demo(
    store: Annotated[
        str | None, typer.Option(help="Where to register it.  [default: pythia.db in this folder]", metavar="URL")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.  [default: 8600]")] = None,
    served: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the registry after the answer.")] = True,
) -> None:
    """Register the Pythia models, print which of them learned from Books3 and the evidence for it, and serve them."""
    from descentd.app.demo import story
    from descentd.app.server import process
    from descentd.app.server.settings import Settings

    settings = Settings.read(store=store or story.STORE, port=port, log_level="WARNING")
    drawing = asyncio.run(story.tell(settings.store, _say))
    if served:
        usual = f"http://127.0.0.1:{Settings.model_fields['port'].default}"
        process.serve(settings, lambda url: _say(story.what_next(url, usual, drawing) + "\n"))


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


app.add_typer(tokens, name="token")
app.add_typer(deliveries, name="deliveries")
app.add_typer(policies, name="policies")
app.command()(access_log)
app.command()(keygen)
app.command()(checkpoint)


@app.command()
def prune(
    store: Store = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the retention that is set, and forget nothing.")
    ] = False,
) -> None:
    """Forget accesses, arrivals and deliveries that are older than the settings allow; servers do it every hour."""
    from descentd.app.server import retention

    retention.prune(store, dry_run=dry_run)


@app.command()
def verify(
    store: Store = None,
    format: Annotated[Format, typer.Option(help="How the outcome is written.")] = Format.TEXT,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoint",
            help="A signed checkpoint or note about chains that the registry must continue.",
            metavar="FILE",
        ),
    ] = None,
    keys: Annotated[
        list[str] | None,
        typer.Option("--key", help="A public key of the registry, or its file.  [default: that of the settings]"),
    ] = None,
    witnesses: Annotated[
        list[str] | None, typer.Option("--witness", help="A public key that must have cosigned it, or its file.")
    ] = None,
) -> None:
    """Recompute everything that a store contains, and say whether it is what was recorded; exits with 1 if not."""
    from descentd.app.checkpoints.trusted_notes import opened
    from descentd.app.server.settings import Settings
    from descentd.queries.prose import counted

    settings = Settings.read(store=store)
    known = opened(checkpoints or [], keys or [], witnesses or [], settings)
    report, snapshots = asyncio.run(_verify(settings.store, known))
    if format is Format.JSON:
        found = {"records": report.records, "root": report.root, "problem": report.problem}
        shown = [asdict(one) for one in snapshots]
        sys.stdout.write(json.dumps(found | ({"snapshots": shown} if shown else {})) + "\n")
    elif report.problem is None:
        sys.stdout.write(f"{report.records:,} records are what was recorded; root {report.root}\n")
    else:
        compared = f"{counted(report.records, 'record')} {'was' if report.records == 1 else 'were'}"
        sys.stdout.write(f"{report.problem} {compared} compared before that and consistent with each other.\n")
    if format is Format.TEXT:
        sys.stdout.writelines(f"{_state(one)}\n" for one in snapshots)
    sys.exit(DONE if report.problem is None and not any(one.wrong for one in snapshots) else FAILED)


def _state(snapshot: "Checked") -> str:
    """What `verify` found of a snapshot."""
    if snapshot.problem is None:
        return f"The snapshot {snapshot.file} is of record {snapshot.sequence:,} and fits the log."
    if snapshot.wrong:
        return f"The snapshot {snapshot.file} is wrong: {snapshot.problem}. Delete it and start the servers again."
    return f"The snapshot {snapshot.file} is not used: {snapshot.problem}. A server makes a new one when it needs it."


@app.command()
def audit(
    store: Store = None,
    format: Annotated[Format, typer.Option(help="How the outcome is written.")] = Format.TEXT,
) -> None:
    """List the records that break a rule that is newer than they are; exits with 1 if there are any."""
    from descentd.app.server.settings import Settings

    found = asyncio.run(_audit(Settings.read(store=store).store))
    for one in found:
        if format is Format.JSON:
            sys.stdout.write(json.dumps(asdict(one), ensure_ascii=False) + "\n")
        else:
            sys.stdout.write(f"{one.sequence} {one.ref}: {one.field}: {one.message}\n")
    if not found and format is Format.TEXT:
        sys.stdout.write("No record breaks a rule.\n")
    sys.exit(FAILED if found else DONE)


async def _audit(address: str) -> list["BrokenRule"]:
    from descentd.app.server.store_url import store_to_look_at
    from descentd.graph.registration.entry_rules import broken_rules

    store = store_to_look_at(address)
    await store.open(repair=False)
    try:
        return [one async for one in broken_rules(store, _show_progress if sys.stderr.isatty() else None)]
    finally:
        await store.close()


async def _verify(address: str, known: "Known") -> "tuple[Report, list[Checked]]":
    from descentd.app.server.store_url import snapshot_file, store_to_look_at
    from descentd.graph.index.snapshot import index_snapshots
    from descentd.graph.index.snapshot.check import check, index_difference
    from descentd.graph.verify import verify as checked
    from descentd.queries.erosion import assessment_snapshots
    from descentd.queries.erosion.assessment_check import assessment_difference

    store = store_to_look_at(address)
    await store.open(repair=False)  # what is missing is to be reported
    try:
        progress = _show_progress if sys.stderr.isatty() else None
        report = await checked(store, progress, known.roots, known.events, known.closed)
        kept = (
            ("index", index_snapshots.CONTENTS, partial(index_difference, store)),
            ("erosion", assessment_snapshots.CONTENTS, partial(assessment_difference, store)),
        )
        found = [
            await check(path, contents, store, difference)
            for name, contents, difference in kept
            if report.problem is None and (path := snapshot_file(address, name)) is not None
        ]
        return report, [one for one in found if one is not None]
    finally:
        await store.close()


@app.command()
def upgrade(
    store: Store = None,
    backup: Annotated[
        Path | None,
        typer.Option(help="File for a backup.  [default: descent-backup-TIME.json.gz]", metavar="FILE"),
    ] = None,
) -> None:
    """Upgrade a registry that an earlier version wrote, after a backup; stop its servers first."""
    from descentd.app.auth.token_key import TokenKey
    from descentd.app.auth.tokens import keyed
    from descentd.app.server.settings import Settings
    from descentd.app.server.store_url import existing_store
    from descentd.graph.store.base import SupportsUpgrade

    kept = backup or Path(f"descent-backup-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json.gz")
    if kept.exists():
        raise InvalidInput(f"There is a file {kept} already: name another one.", "backup")
    settings = Settings.read(store=store)
    opened = existing_store(settings.store)
    shown = _show_upgraded if sys.stderr.isatty() else None

    def rehash(hash: bytes) -> bytes:
        key = TokenKey(settings).create()
        return hash if key is None else keyed(hash, key)

    done = isinstance(opened, SupportsUpgrade) and asyncio.run(opened.upgrade(kept, rehash, shown))
    sys.stdout.write(f"Upgraded; what it held before is in {kept}.\n" if done else "There is nothing to upgrade.\n")


def _show_upgraded(done: int) -> None:
    sys.stderr.write(f"\r{done:,} records")


def _show_progress(done: int, all: int) -> None:
    sys.stderr.write(f"\r{done:,} of {all:,} records" + ("\n" if done == all else ""))


@app.command()
def import_log(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What `descent export ndjson --all` or GET /records wrote.")
    ],
    store: Store = None,
) -> None:
    """Import the log of another registry into an empty store, with the same ids, times and Merkle root.

    The file is checked as a whole before anything is written. No server may use the store meanwhile. Tokens and the
    access log are no part of a log.
    """
    from descentd.app.server.settings import Settings
    from descentd.app.server.store_url import scheme, store_at
    from descentd.graph.log_import import import_log as imported

    address = Settings.read(store=store).store
    if scheme(address) == "memory":
        raise InvalidInput("A registry in memory is gone with its server: name the store of one that lasts.")
    try:
        end = asyncio.run(imported(store_at(address), file, _show_progress if sys.stderr.isatty() else None))
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read ({error.strerror}): check its path.") from None
    sys.stdout.write(f"{end.sequence:,} records were imported; root {end.root.hex()}\n")


@app.command()
def schema() -> None:
    """Write the GraphQL schema, as it is committed in schema.graphql."""
    from descentd.app.graphql.schema.root import schema as whole

    sys.stdout.write(whole.as_str().rstrip() + "\n")


@app.command()
def version() -> None:
    """Print the version."""
    from importlib import metadata

    sys.stdout.write(f"descentd {metadata.version('descentd')}\n")


def main() -> None:
    """Run a command; exits with 0 if done, 1 after an error and 2 after a usage error."""
    try:
        app()
    except DescentError as error:
        found = error.problems if isinstance(error, Invalid) else (error,)
        sys.stderr.writelines(f"descentd: {_said(problem)}\n" for problem in found)
        sys.exit(MISUSED if isinstance(found[0], InvalidInput) else FAILED)


def _said(problem: DescentError) -> str:
    """A problem, with what the store said: whoever gives commands may read that, and clients may not."""
    from sqlite3 import Error

    if isinstance(problem, Unavailable) and isinstance(problem.__cause__, Error):
        return f"{problem.message} ({problem.__cause__})"
    return problem.message


if __name__ == "__main__":
    main()
