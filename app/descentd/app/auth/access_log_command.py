"""`descentd access-log`: who asked for what, read on the machine of the server that wrote it."""

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from descentd.app.auth.token_commands import Format, Store
from descentd.graph.model.accounts import Access
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.names import rfc3339

_MOST = 10_000


def access_log(
    store: Store = None,
    person: Annotated[str | None, typer.Option(help="Only what this person asked for.")] = None,
    refused: Annotated[
        bool | None, typer.Option("--refused/--accepted", help="Only what was refused, or only what was not.")
    ] = None,
    first: Annotated[int, typer.Option(help="How many entries, 1 to 10,000.")] = 100,
    format: Annotated[Format, typer.Option(help="How the entries are written.")] = Format.TEXT,
) -> None:
    """List the access log, newest first."""
    from descentd.app.server.settings import Settings
    from descentd.app.server.store_url import with_store

    if not 1 <= first <= _MOST:
        raise InvalidInput(f"Expected --first between 1 and {_MOST:,}, got {first}.")
    address = Settings.read(store=store).store
    found = asyncio.run(with_store(address, lambda opened: opened.accounts.accesses(None, first, person, refused)))
    for _, access in found:
        sys.stdout.write(_json(access) if format is Format.JSON else _line(access))


def _json(access: Access) -> str:
    return json.dumps(asdict(access) | {"at": rfc3339(access.at)}, ensure_ascii=False) + "\n"


def _line(access: Access) -> str:
    who = access.person or "nobody known"
    times = f" ({access.count} times)" if access.count > 1 else ""
    asked = " ".join(part for part in (access.route, access.operation) if part)
    why = f": {access.detail}" if access.detail else ""
    return f"{rfc3339(access.at)} {who} from {access.client or '-'}, {asked}: {access.outcome}{times}{why}\n"
