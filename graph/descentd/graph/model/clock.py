"""The clock of the registry, in microseconds and in RFC 3339."""

import time
from typing import Final

from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.names import instant, rfc3339

AHEAD: Final = 300
"""Seconds by which the clock of a sender may be ahead of ours."""


def now() -> int:
    """The present moment in microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def timestamp() -> str:
    """The present moment in RFC 3339, as records hold it: `2025-01-15T10:00:00.123456Z`."""
    return rfc3339(now())


def check_past(moment: str | None, field: str) -> None:
    """Raise InvalidInput for `field` where a moment (RFC 3339) is more than `AHEAD` seconds ahead of this clock."""
    if moment is not None and instant(moment) > now() + AHEAD * 1_000_000:
        raise InvalidInput(
            f"{moment} is more than {AHEAD} seconds ahead of the registry's clock ({timestamp()}): give the moment at "
            "which it happened, in UTC or with its offset.",
            field,
        )
