"""What a log must be: consecutive, in order, and each entry what follows from the content of its record."""

from collections.abc import Sequence
from typing import Final, NoReturn

from descentd.graph.model.derived import LOOK_ALIKE
from descentd.graph.model.identity import content_id
from descentd.graph.model.kinds import Edge
from descentd.graph.model.log import Head
from descentd.graph.model.merkle import Frontier
from descentd.graph.model.records import Record
from descentd.graph.store.base import Stored, Totals

_LONGEST: Final = 200


class LogError(Exception):
    """What does not fit, as a sentence."""


class LogCheck:
    """The log as far as it was right."""

    def __init__(self, known: Sequence[tuple[int, bytes]]) -> None:
        self._known = known
        self.sequence = 0
        self.frontier = Frontier()
        self._transaction = 0
        self._recorded_at = 0
        self._edges = 0
        self._keys = 0

    def compare(self, chunk: list[Stored], head: Head) -> None:
        """Take the next entries in, each as far as it fits."""
        for stored in chunk:
            self.continues()
            self._entry(stored)
            try:
                _record(stored)
            except LogError:
                raise
            except Exception as error:  # whatever a body that somebody else wrote may bring about
                raise LogError(f"{name_of(stored)}: its content is not that of such a record ({error!r}).") from None
            self.sequence += 1
            self.frontier = self.frontier.append([stored.entry.hash])
            self._transaction = stored.entry.transaction
            self._recorded_at = stored.entry.recorded_at
            self._edges += len(stored.edges)
            self._keys += len(stored.keys)
        if not chunk:
            raise LogError(f"The log ends with record {self.sequence}, but its head says {head.sequence}.")

    def _entry(self, stored: Stored) -> None:
        entry = stored.entry
        if entry.sequence != self.sequence + 1:
            raise LogError(f"Record {self.sequence + 1} is missing: the next one is {entry.sequence}.")
        if stored.fault:
            raise LogError(f"{name_of(stored)}: {stored.fault}.")
        transactions = {self._transaction or 1, entry.sequence}
        if entry.transaction not in transactions:
            _differs(stored, "transaction", entry.transaction, " or ".join(map(str, sorted(transactions))))
        if entry.recorded_at < self._recorded_at:
            _differs(stored, "recordedAt", entry.recorded_at, f"at least {self._recorded_at}")
        if entry.transaction == self._transaction and entry.recorded_at != self._recorded_at:
            _differs(stored, "recordedAt", entry.recorded_at, f"{self._recorded_at}, as in all of its transaction")

    def continues(self) -> None:
        """Compare with the roots that are known of a log of this size."""
        for size, root in self._known:
            if size == self.sequence and root != self.frontier.root():
                raise LogError(
                    f"The log was rewritten: its first {size} entries have the root {self.frontier.root().hex()}, but "
                    f"the checkpoint has {root.hex()}."
                )

    def end(self, head: Head) -> None:
        """Compare with the head, and with checkpoints of a longer log."""
        self.continues()
        for size, _ in self._known:
            if size > head.sequence:
                raise LogError(f"The log was cut off: it has {head.sequence} entries, but the checkpoint has {size}.")
        if self.sequence != head.sequence:
            raise LogError(f"The head ends the log with record {head.sequence}, but there are {self.sequence}.")
        if head.frontier != self.frontier:
            raise LogError(
                f"The head has the root {head.frontier.root().hex()}, but the log has {self.frontier.root().hex()}."
            )
        if head.recorded_at != self._recorded_at:
            raise LogError(f"The head's recordedAt is {head.recorded_at}, the last record's {self._recorded_at}.")

    def count(self, totals: Totals) -> None:
        """Compare with what there is in all."""
        if totals.stray:
            raise LogError(f"The store holds {totals.stray}, which belongs to no record.")
        for what, kept, right in (
            ("records", totals.records, self.sequence),
            ("edges", totals.edges, self._edges),
            ("keys", totals.keys, self._keys),
        ):
            if kept != right:
                raise LogError(f"The store holds {kept} {what}, but the log's records have {right}.")


def _record(stored: Stored) -> None:
    entry, record = stored.entry, stored.entry.record
    id = content_id(record.kind, record.body)
    if stored.id != id:
        _differs(stored, "id", stored.id, f"{id} by its kind and content")
    right = Record.of(record.kind, record.content)
    if right.body != record.body:
        _differs(stored, "content", record.body.decode(), right.body.decode())
    if stored.label != right.label:
        _differs(stored, "label", stored.label, right.label)
    kept = sorted(stored.edges, key=lambda edge: (edge.role, edge.target, edge.detail))
    if kept != list(right.edges):
        some, others = [_arrow(edge) for edge in kept], [_arrow(edge) for edge in right.edges]
        _differs(stored, "edges", _difference(some, others), _difference(others, some))
    later = {key for key in right.keys if key.startswith(LOOK_ALIKE)}
    if stored.keys != right.keys and not (set(right.keys) - later <= set(stored.keys) <= set(right.keys)):
        _differs(stored, "keys", _difference(stored.keys, right.keys), _difference(right.keys, stored.keys))
    if stored.words != right.words:
        _differs(stored, "words", stored.words, right.words)
    if stored.hash != entry.hash:
        _differs(stored, "entry hash", stored.hash.hex(), entry.hash.hex())


def _differs(stored: Stored, what: str, kept: object, right: object) -> NoReturn:
    raise LogError(f"{name_of(stored)} has the {what} {_shown(kept)}, but should have {_shown(right)}.")


def _arrow(edge: Edge) -> str:
    return f"{edge.role} {edge.target}" + (f" ({edge.detail})" if edge.detail else "")


def _difference(some: Sequence[str], others: Sequence[str]) -> str:
    """What only `some` holds."""
    return ", ".join(one for one in some if one not in others) or "nothing else"


def name_of(stored: Stored) -> str:
    """What a record is called in sentences."""
    return f"Record {stored.entry.sequence} ({stored.label or stored.id})"


def _shown(value: object) -> str:
    text = str(value) if value not in (None, "") else "nothing"
    return repr(text)[1:-1] if len(text) <= _LONGEST else repr(text[:_LONGEST])[1:-1] + "…"
