"""The attributes and values in the documentation of populations: a misspelt value must not look undocumented."""

from collections import defaultdict
from collections.abc import Mapping

from descentd.graph.model.derived import shares_of
from descentd.graph.model.kinds import Kind
from descentd.graph.model.reach import Share, SupportsReach
from descentd.graph.store.base import Store

_CHUNK = 2000


class Vocabulary:
    """The vocabulary of a registry, kept level with its log: it reads each population statement once."""

    def __init__(self) -> None:
        self._upto = 0
        self._shares: defaultdict[str, dict[int, tuple[Share, ...]]] = defaultdict(dict)
        """By partition, what each statement says of its population, by sequence."""

    async def read(self, store: Store, walk: SupportsReach, upto: int) -> Mapping[str, Mapping[str, int]]:
        """How many partitions hold each value of each attribute, by the statements in force at a sequence."""
        statements = await walk.everything(upto, Kind.POPULATION)
        new = [int(sequence) for sequence in statements[statements > self._upto]]
        for i in range(0, len(new), _CHUNK):
            for entry in await store.entries(new[i : i + _CHUNK]):
                self._shares[entry.record.content["subject"]][entry.sequence] = shares_of(entry.record.content)[1]
        self._upto = max(self._upto, upto)
        held: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        for statements_of in self._shares.values():
            newest = max((sequence for sequence in statements_of if sequence <= upto), default=None)
            for share in () if newest is None else statements_of[newest]:
                held[share.attribute][share.value] += share.share != 0
        return {attribute: dict(sorted(values.items())) for attribute, values in sorted(held.items())}
