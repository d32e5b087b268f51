"""Postings: ascending numbers under integer keys, such as the statements that list a value.

Sorted columns, and what came since: those are read where they lie, in a file that is mapped into memory too, so that
nothing has to be built for a key that nobody asks for.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from descentd.graph.index.arrays import Growing, Integers, is_in
from descentd.graph.index.columns import Columns, Stored

SMALLEST_MERGE: Final = 8_192
"""Late numbers are merged into the sorted columns when there are this many and they are a `MERGE_SHARE`th of them."""
MERGE_SHARE: Final = 32


@dataclass(frozen=True, slots=True)
class Posted:
    """What is posted at one moment: columns sorted by key, and late ones, which grow under the reader's eyes."""

    keys: Integers
    numbers: Integers
    late_keys: Growing[np.int32]
    late_numbers: Growing[np.int32]
    late: dict[int, list[int]]
    """The late numbers by key."""

    def columns(self) -> Stored:
        """All of it as sorted columns."""
        keys = np.concatenate((self.keys, self.late_keys.view()))
        numbers = np.concatenate((self.numbers, self.late_numbers.view()[: len(keys) - len(self.keys)]))
        order = np.argsort(keys, kind="stable")
        return {"keys": keys[order], "numbers": numbers[order]}


class Postings:
    """Numbers by key. One writer adds, with numbers that ascend under each key; readers may ask at any time."""

    def __init__(self, columns: Columns) -> None:
        self._now = _posted(columns.array("keys", np.int32), columns.array("numbers", np.int32))

    def add(self, keys: ArrayLike, numbers: ArrayLike) -> None:
        """Post each of `numbers` under the key at its place."""
        now = self._now
        now.late_numbers.extend(numbers)
        now.late_keys.extend(keys)
        late = len(now.late_keys)
        if late >= SMALLEST_MERGE and late * MERGE_SHARE >= len(now.keys):
            merged = now.columns()
            self._now = _posted(merged["keys"], merged["numbers"])
            return
        for key, number in zip(np.asarray(keys).tolist(), np.asarray(numbers).tolist(), strict=True):
            now.late.setdefault(key, []).append(number)

    def one(self, key: int) -> list[int]:
        """The numbers under a key, ascending."""
        now = self._now
        keys = now.keys.data
        first = bisect_left(keys, key)
        found: list[int] = now.numbers[first : bisect_right(keys, key, first)].tolist()
        return found + now.late.get(key, [])

    def of(self, keys: Integers) -> Integers:
        """The numbers under some keys, in no particular order."""
        now = self._now
        first = np.searchsorted(now.keys, keys)
        lengths = np.searchsorted(now.keys, keys, "right") - first
        places = np.repeat(first - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        late_keys, late_numbers = now.late_keys.view(), now.late_numbers.view()
        both = min(len(late_keys), len(late_numbers))
        return np.concatenate((now.numbers[places], late_numbers[:both][is_in(late_keys[:both], keys)]))

    @property
    def posted(self) -> Posted:
        """What is posted now."""
        return self._now


def _posted(keys: Integers, numbers: Integers) -> Posted:
    return Posted(keys, numbers, Growing(np.int32), Growing(np.int32), {})
