"""The moment that a page is asked about, as people write it."""

import re
from typing import Final

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_MINUTE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")


def as_of_given(given: str | None) -> str | None:
    """RFC 3339 for what a page was asked as of: a day means its end, and a time without an offset is in UTC.

    What is none of these is returned as it is, for the question to refuse.
    """
    if given is None:
        return None
    if _DAY.fullmatch(given):
        return f"{given}T23:59:59.999999Z"
    if _MINUTE.fullmatch(given):
        return f"{given}Z" if given.count(":") == 2 else f"{given}:59.999999Z"
    return given
