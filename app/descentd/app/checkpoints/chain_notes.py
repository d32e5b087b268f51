"""Signed notes about what is kept beside the log of records: where its chains of events end, and what was forgotten.

They are notes of their own and no extension lines of checkpoints: these ends move without the log, so that one size
would have many checkpoints, and how many accesses there are is nobody's who may ask for a checkpoint. Their first line
keeps them apart from checkpoints and from each other.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.app.checkpoints.signed_note import SIGNATURE, VerifyingKey, open_note
from descentd.graph.model.chain import Chain
from descentd.graph.model.errors import InvalidInput
from descentd.graph.verify_chains import Closed, KnownEvent

HEADS: Final = "descent.chains.v1"
CLOSED: Final = "descent.chain.closed.v1"
_LINE: Final = re.compile(r"(\w+) (0|[1-9][0-9]{0,18}) ([A-Za-z0-9+/]{43}=)")
_RECORDS: Final = "records"

End = tuple[int, bytes]
"""The number of the last entry of a log, and its hash; of the records it is the size and the root."""


@dataclass(frozen=True, slots=True)
class ChainHeads:
    """Where the chains of a registry ended, and its log of records, when a note was signed."""

    origin: str
    records: End
    chains: Mapping[Chain, End]

    @property
    def text(self) -> str:
        """The text that is signed."""
        ends = {_RECORDS: self.records} | {chain.value: end for chain, end in self.chains.items()}
        return "".join(f"{line}\n" for line in (HEADS, self.origin, *(_line(*end) for end in ends.items())))

    @property
    def total(self) -> int:
        """How many events there were in all."""
        return sum(number for number, _ in self.chains.values())

    @property
    def events(self) -> list[KnownEvent]:
        """The last event of each chain."""
        return [KnownEvent(chain, *end) for chain, end in self.chains.items()]

    @classmethod
    def parse(cls, text: str) -> "ChainHeads":
        """The heads that a text writes; raises InvalidInput for what are none."""
        kind, origin, *lines = [*text.removesuffix("\n").split("\n"), ""]
        ends = dict(found for line in lines if (found := _end(line)) is not None)
        if kind != HEADS or len(ends) != len(lines) - 1 or set(ends) != {_RECORDS, *Chain}:
            raise InvalidInput("The note does not say where the logs of a registry end: one line each is expected.")
        return cls(origin, ends[_RECORDS], {chain: ends[chain] for chain in Chain})


def is_chain_heads(written: str) -> bool:
    """Whether a note is one of these, and no checkpoint."""
    return written.startswith(f"{HEADS}\n")


def open_chain_heads(written: str, keys: Sequence[VerifyingKey]) -> ChainHeads:
    """The heads of a note that one of `keys` signed, by the name that is their origin; raises InvalidInput."""
    note = open_note(written, keys)
    heads = ChainHeads.parse(note.text)
    if not any(key.type == SIGNATURE and key.name == heads.origin for key in note.signed_by):
        raise InvalidInput(
            f"The note says that it is of {heads.origin}, but none of the given keys of that name signed it."
        )
    return heads


def closing_text(origin: str, chain: Chain, number: int, hash: bytes) -> str:
    """The text that says that a chain was forgotten upto an event."""
    return f"{CLOSED}\n{origin}\n{_line(chain.value, (number, hash))}\n"


def closed_by(keys: Sequence[VerifyingKey]) -> Closed:
    """What is wrong with notes that close chains, which one of `keys` has to have signed."""

    def fault(chain: Chain, number: int, hash: bytes, closing: str) -> str | None:
        if not closing:
            return "they were forgotten without a signed note, for which `descentd prune` needs the signing key"
        try:
            note = open_note(closing, keys)
        except InvalidInput as error:
            return f"the note that closes them is not signed as it must be ({error.message})"
        origins = {key.name for key in note.signed_by if key.type == SIGNATURE}
        if note.text not in {closing_text(origin, chain, number, hash) for origin in origins}:
            return "the note that closes them is about others"
        return None

    return fault


def _line(name: str, end: End) -> str:
    return f"{name} {end[0]} {base64.b64encode(end[1]).decode()}"


def _end(line: str) -> tuple[str, End] | None:
    found = _LINE.fullmatch(line)
    try:
        return (found[1], (int(found[2]), base64.b64decode(found[3], validate=True))) if found else None
    except binascii.Error:
        return None
