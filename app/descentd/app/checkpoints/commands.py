"""`descentd keygen` and `descentd checkpoint`."""

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from descentd.app.auth.token_commands import Store
from descentd.app.checkpoints.chain_notes import closed_by, is_chain_heads, open_chain_heads
from descentd.app.checkpoints.checkpoint import Checkpoint, open_checkpoint
from descentd.app.checkpoints.signed_note import SigningKey, VerifyingKey, keys_of
from descentd.app.checkpoints.signer import Signer, checkpoint_signer
from descentd.app.server.settings import Settings
from descentd.app.server.store_url import with_store
from descentd.graph.model.errors import InvalidInput, Unavailable
from descentd.graph.store.base import Store as Opened
from descentd.graph.verify_chains import Closed, KnownEvent
from descentd.queries.proofs import LogTree


def keygen(
    name: Annotated[
        str, typer.Option(help="Whose key it is, and the origin of its checkpoints: example.org/registry.")
    ],
    output: Annotated[Path, typer.Option(help="File that the private key is written to; it must not be there yet.")],
) -> None:
    """Make a key that signs checkpoints; the public key is written to stdout, for whoever verifies them."""
    key = SigningKey.generate(name)
    try:
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(key.dump() + "\n")
    except FileExistsError:
        raise InvalidInput("There is such a file already, and a key in it may be in use: name another.") from None
    except OSError as error:
        raise Unavailable(f"The key cannot be written ({error.strerror}): check the path.") from None
    sys.stdout.write(f"{key.public}\n")


def checkpoint(
    store: Store = None,
    chains: Annotated[
        bool, typer.Option("--chains", help="Sign where the logs of accesses, tokens, arrivals and deliveries end.")
    ] = False,
) -> None:
    """Sign size and root of the log, and write that to stdout; into the folder of checkpoints too, where one is set."""
    settings = Settings.read(store=store)
    signer = checkpoint_signer(Signer.of(settings))

    async def signed(opened: Opened) -> str:
        return await signer.write_chains(opened) if chains else await signer.write(opened, LogTree())

    sys.stdout.write(asyncio.run(with_store(settings.store, signed)))


@dataclass(frozen=True, slots=True)
class Known:
    """What signed notes say that a registry had: roots of its log by size, and events; and its closing notes' judge."""

    roots: Sequence[tuple[int, bytes]]
    events: Sequence[KnownEvent]
    closed: Closed | None


def opened(files: Sequence[Path], keys: list[str], witnesses: list[str], settings: Settings) -> Known:
    """What the notes in files say, each signed with one of `keys`, and each checkpoint cosigned by `witnesses`.

    A key is given as text or as a file that holds it. Without any, those of the settings count. Raises InvalidInput.
    """
    trusted = list(keys_of([_content(key) for key in keys] or settings.checkpoint_keys))
    if not keys and (signer := Signer.of(settings)) is not None:
        trusted.append(signer.public)
    if files and not trusted:
        raise InvalidInput("No key is known to verify checkpoints with: name one with --key.")
    cosigning = list(keys_of([_content(witness) for witness in witnesses]))
    roots: list[tuple[int, bytes]] = []
    events: list[KnownEvent] = []
    for file in files:
        try:
            written = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise InvalidInput(f"{file} cannot be read: check its path.") from None
        if is_chain_heads(written):
            heads = open_chain_heads(written, trusted)
            roots.append(heads.records)
            events += heads.events
        else:
            found = _opened(written, trusted, cosigning)
            roots.append((found.size, found.root))
    return Known(roots, events, closed_by(trusted) if trusted else None)


def _opened(written: str, keys: list[VerifyingKey], witnesses: list[VerifyingKey]) -> Checkpoint:
    found, cosigned = open_checkpoint(written, keys, witnesses)
    if missing := [witness.name for witness in witnesses if witness not in cosigned]:
        raise InvalidInput(f"{missing[0]} did not cosign the checkpoint: take one that it did.")
    return found


def _content(key: str) -> str:
    path = Path(key)
    try:
        return path.read_text("utf-8") if path.is_file() else key
    except (OSError, UnicodeDecodeError, ValueError):
        return key
