"""Times as Neo4j keeps them: ZONED DATETIME in UTC, by which Cypher can compare, subtract and truncate.

The registry counts in microseconds since 1970 UTC, and records hold RFC 3339 with up to nine decimals; neither loses
anything by it, and the content of a record stays the text that it is.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from neo4j.time import DateTime

NAMED: Final = frozenset({"at", "createdAt", "evaluatedAt", "expiresAt", "resolvedAt", "since", "until"})
"""The fields of records' content that hold a time."""

SECOND: Final = 1_000_000
"""Microseconds of a second."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_LAST_MOMENT: Final = (_LAST - _EPOCH) // timedelta(microseconds=1)
_WRITTEN: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z")


def microseconds(expression: str) -> str:
    """Cypher for the microseconds since 1970 UTC of a time."""
    return f"{expression}.epochSeconds * 1000000 + {expression}.microsecond"


def time_of(expression: str) -> str:
    """Cypher for the time in UTC that `counted` gives as numbers: it takes the driver a tenth of what a time takes."""
    return f"datetime({{epochSeconds: {expression}[0], nanosecond: {expression}[1], timezone: 'Z'}})"


def counted(moment: int) -> list[int]:
    """The seconds since 1970 UTC, and nanoseconds, of microseconds; what is past the year 9999 is its end."""
    seconds, microseconds = divmod(min(moment, _LAST_MOMENT), SECOND)
    return [seconds, microseconds * 1000]


def zoned(moment: int) -> datetime:
    """The time of microseconds since 1970 UTC; what is past the year 9999 is its end."""
    try:
        return _EPOCH + timedelta(microseconds=moment)
    except OverflowError:
        return _LAST


def moment_of(kept: Any) -> int | None:
    """The microseconds since 1970 UTC of a property; None where it is no time in UTC that we may have written."""
    if not isinstance(kept, DateTime) or kept.utcoffset() != timedelta(0) or kept.nanosecond % 1000:
        return None
    return (kept.to_native() - _EPOCH) // timedelta(microseconds=1)


def zoned_if_any(moment: int | None) -> datetime | None:
    """As `zoned`; None, which Neo4j keeps as no property, stays None."""
    return None if moment is None else zoned(moment)


def kept_moment(kept: Any) -> int | None:
    """The microseconds of a property that we wrote; None where there is none.

    What somebody else wrote instead is 0, long ago: it lets no token live, and makes nobody wait.
    """
    return None if kept is None else moment_of(kept) or 0


def spelled(kept: Any) -> Any:
    """A property as chains of events say it: the microseconds of a time, and of anything else what it is."""
    moment = moment_of(kept)
    return moment if moment is not None or kept is None else f"no time: {kept}"


def shown(name: str, value: str) -> str | DateTime:
    """The property that people see of a field: a time to the nanosecond where it holds one, else the text."""
    found = _WRITTEN.fullmatch(value) if name in NAMED else None
    if found is None:
        return value  # the times of early records may have years of fewer digits
    *parts, decimals = found.groups()
    year, month, day, hour, minute, second = map(int, parts)
    return DateTime(year, month, day, hour, minute, second, int((decimals or "").ljust(9, "0")), tzinfo=UTC)


def comparable(value: Any) -> Any:
    """A property as it can be compared with others: what Python calls equal and Cypher does not is told apart.

    Times are compared by what they are written as, for equal ones may differ in their zone. 1 and 1.0 are one number.
    """
    match value:
        case DateTime():
            return "time", value.iso_format()
        case bool():
            return "boolean", value
        case list():
            return [comparable(one) for one in value]
        case _:
            return value
