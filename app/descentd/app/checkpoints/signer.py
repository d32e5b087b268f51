"""What signs checkpoints: never two roots of one size, and never a log that does not continue the last checkpoint."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import structlog

from descentd.app.checkpoints.checkpoint import Checkpoint, open_checkpoint
from descentd.app.checkpoints.signed_note import SigningKey, VerifyingKey, keys_of
from descentd.app.server.settings import Settings
from descentd.graph.model.errors import InvalidInput, NotFound, Unavailable
from descentd.graph.store.base import Store
from descentd.queries.proofs import LogTree

log = structlog.get_logger()

LATEST: Final = "checkpoint"
"""The file of the last checkpoint; beside it is one for each, with its size as suffix."""


class Signer:
    """Signs the end of a log with `key`; writes it into `folders`, of which the first has what was signed before.

    Checkpoints of `earlier` keys of the same name are accepted as signed before.
    """

    def __init__(self, key: SigningKey, earlier: Sequence[VerifyingKey] = (), folders: Sequence[Path] = ()) -> None:
        self._key = key
        self._keys = [key.public, *earlier]
        self._folders = folders
        self._last: Checkpoint | None = None
        self._note = ""

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """The one that the settings describe, None where there is no key.

        Raises InvalidInput for keys that cannot be read, and where a folder for checkpoints is named and no key.
        """
        written = settings.signing_key
        if settings.signing_key_file is not None:
            try:
                written = settings.signing_key_file.read_text("utf-8")
            except (OSError, UnicodeDecodeError):
                raise InvalidInput(
                    "The file of the signing key cannot be read: check its path and permissions."
                ) from None
        folders = [folder for folder in (settings.checkpoints, settings.checkpoints_copy) if folder is not None]
        if written is None:
            if folders:
                raise InvalidInput(
                    "Checkpoints cannot be signed without a key: make one with `descentd keygen`, and name its file in "
                    "DESCENT_SIGNING_KEY_FILE."
                )
            return None
        return cls(SigningKey.parse(written.strip()), list(keys_of(settings.checkpoint_keys)), folders)

    @property
    def public(self) -> VerifyingKey:
        """What its checkpoints are verified with."""
        return self._key.public

    @property
    def written(self) -> int:
        """The size of the last checkpoint in the folder; raises Unavailable where that cannot be read."""
        last = self._kept()
        return last.size if last else 0

    async def sign(self, store: Store, tree: LogTree) -> str:
        """The signed checkpoint of the log as of now; `tree` is what is known of it.

        Raises Unavailable where the log does not continue the last checkpoint: somebody took entries away or changed
        them.
        """
        return (await self._signed(store, tree))[0]

    async def write(self, store: Store, tree: LogTree) -> str:
        """As `sign`; it is also written into the folders. Raises Unavailable where the first cannot be written."""
        note, checkpoint = await self._signed(store, tree)
        for place, folder in enumerate(self._folders):
            try:
                _write(folder, checkpoint.size, note)
            except OSError as error:
                reason = error.strerror or "it cannot be written"
                if place == 0:
                    raise Unavailable(f"The checkpoint cannot be written ({reason}): check its folder.") from error
                log.error("checkpoint_not_copied", reason=reason)
        return note

    async def root(self, store: Store, tree: LogTree, size: int) -> bytes:
        """The root of the first `size` entries of the log, once it is sure that it continues the last checkpoint.

        Raises Unavailable where it does not.
        """
        _, checkpoint = await self._signed(store, tree)
        if size == checkpoint.size:
            return checkpoint.root
        return (await tree.roots(store, (size,), checkpoint.size))(0, size)

    def sign_text(self, text: str) -> str:
        """The note of a text, signed. The text must be none that could be taken for a checkpoint."""
        return self._key.sign(text)

    async def _signed(self, store: Store, tree: LogTree) -> tuple[str, Checkpoint]:
        head = await store.head()
        root = head.frontier.root()
        if self._last == (checkpoint := Checkpoint(self._key.name, head.sequence, root)):
            return self._note, checkpoint  # whoever asks again costs nothing
        last = self._newest()
        root_of = await tree.roots(store, (min(last.size, head.sequence),) if last else (), head.sequence)
        if root_of(0, head.sequence) != root:
            raise Unavailable("The root of the log is not that of its entries: run `descentd verify`.")
        if last is not None and (last.size > head.sequence or root_of(0, last.size) != last.root):
            log.error("checkpoint_refused", size=head.sequence, last=last.size)
            raise Unavailable(
                f"The log of {head.sequence} entries does not continue the last checkpoint, of {last.size}: entries "
                "were taken away or changed, and nothing is signed. Run `descentd verify --checkpoint`."
            )
        self._last, self._note = checkpoint, self._key.sign(checkpoint.text)
        return self._note, checkpoint

    def _newest(self) -> Checkpoint | None:
        """What was signed last, by this process or, where there is a folder, by another."""
        found = [one for one in (self._last, self._kept()) if one is not None]
        return max(found, key=lambda one: one.size, default=None)

    def _kept(self) -> Checkpoint | None:
        if not self._folders:
            return None
        try:
            written = (self._folders[0] / LATEST).read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            raise Unavailable("The last checkpoint cannot be read: check its folder.") from None
        try:
            return open_checkpoint(written, self._keys)[0]
        except InvalidInput as error:
            raise Unavailable(
                f"The last checkpoint in the folder is not ours. {error.message} Keys of before are named in "
                "DESCENT_CHECKPOINT_KEYS."
            ) from None


def checkpoint_signer(signer: Signer | None) -> Signer:
    """The signer; raises NotFound where there is none."""
    if signer is None:
        raise NotFound("This registry signs no checkpoints: set DESCENT_SIGNING_KEY_FILE, see `descentd keygen`.")
    return signer


def _write(folder: Path, size: int, note: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (f"{LATEST}.{size}", LATEST):
        partial = folder / f".{name}.{os.getpid()}"
        with partial.open("w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / name)
