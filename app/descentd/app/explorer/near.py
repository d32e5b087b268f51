"""Names near to one that is not registered: what its writer may have meant."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import ref, words
from descentd.graph.model.records import Brief
from descentd.queries.lineage.search import search
from descentd.queries.registry import Registry

_NAMED: Final = (Kind.MODEL_VERSION, Kind.DATASET, Kind.PARTITION)
_LOOKED_AT: Final = 200
_SHOWN: Final = 5
_BEGINNING: Final = 3


def is_ref(text: str) -> bool:
    """Whether a text has the form of a ref, whatever it names."""
    try:
        ref(text)
    except InvalidInput:
        return False
    return True


async def near(registry: Registry, text: str) -> Sequence[Brief]:
    """Up to five records whose refs are most like a text that names none, the likeliest first.

    They share its words, or if none does all but one, all but its last ones, or the beginning of one.
    """
    wanted = [word for word in words(text) if word not in {"model", "dataset"}][:12]
    tries = [wanted]
    tries += [wanted[:place] + wanted[place + 1 :] for place in range(len(wanted) - 1, -1, -1) if len(wanted) > 1]
    tries += [wanted[:length] for length in range(len(wanted) - 2, 0, -1)]
    tries += [[word[:_BEGINNING]] for word in sorted(wanted, key=len, reverse=True)[:2]]
    for some in tries:
        try:
            found = await search(registry, " ".join(some), _NAMED, _LOOKED_AT, None)
        except InvalidInput:
            continue
        if found.items:
            briefs = [brief for brief, _ in found.items]
            return sorted(briefs, key=lambda brief: -SequenceMatcher(None, brief.ref, text).ratio())[:_SHOWN]
    return ()
