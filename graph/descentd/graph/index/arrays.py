"""The arrays of the index: one byte for each edge, one for each record, and spare room at the end."""

from typing import Any, Final, Generic, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from descentd.graph.model.kinds import KIND_NUMBER, ROLE_NUMBER, Kind, Role
from descentd.graph.model.reach import Tail

Integers = NDArray[np.int32]
Tags = NDArray[np.uint8]

ROLE: Final = 0x1F
"""The bits of an edge's tag that hold its role number."""
CONDITIONAL: Final = 0x20
"""Knowledge flows along this edge unless the source's population is documented completely."""
EXPOSES: Final = 0x40
"""Knowledge of data flows along this edge from its target to its source."""
LEARNS: Final = 0x80
"""`Edge.learns`."""

TWIN: Final = 0x01
"""This record is a partition that shares its digest with another."""
PARTITIONED: Final = 0x02
"""This record is a dataset that lists partitions."""
TRAINED: Final = 0x08
"""This record is a version whose code or config speaks of training, as far as that matters (see `Tail.trained`)."""
LEARNED: Final = 0x04
"""This record is a dataset without partitions that some version learned from."""

VERSION: Final = KIND_NUMBER[Kind.MODEL_VERSION]
PARTITION: Final = KIND_NUMBER[Kind.PARTITION]
DATASET: Final = KIND_NUMBER[Kind.DATASET]
DISCLOSURE: Final = KIND_NUMBER[Kind.DISCLOSURE]

DERIVED_FROM: Final = ROLE_NUMBER[Role.DERIVED_FROM]
TRAINED_ON: Final = ROLE_NUMBER[Role.TRAINED_ON]
INCLUDES: Final = ROLE_NUMBER[Role.INCLUDES]
GENERATED_BY: Final = ROLE_NUMBER[Role.GENERATED_BY]


def tag_edges(tail: Tail, kinds: Tags, flags: Tags) -> tuple[Integers, Integers, Tags]:
    """Sources, targets and tags of a tail's edges, ascending by source; marks what is `PARTITIONED` in `flags`.

    The edges of disclosures are left out: they count as their subjects'.

    `kinds` and `flags` are indexed by sequence and reach to the tail's end. A dataset's derivations are repeated on
    each of its partitions, where it is known how far they matter: from the dataset itself they expose only when it has
    none.
    """
    sources, targets, roles, learns = tail.sources, tail.targets, tail.roles, tail.learns
    if tail.disclosures:
        own = kinds[sources] != DISCLOSURE
        sources, targets, roles, learns = sources[own], targets[own], roles[own], learns[own]
    if np.any(sources[1:] < sources[:-1]):
        order = np.argsort(sources, kind="stable")
        sources, targets, roles, learns = sources[order], targets[order], roles[order], learns[order]
    flags[sources[roles == INCLUDES]] |= PARTITIONED
    return sources, targets, tag(roles, learns, kinds[sources], flags[sources])


def tag(roles: Tags, learns: NDArray[np.bool_], kinds: Tags, flags: Tags) -> Tags:
    """The tags of edges with these roles from records of these kinds and with these flags."""
    partitioned = flags & PARTITIONED != 0
    derived = roles == DERIVED_FROM
    conditional = derived & (kinds == PARTITION)
    exposes = derived & ((kinds == VERSION) | ((kinds == DATASET) & ~partitioned))
    exposes |= conditional | ((roles == TRAINED_ON) & learns) | (roles == INCLUDES) | (roles == GENERATED_BY)
    tags: Tags = roles | learns * np.uint8(LEARNS) | exposes * np.uint8(EXPOSES) | conditional * np.uint8(CONDITIONAL)
    return tags


Scalar = TypeVar("Scalar", bound=np.generic)


def gather(values: NDArray[Scalar], places: NDArray[Any]) -> NDArray[Scalar]:
    """`values[places]` in half of the time, for places that are known to be there.

    Indexing looks at all of the places first, whether each is one; this takes those beyond the end as counted from the
    start again.
    """
    return values.take(places, mode="wrap")


def sorted_unique(values: NDArray[Scalar]) -> NDArray[Scalar]:
    """Each of some integers once, ascending.

    `numpy.unique` hashes them since NumPy 2.3, which takes twenty to fifty times as long as to sort them.
    """
    ordered = np.sort(values)
    if len(ordered) < 2:
        return ordered
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def is_in(values: NDArray[Any], members: NDArray[Any]) -> NDArray[np.bool_]:
    """For each of `values` whether it is in `members`; both are numbers ≥ 0, looked up in a table of the highest one.

    `numpy.isin` sorts and hashes them, and imports all of `numpy.ma`, where they are far apart.
    """
    if not len(members) or not len(values):
        return np.zeros(len(values), np.bool_)
    table = np.zeros(max(int(values.max()), int(members.max())) + 1, np.bool_)
    table[members] = True
    found: NDArray[np.bool_] = table[values]
    return found


class Growing(Generic[Scalar]):
    """A one-dimensional array with room at its end.

    One writer appends; readers hold a `view()`, whose items never move: a full buffer is replaced and not resized.
    """

    __slots__ = ("_buffer", "_length")

    def __init__(self, dtype: type[Scalar], values: ArrayLike = ()) -> None:
        self._buffer: NDArray[Scalar] = np.array(values, dtype=dtype)
        self._length = len(self._buffer)

    @classmethod
    def over(cls, buffer: NDArray[Scalar], length: int) -> Self:
        """An array whose values are the first of a buffer, the rest of which is room to grow into."""
        made = cls(buffer.dtype.type)
        made._buffer, made._length = buffer, length
        return made

    def __len__(self) -> int:
        return self._length

    def extend(self, values: ArrayLike) -> None:
        """Append `values`."""
        added = np.asarray(values, dtype=self._buffer.dtype)
        needed = self._length + len(added)
        if needed > len(self._buffer):
            buffer = np.zeros(needed + needed // 8 + 8, dtype=self._buffer.dtype)
            buffer[: self._length] = self._buffer[: self._length]
            self._buffer = buffer
        self._buffer[self._length : needed] = added
        self._length = needed

    def view(self) -> NDArray[Scalar]:
        """What is held now. Later appends do not show in it, later writes to its items do."""
        return self._buffer[: self._length]
