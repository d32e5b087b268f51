"""`descent receive`: a server for tools that send what they do while they work."""

import os
import re
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from descent import console
from descent.options import Session, Url
from descent.transport import DEFAULT_URL

if TYPE_CHECKING:
    from descent.receivers.http import Server

FORMATS: Final = ("openlineage",)
LISTEN: Final = "127.0.0.1:5000"

_ADDRESS: Final = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\[\]]+):(?P<port>[0-9]{1,5})")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def receive(
    context: typer.Context,
    format: Annotated[str, typer.Argument(metavar="FORMAT", help=f"{', '.join(FORMATS)}.")],
    listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen.")] = LISTEN,
    mapping: Annotated[
        str | None, typer.Option("--mapping", metavar="FILE", help="Names of models and datasets, in YAML.")
    ] = None,
    journal: Annotated[
        str | None, typer.Option("--journal", metavar="FILE", help="Where events of unfinished runs are kept.")
    ] = None,
    url: Url = None,
) -> None:
    """Receive events of OpenLineage, and register what each run wrote when it completes.

    Senders set the address and their token: the registry is asked with the token that comes with each event.
    """
    if format not in FORMATS:
        raise typer.BadParameter(f'"{format}" is not one of {", ".join(FORMATS)}.', param_hint="FORMAT")
    host, port = _address(listen)
    registry = Session.of(context, url, None).url or os.environ.get("DESCENT_URL") or DEFAULT_URL
    from descent.importers.mapping import context_of
    from descent.receivers.http import Server
    from descent.receivers.journal import Journal
    from descent.receivers.lineage import Receiver

    chosen = context_of(format, None, mapping)
    kept = Journal(Path(journal) if journal else _journal(registry))
    try:
        server = Server((host, port), Receiver(kept, chosen), registry)
    except OSError as error:
        kept.close()
        raise typer.BadParameter(f"{listen} cannot be used: {error.strerror}.", param_hint="--listen") from error
    try:
        _serve(server, host, registry)
    finally:
        server.server_close()
        kept.close()


def _serve(server: "Server", host: str, registry: str) -> None:
    port = server.server_address[1]
    if host not in _LOOPBACK:
        console.warn("Tokens are sent without TLS here: put a reverse proxy with TLS in front of it.")
    console.say(f"Receiving at http://{host if ':' not in host else f'[{host}]'}:{port}/api/v1/lineage for {registry}")

    def stop(_signal: int, _frame: Any) -> None:
        threading.Thread(target=server.shutdown).start()  # it waits for the loop, which is in this thread

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _address(text: str) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65_535:
        raise typer.BadParameter(f'Expected HOST:PORT, for example {LISTEN}, got "{text}".', param_hint="--listen")
    return match["host"].strip("[]"), int(match["port"])


def _journal(registry: str) -> Path:
    """Return the file for a registry in the state folder; what was received for one is not sent to another."""
    from hashlib import sha256

    from descent.training.pending import state_folder

    name = sha256(registry.rstrip("/").encode()).hexdigest()[:16]
    return state_folder(os.environ) / "received" / f"openlineage-{name}.sqlite3"
