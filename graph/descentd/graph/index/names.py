"""Names of what populations list: attributes with their values, numbered in the order in which they came.

Those of a snapshot stay in its file as text and are read when they are asked for, found by a hash of how they read once
folded, so that all spellings of one are found together.
"""

from bisect import bisect_left
from collections.abc import Iterator
from hashlib import blake2b

import numpy as np

from descentd.graph.index.arrays import Growing
from descentd.graph.index.columns import Columns, Stored
from descentd.graph.populations import Pair, fold


class Names:
    """The number of each name, and the name of each number. One writer adds; readers may ask at any time."""

    def __init__(self, columns: Columns) -> None:
        self._text = columns.array("text", np.uint8)
        """The names in UTF-8, attribute and value of each, one after another."""
        self._ends = columns.array("ends", np.int64)
        """Where each attribute and each value ends in it."""
        self._hashes = columns.array("hashes", np.uint64)
        """The hashes of the folded names, ascending."""
        self._numbers = columns.array("numbers", np.int32)
        """The number of the name that each of the hashes is of."""
        self._stored = len(self._numbers)
        self._late: list[Pair] = []
        self._late_hashes = Growing(np.uint64)
        self._known: dict[Pair, int] = {}
        self._alike: dict[Pair, list[int]] = {}

    def __len__(self) -> int:
        return self._stored + len(self._late)

    def __getitem__(self, number: int) -> Pair:
        if number >= self._stored:
            return self._late[number - self._stored]
        start = int(self._ends[2 * number - 1]) if number else 0
        middle, end = self._ends[2 * number : 2 * number + 2].tolist()
        return self._read(start, middle), self._read(middle, end)

    def _read(self, start: int, end: int) -> str:
        return self._text[start:end].tobytes().decode(errors="surrogatepass")

    def find(self, name: Pair) -> int | None:
        """The number of a name, None where there is none."""
        known = self._known.get(name)
        if known is None:
            known = next((number for number in self._stored_alike(fold(name)) if self[number] == name), None)
            if known is not None:
                self._known[name] = known
        return known

    def add(self, name: Pair) -> int:
        """The number of a name, which is given one where it has none."""
        number = self.find(name)
        if number is None:
            number, folded = len(self), fold(name)
            self._late.append(name)
            self._late_hashes.extend((_hash(folded),))
            self._alike.setdefault(folded, []).append(number)
            self._known[name] = number
        return number

    def alike(self, folded: Pair) -> list[Pair]:
        """All names that read as this one once folded."""
        return [self[number] for number in (*self._stored_alike(folded), *self._alike.get(folded, ()))]

    def _stored_alike(self, folded: Pair) -> Iterator[int]:
        wanted = _hash(folded)
        place = bisect_left(self._hashes.data, wanted)
        while place < self._stored and self._hashes[place] == wanted:
            number = int(self._numbers[place])
            if fold(self[number]) == folded:
                yield number
            place += 1

    def columns(self) -> Stored:
        """What the names are restored from."""
        texts = [text.encode(errors="surrogatepass") for name in self._late for text in name]
        hashes = np.concatenate((self._hashes, self._late_hashes.view()))
        numbers = np.concatenate((self._numbers, np.arange(self._stored, len(hashes), dtype=np.int32)))
        order = np.lexsort((numbers, hashes))
        lengths = np.array([len(text) for text in texts], np.int64)
        return {
            "text": np.concatenate((self._text, np.frombuffer(b"".join(texts), np.uint8))),
            "ends": np.concatenate((self._ends, len(self._text) + np.cumsum(lengths))),
            "hashes": hashes[order],
            "numbers": numbers[order],
        }


def _hash(name: Pair) -> int:
    attribute, value = (text.encode(errors="surrogatepass") for text in name)
    return int.from_bytes(blake2b(b"%d %b%b" % (len(attribute), attribute, value), digest_size=8).digest(), "big")
