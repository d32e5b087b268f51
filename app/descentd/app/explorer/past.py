"""The moment that a page is asked about: as people write it, and as a place in the log, which a slider chooses."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from descentd.app.explorer.called import called
from descentd.app.explorer.page import Asked, Page, View
from descentd.graph.model import clock
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.names import given_instant, rfc3339
from descentd.queries.registry import Registry, moment_of

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_MINUTE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")
_LONGEST: Final = 80
"""Characters of what is no moment that are repeated."""
_EXPECTED: Final = "write a day, 2025-07-20, or a time in UTC, 2025-07-20T14:03"


def as_of_given(given: str | None) -> str | None:
    """RFC 3339 for what a page was asked as of: a day means its end, and a time without an offset is in UTC.

    Raises InvalidInput, which repeats what was given, for anything else.
    """
    if given is None:
        return None
    meant = given
    if _DAY.fullmatch(given):
        meant = f"{given}T23:59:59.999999Z"
    elif _MINUTE.fullmatch(given):
        meant = f"{given}Z" if given.count(":") == 2 else f"{given}:59.999999Z"
    try:
        given_instant(meant)
    except InvalidInput:
        raise InvalidInput(f"{given[:_LONGEST]!r} is not a moment: {_EXPECTED}.", "asOf") from None
    return meant


def shown_as_of(given: str | None, page: Page) -> tuple[str | None, int | None]:
    """As of when a page is shown that was asked for `given`, in RFC 3339, None for now; and the moment that is meant.

    Raises InvalidInput for what is no moment, also on a page that can only show now.
    """
    meant = as_of_given(given)
    moment = moment_of(meant)
    has_come = moment is not None and moment <= clock.now()
    return meant if page.as_of and has_come else None, moment


def in_utc(given: str) -> str:
    """RFC 3339 for a time without an offset, which is in UTC and begins its minute; anything else as it is."""
    if not _MINUTE.fullmatch(given):
        return given
    return f"{given}Z" if given.count(":") == 2 else f"{given}:00Z"


async def registered_later(asked: Asked, ref: str | None) -> View | None:
    """What is shown of the past in place of a page about a record that was registered later; None where it was not."""
    briefs = await asked.registry.store.resolve([ref]) if asked.moment is not None and ref is not None else {}
    for brief in briefs.values():
        [entry] = await asked.registry.store.entries([brief.sequence])
        values = {"brief": brief, "entry": entry, "registered": rfc3339(entry.recorded_at), "here": ""}
        return View(asked.words("later.title", of=called(brief)), values, template="later.html")
    return None


_MARKS: Final = 32
"""Entries at most whose moments a slider knows."""


@dataclass(frozen=True, slots=True)
class Slider:
    """From the first entry of the log to the `last`, at entry `at`; `marks` are (entry, moment) of some of them."""

    at: int
    last: int
    marks: Sequence[tuple[int, int]]


class Moments:
    """When some entries of a log were recorded, evenly spread: the same ones for as long as it does not double."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}

    async def slider(self, registry: Registry, at: int) -> Slider:
        """The slider of a page that shows the registry at an entry."""
        last = await registry.sequence()
        wanted = range(1, last + 1, 1 << (last // _MARKS).bit_length())
        known = dict(self._known)
        missing = [number for number in wanted if number not in known]
        for entry in await registry.store.entries(missing) if missing else ():
            known[entry.sequence] = entry.recorded_at
        self._known = {number: known[number] for number in wanted}
        return Slider(at, last, tuple(self._known.items()))


async def moment_of_entry(registry: Registry, given: str) -> str | None:
    """When an entry of the log was recorded, in RFC 3339; None for the last, after which nothing has come.

    Raises InvalidInput for what is no entry's number.
    """
    last = await registry.sequence()
    if not (given.isascii() and given.isdigit() and len(given) <= 12 and 1 <= int(given) <= max(last, 1)):
        raise InvalidInput(f"Expected the number of an entry, from 1 to {last:,}, got {given[:40]}.", "entry")
    if int(given) >= last:
        return None
    [entry] = await registry.store.entries([int(given)])
    return rfc3339(entry.recorded_at)
