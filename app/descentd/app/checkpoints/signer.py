"""The signer of checkpoints: it signs one root for each size, and only logs that continue the last checkpoint."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import structlog

from descentd.app.checkpoints.chain_notes import ChainHeads, closed_by, closing_text, open_chain_heads
from descentd.app.checkpoints.checkpoint import Checkpoint, open_checkpoint
from descentd.app.checkpoints.folders import Folders
from descentd.app.checkpoints.signed_note import SigningKey, VerifyingKey, keys_of
from descentd.app.server.settings import Settings
from descentd.graph.model.chain import Chain
from descentd.graph.model.errors import InvalidInput, NotFound, Unavailable
from descentd.graph.store.base import Store
from descentd.graph.verify_chains import NAMES, Closed, KnownEvent
from descentd.queries.proofs import LogTree

log = structlog.get_logger()

LATEST: Final = "checkpoint"
"""The file of the last checkpoint; each checkpoint also has a file with its size as suffix."""

CHAINS: Final = "chains"
"""The file of the last note about the chains of events; beside it is one for each, with the number of all events."""


class Signer:
    """Signs the end of a log with `key`; writes it into `folders`, of which the first has what was signed before.

    Checkpoints of `earlier` keys of the same name are accepted as signed before.
    """

    def __init__(self, key: SigningKey, earlier: Sequence[VerifyingKey] = (), folders: Sequence[Path] = ()) -> None:
        self._key = key
        self._keys = [key.public, *earlier]
        self._folders = Folders(folders)
        self._last: Checkpoint | None = None
        self._note = ""
        self._last_heads: ChainHeads | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """The signer that the settings describe; None if they have no key.

        Raises InvalidInput if a key cannot be read, or if the settings name a folder for checkpoints but no key.
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
        """The public key that verifies its checkpoints."""
        return self._key.public

    async def sign(self, store: Store, tree: LogTree) -> str:
        """The signed checkpoint of the present log; `tree` caches its hashes.

        Raises Unavailable if the log does not continue the last checkpoint: then entries were removed or changed.
        """
        return (await self._signed(store, tree))[0]

    async def write(self, store: Store, tree: LogTree, least: int = 0) -> str:
        """Sign as `sign` does, and write the checkpoint to the folders.

        Nothing is written and returned where fewer than `least` entries came since the last, which another process may
        have written. Raises Unavailable where the first folder cannot be written.
        """
        async with self._folders.lock():
            last = self._kept()
            if 0 <= await store.sequence() - (last.size if last else 0) < least:
                return ""
            note, checkpoint = await self._signed(store, tree)
            self._folders.put(LATEST, checkpoint.size, note)
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

    async def write_chains(self, store: Store, least: int = 0) -> str:
        """The signed ends of the chains of events, written into the folders too; nothing where fewer than `least` came.

        Raises Unavailable where a chain does not continue the last note: somebody took events away or changed them.
        """
        async with self._folders.lock():
            head = await store.head()
            heads = await store.journal.heads()
            if missing := [NAMES[chain] for chain in Chain if chain not in heads]:
                raise Unavailable(f"The end of {missing[0]} is missing: run `descentd verify`.")
            ends = {chain: (heads[chain].number, heads[chain].hash) for chain in Chain}
            found = ChainHeads(self._key.name, (head.sequence, head.frontier.root()), ends)
            last = self._newest_heads()
            if 0 <= found.total - (last.total if last else 0) < least:
                return ""
            for known in last.events if last else ():
                await self._check_continued(store, known)
            self._last_heads, note = found, self._key.sign(found.text)
            self._folders.put(CHAINS, found.total, note)
        return note

    def close(self, chain: Chain, number: int, hash: bytes) -> str:
        """The signed note that a chain was forgotten upto an event."""
        return self._key.sign(closing_text(self._key.name, chain, number, hash))

    @property
    def closed(self) -> Closed:
        """What is wrong with such notes, which this key or an earlier one has to have signed."""
        return closed_by(self._keys)

    async def _check_continued(self, store: Store, known: KnownEvent) -> None:
        head = (await store.journal.heads())[known.chain]
        if known.number < head.base:
            fault = self.closed(known.chain, head.base, head.base_hash, head.closing)
        elif known.number == head.base:
            fault = None if known.hash == head.base_hash else "it was rewritten"
        else:
            found = await store.journal.events(known.chain, known.number - 1, 1)
            fault = None if found and found[0].hash == known.hash else "events were taken away or changed"
        if fault:
            log.error("chains_refused", chain=known.chain.value, last=known.number)
            raise Unavailable(
                f"{NAMES[known.chain]} does not continue the last signed note: {fault}. Nothing is signed: run "
                "`descentd verify --checkpoint`."
            )

    def _newest_heads(self) -> ChainHeads | None:
        written = self._folders.latest(CHAINS)
        if written is None:
            return self._last_heads
        try:
            return open_chain_heads(written, self._keys)
        except InvalidInput as error:
            raise Unavailable(
                f"The last note about the chains in the folder is not signed by this registry. {error.message}"
            ) from None

    async def _signed(self, store: Store, tree: LogTree) -> tuple[str, Checkpoint]:
        last = self._newest()  # first of all: another process may sign what comes after this
        head = await store.head()
        root = head.frontier.root()
        if self._last == (checkpoint := Checkpoint(self._key.name, head.sequence, root)):
            return self._note, checkpoint  # whoever asks again costs nothing
        root_of = await tree.roots(store, (min(last.size, head.sequence),) if last else (), head.sequence)
        if root_of(0, head.sequence) != root:
            raise Unavailable("The root of the log is not that of its entries: run `descentd verify`.")
        if last is not None and (last.size > head.sequence or root_of(0, last.size) != last.root):
            log.error("checkpoint_refused", size=head.sequence, last=last.size)
            raise Unavailable(
                f"The log of {head.sequence} entries does not continue the last checkpoint, of {last.size}: entries "
                "were removed or changed, and nothing is signed. Run `descentd verify --checkpoint`."
            )
        self._last, self._note = checkpoint, self._key.sign(checkpoint.text)
        return self._note, checkpoint

    def _newest(self) -> Checkpoint | None:
        """The last checkpoint that this process signed or, if there is a folder, any process."""
        found = [one for one in (self._last, self._kept()) if one is not None]
        return max(found, key=lambda one: one.size, default=None)

    def _kept(self) -> Checkpoint | None:
        written = self._folders.latest(LATEST)
        if written is None:
            return None
        try:
            return open_checkpoint(written, self._keys)[0]
        except InvalidInput as error:
            raise Unavailable(
                f"The last checkpoint in the folder is not signed by this registry. {error.message} Name earlier keys "
                "in DESCENT_CHECKPOINT_KEYS."
            ) from None


def checkpoint_signer(signer: Signer | None) -> Signer:
    """The signer; raises NotFound if there is none."""
    if signer is None:
        raise NotFound("This registry signs no checkpoints: set DESCENT_SIGNING_KEY_FILE, see `descentd keygen`.")
    return signer
