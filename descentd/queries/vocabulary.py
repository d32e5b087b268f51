"""Which attributes and values populations speak of, so that a misspelt value does not look like an unknown one."""

from collections import defaultdict
from collections.abc import Mapping

from descentd.graph.contents import shares_of
from descentd.graph.reach import Share, SupportsReach
from descentd.graph.relations import Kind
from descentd.graph.store.base import Store

_CHUNK = 2000


class Vocabulary:
    """The vocabulary of a registry, kept level with its log: it reads each population statement once."""

    def __init__(self) -> None:
        self._upto = 0
        self._shares: dict[str, tuple[Share, ...]] = {}

    async def read(self, store: Store, walk: SupportsReach) -> tuple[Mapping[str, Mapping[str, int]], int]:
        """How many partitions hold each value of each attribute, by the statements in force, and as of when."""
        upto = await store.sequence()
        statements = await walk.everything(upto, Kind.POPULATION)
        new = [int(sequence) for sequence in statements[statements > self._upto]]
        for i in range(0, len(new), _CHUNK):
            for entry in await store.entries(new[i : i + _CHUNK]):
                self._shares[entry.record.content["subject"]] = shares_of(entry.record.content)[1]
        self._upto = max(self._upto, upto)
        held: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        for shares in self._shares.values():
            for share in shares:
                held[share.attribute][share.value] += share.share != 0
        return {attribute: dict(sorted(values.items())) for attribute, values in sorted(held.items())}, upto
