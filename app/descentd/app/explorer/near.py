"""Names near to one that is not registered: what its writer may have meant."""

import asyncio
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request

from descentd.app.explorer.address import address, path_of
from descentd.app.explorer.page import NAMED, Page
from descentd.graph.model.errors import DescentError, InvalidInput, NotFound
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import LONGEST, ref, words
from descentd.graph.model.records import Brief
from descentd.queries.lineage.search import search
from descentd.queries.registry import Registry

_OF_ANOTHER: Final = frozenset({"after", "format", "table"})
"""Parameters that go with an answer that was shown, and not with another."""
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


def instead(request: Request, page: Page | None, wanted: str, ref: str) -> str:
    """The address that was asked for with a ref in place of a name that is not there, of its record or in its query."""
    query = _kept(request)
    for name, value in query.items():
        if value.strip() == wanted:
            return f"{path_of(request)}?{urlencode({**query, name: ref})}"
    return address(page.name, ref, **query) if page is not None and page.of_record else address("record", ref)


def search_address(request: Request, page: Page | None, wanted: str) -> str:
    """Where a name that is not there is searched for: as the record that a page is about, on that page.

    On the page of records, and for what was asked beside it, it is searched for among all records.
    """
    query = _kept(request)
    in_path = page is not None and page.of_record and wanted not in map(str.strip, query.values())
    if page is None or not in_path or page.name == "record":
        return address("search", q=wanted)
    return address(page.name, **{**query, "q": wanted})


def _kept(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.query_params.items() if value and name not in _OF_ANOTHER}


async def near(registry: Registry, text: str, seconds: float, kinds: Collection[Kind] = NAMED) -> Sequence[Brief]:
    """Up to five records whose refs are most like a text that names none, the likeliest first; none where none is.

    kinds: those that they are of. They have all its words; or a name that is nearly its, and all its words but one, all
    but its last ones, or the beginning of one. None, too, where that takes longer than so many seconds or the store is
    away by now: what went wrong first is what is said.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _near(registry, text[:_LONGEST], sorted(kinds))
    except (DescentError, TimeoutError):
        return ()


async def _near(registry: Registry, text: str, kinds: Sequence[Kind]) -> Sequence[Brief]:
    wanted = [word for word in words(text) if word not in {"model", "dataset"}][:12]
    # Of a name without words, such as an emoji, only the version could be found: that of whatever has the same.
    named = bool(words((text.rpartition("@")[0] or text).removeprefix("model:").removeprefix("dataset:")))
    tries = [wanted]
    tries += [wanted[:place] + wanted[place + 1 :] for place in range(len(wanted) - 1, -1, -1) if len(wanted) > 1]
    tries += [wanted[:length] for length in range(len(wanted) - 2, 0, -1)]
    tries += [[word[:_BEGINNING]] for word in sorted(wanted, key=len, reverse=True)[:2]]
    found_something = 0
    for some in tries:
        try:
            found = await search(registry, " ".join(some), kinds, _LOOKED_AT, None)
        except InvalidInput:  # of no word, or of one that is too long
            continue
        alike = [brief for brief, _ in found.items if (some == wanted and named) or _is_slip(brief.ref, text)]
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
