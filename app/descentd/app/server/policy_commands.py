"""`descentd policies`: putting policies in force at a registry's store, while servers are running or not."""

import asyncio
import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from descentd.app.auth.token_commands import Store
from descentd.app.server.policy_files import read_policies
from descentd.app.server.settings import Settings
from descentd.app.server.store_url import with_store
from descentd.graph.index.lineage_index import LineageIndex
from descentd.graph.model.accounts import Access, person
from descentd.graph.model.clock import now
from descentd.graph.store.base import Store as Kept
from descentd.graph.store.committer import Committer
from descentd.queries.governance.policies import PERSON, register_policies
from descentd.queries.registry import Registry

policies = typer.Typer(no_args_is_help=True, help="Put policies in force.")


@policies.callback()
def _policies() -> None:
    """Put policies in force."""


@policies.command()
def apply(
    folder: Annotated[Path, typer.Argument(help="Folder of policies (*.yaml).", metavar="FOLDER")],
    store: Store = None,
    as_person: Annotated[
        str, typer.Option("--person", help="Who lays them down; must not be a reviewer of what they decide on.")
    ] = PERSON,
) -> None:
    """Put the policies of a folder in force; running servers ask by them from then on. All of them or none."""
    given = read_policies(folder)
    who = person(as_person)

    async def put(kept: Kept) -> list[str]:
        registry = Registry(kept, LineageIndex(kept), Committer(kept))
        ids = await register_policies(registry, given, who)
        described = f"{len(ids)} of {len(given)} policies of {folder} by {who}"
        await kept.accounts.record_accesses(
            [Access(now(), getpass.getuser(), "command line", "", "command line", "policies apply", "OK", described)]
        )
        return ids

    ids = asyncio.run(with_store(Settings.read(store=store).store, put))
    for id in ids:
        sys.stdout.write(f"{id}\n")
    sys.stderr.write(f"{len(ids)} of {len(given)} policies were not in force already.\n")
