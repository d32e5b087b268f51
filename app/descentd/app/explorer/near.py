"""Names near to one that is not registered: what its writer may have meant."""

import asyncio
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

from descentd.graph.model.errors import DescentError, InvalidInput, NotFound
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import LONGEST, ref, words
from descentd.graph.model.records import Brief
from descentd.queries.lineage.search import search
from descentd.queries.registry import Registry

_NAMED: Final = (Kind.MODEL_VERSION, Kind.DATASET, Kind.PARTITION)
_LONGEST: Final = len("dataset:@#") + 3 * LONGEST
"""Characters of a ref at most, so that of a longer text no more are compared."""
_LOOKED_AT: Final = 200
_SHOWN: Final = 5
_TRIES: Final = 5
"""Searches at most that find something, after which nothing is looked for any more."""
_BEGINNING: Final = 3
_NEARLY: Final = 0.8
"""How much of two names has to be the same, from 0 to 1, for one to be a slip of the other."""


def unknown_name(error: DescentError, asked: str) -> str:
    """What was named and is not there, of a page that was asked about a record by `asked`; empty where nothing was."""
    if isinstance(error, NotFound):
        return error.ref or asked
    return asked if isinstance(error, InvalidInput) and not _is_ref(asked) else ""


def _is_ref(text: str) -> bool:
    try:
        ref(text)
    except InvalidInput:
        return False
    return True


async def near(registry: Registry, text: str, seconds: float) -> Sequence[Brief]:
    """Up to five records whose refs are most like a text that names none, the likeliest first; none where none is.

    They have all its words; or a name that is nearly its, and all its words but one, all but its last ones, or the
    beginning of one. None, too, where that takes longer than so many seconds or the store is away by now: what went
    wrong first is what is said.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _near(registry, text[:_LONGEST])
    except (DescentError, TimeoutError):
        return ()


async def _near(registry: Registry, text: str) -> Sequence[Brief]:
    wanted = [word for word in words(text) if word not in {"model", "dataset"}][:12]
    tries = [wanted]
    tries += [wanted[:place] + wanted[place + 1 :] for place in range(len(wanted) - 1, -1, -1) if len(wanted) > 1]
    tries += [wanted[:length] for length in range(len(wanted) - 2, 0, -1)]
    tries += [[word[:_BEGINNING]] for word in sorted(wanted, key=len, reverse=True)[:2]]
    found_something = 0
    for some in tries:
        try:
            found = await search(registry, " ".join(some), _NAMED, _LOOKED_AT, None)
        except InvalidInput:  # of no word, or of one that is too long
            continue
        alike = [brief for brief, _ in found.items if some == wanted or _is_slip(brief.ref, text)]
        if alike:
            return sorted(alike, key=lambda brief: -_likeness(brief.ref, text))[:_SHOWN]
        found_something += bool(found.items)
        if found_something == _TRIES:
            break
    return ()


def _is_slip(ref: str, text: str) -> bool:
    """Whether a name is written nearly so, with another owner or version, too."""
    one, other = (given.rpartition(":")[2].partition("@")[0].casefold() for given in (ref, text))
    own = _likeness(one.rpartition("/")[2], other.rpartition("/")[2])
    return max(_likeness(one, other), own) >= _NEARLY


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()
