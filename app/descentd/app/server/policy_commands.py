"""`descentd policies`: putting policies in force at a registry's store, while servers are running or not."""

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from descentd.app.auth.token_commands import Store, at_store
from descentd.graph.model.accounts import SERVER, Access, person
from descentd.graph.model.clock import now

if TYPE_CHECKING:
    from descentd.graph.store.base import Store as Kept

policies = typer.Typer(no_args_is_help=True, help="Put policies in force.")


@policies.callback()
def _policies() -> None:
    """Put policies in force."""


@policies.command()
def apply(
    folder: Annotated[Path, typer.Argument(help="Folder of policies (*.yaml).", metavar="FOLDER")],
    store: Store = None,
    as_person: Annotated[
        str,
        typer.Option(
            "--person", help="Who puts them in force; must not be a reviewer of the versions that they decide on."
        ),
    ] = SERVER,
) -> None:
    """Put the policies of a folder in force, all of them or none; running servers use them from then on."""
    from descentd.app.server.policy_files import read_policies
    from descentd.graph.index.lineage_index import LineageIndex
    from descentd.graph.store.committer import Committer
    from descentd.queries.governance.policies import register_policies
    from descentd.queries.prose import counted
    from descentd.queries.registry import Registry

    given = read_policies(folder)
    who = person(as_person)

    async def put(kept: "Kept") -> list[str]:
        registry = Registry(kept, LineageIndex(kept), Committer(kept))
        ids = await register_policies(registry, given, who)
        described = f"{len(ids)} of {len(given)} policies of {folder} by {who}"
        await kept.accounts.record_accesses(
            [Access(now(), getpass.getuser(), "command line", "", "command line", "policies apply", "OK", described)]
        )
        return ids

    ids = at_store(store, put)
    for id in ids:
        sys.stdout.write(f"{id}\n")
    rest = len(given) - len(ids)
    before = f"; {rest} {'was' if rest == 1 else 'were'} in force already" if rest else ""
    sys.stderr.write(f"Put {counted(len(ids), 'policy')} in force{before}.\n")
