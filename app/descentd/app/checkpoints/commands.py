"""`descentd keygen` and `descentd checkpoint`."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from descentd.app.auth.token_commands import Store
from descentd.graph.model.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from descentd.graph.store.base import Store as Opened


def keygen(
    name: Annotated[
        str, typer.Option(help="Name of the key and origin of its checkpoints, for example example.org/registry.")
    ],
    output: Annotated[Path, typer.Option(help="File for the private key; it must not exist yet.")],
) -> None:
    """Make a key that signs checkpoints, and print the public key that verifies them."""
    from descentd.app.checkpoints.signed_note import SigningKey

    key = SigningKey.generate(name)
    try:
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(key.dump() + "\n")
    except FileExistsError:
        raise InvalidInput("The file exists already, and a key in it may be in use: name another.") from None
    except OSError as error:
        raise Unavailable(f"The key cannot be written ({error.strerror}): check the path.") from None
    sys.stdout.write(f"{key.public}\n")


def checkpoint(
    store: Store = None,
    chains: Annotated[
        bool, typer.Option("--chains", help="Sign the ends of the logs of accesses, tokens, arrivals and deliveries.")
    ] = False,
) -> None:
    """Sign the size and root of the log and print the checkpoint; write it to the checkpoint folder, if one is set."""
    from descentd.app.checkpoints.signer import Signer, checkpoint_signer
    from descentd.app.server.settings import Settings
    from descentd.app.server.store_url import with_store
    from descentd.queries.proofs import LogTree

    settings = Settings.read(store=store)
    signer = checkpoint_signer(Signer.of(settings))

    async def signed(opened: "Opened") -> str:
        return await signer.write_chains(opened) if chains else await signer.write(opened, LogTree())

    sys.stdout.write(asyncio.run(with_store(settings.store, signed)))
