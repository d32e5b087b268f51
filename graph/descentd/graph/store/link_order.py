"""The order of links: by the record that they leave, then by role, then by the record at which they arrive."""

from collections.abc import Sequence
from heapq import merge
from itertools import chain
from operator import attrgetter
from typing import Final

from descentd.graph.store.base import Link
from descentd.graph.turns import each, pause

IN_ORDER: Final = attrgetter("source", "role", "target")
"""The key to sort links by."""
_AT_ONCE: Final = 500
"""Links that are sorted at once: a millisecond or less."""


async def merged(runs: Sequence[Sequence[Link]]) -> list[Link]:
    """The links of some runs, each of which is in order; others have their turns in between."""
    if len(runs) < 2:
        return [*chain(*runs)]
    return [link async for link in each(merge(*runs, key=IN_ORDER))]


async def in_order(links: Sequence[Link]) -> list[Link]:
    """Links, sorted; others have their turns in between, because to sort those of 10,000 records takes 150 ms."""
    runs = []
    for start in range(0, len(links), _AT_ONCE):
        runs.append(sorted(links[start : start + _AT_ONCE], key=IN_ORDER))
        await pause()
    return await merged(runs)
