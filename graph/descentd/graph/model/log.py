"""The append-only log: one entry a record, consecutive sequence numbers from 1, hashed into a Merkle tree."""

from dataclasses import dataclass, field
from typing import Final

from descentd.graph.model.merkle import Frontier, leaf_hash
from descentd.graph.model.records import Record

_EMPTY: Final = Frontier()


@dataclass(frozen=True, slots=True)
class Entry:
    """A record and how it came into the log.

    `transaction` is the sequence of the first entry that was written together with this one; `recorded_at` is in
    microseconds since 1970 UTC and never decreases along the log.
    """

    sequence: int
    transaction: int
    record: Record
    recorded_at: int
    recorded_by: str
    _hash: bytes | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def text(self) -> str:
        """Everything that the entry says, a line each; the record's content comes in by its id."""
        return (
            f"descent.entry.v1\n{self.sequence}\n{self.transaction}\n{self.recorded_at}\n{self.record.id}\n"
            f"{self.recorded_by}"
        )

    @property
    def hash(self) -> bytes:
        """The leaf hash over the text."""
        hash = self._hash
        if hash is None:
            hash = leaf_hash(self.text.encode())
            object.__setattr__(self, "_hash", hash)
        return hash


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the log: 0 and 0 while it is empty."""

    sequence: int = 0
    recorded_at: int = 0
    frontier: Frontier = _EMPTY
