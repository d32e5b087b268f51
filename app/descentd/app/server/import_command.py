"""`descentd import-log`: the log of another registry, into an empty store."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from descentd.app.auth.token_commands import Store
from descentd.graph.model.errors import InvalidInput


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


def _show_progress(done: int, all: int) -> None:
    sys.stderr.write(f"\r{done:,} of {all:,} records" + ("\n" if done == all else ""))
