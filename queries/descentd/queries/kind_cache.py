"""Every record of one kind, each read once: for kinds of which a registry holds few, and asks often."""

from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.reach import SupportsReach
from descentd.graph.store.base import Store

_CHUNK = 2000


class KindCache:
    """The entries of one kind, kept level with the log."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._upto = 0
        self._entries: dict[int, Entry] = {}

    async def read(self, store: Store, walk: SupportsReach, upto: int) -> list[Entry]:
        """The entries at or before a sequence, in log order."""
        if upto > self._upto:
            sequences = await walk.everything(upto, self._kind)
            new = [int(sequence) for sequence in sequences[sequences > self._upto]]
            for i in range(0, len(new), _CHUNK):
                for entry in await store.entries(new[i : i + _CHUNK]):
                    self._entries[entry.sequence] = entry
            self._upto = max(self._upto, upto)
        return [self._entries[sequence] for sequence in sorted(self._entries) if sequence <= upto]
