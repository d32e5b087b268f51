"""Trusted notes: the checkpoints and chain heads in files, verified by the keys that signed and cosigned them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from descentd.app.checkpoints.chain_notes import closed_by, is_chain_heads, open_chain_heads
from descentd.app.checkpoints.checkpoint import Checkpoint, open_checkpoint
from descentd.app.checkpoints.signed_note import VerifyingKey, keys_of
from descentd.app.checkpoints.signer import Signer
from descentd.app.server.settings import Settings
from descentd.graph.model.errors import InvalidInput
from descentd.graph.verify_chains import Closed, KnownEvent


@dataclass(frozen=True, slots=True)
class Known:
    """What signed notes prove of a registry: roots of its log by size, events, and the check of its closing notes."""

    roots: Sequence[tuple[int, bytes]]
    events: Sequence[KnownEvent]
    closed: Closed | None


def opened(files: Sequence[Path], keys: list[str], witnesses: list[str], settings: Settings) -> Known:
    """What the notes in files prove; one of `keys` must have signed each, and all `witnesses` each checkpoint.

    A key is given as text or as the file that contains it; by default the keys of the settings count. Raises
    InvalidInput.
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
