"""Content negotiation and reading of bodies: media types, Accept, and how large a body may be."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.requests import Request

from descentd.app.http.errors import Refusal
from descentd.graph.model.errors import InvalidInput, TooCostly, Unavailable


def require_content_type(headers: Headers, *wanted: str) -> None:
    """Raise Refusal (415) unless the body is of a wanted media type, in UTF-8."""
    kind, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() not in wanted or charset not in ("", "utf-8", "utf8"):
        raise Refusal(InvalidInput(f"Expected a body of type {' or '.join(wanted)} in UTF-8: set Content-Type."), 415)


def accepted(headers: Headers, offered: Sequence[str]) -> str | None:
    """The offered media type that Accept prefers, the first where there is no Accept, None where none is acceptable."""
    ranges = _ranges(headers.get("accept", ""))
    if not ranges:
        return offered[0]
    best, found = 0.0, None
    for kind in offered:
        group = kind.partition("/")[0]
        # The most specific range decides (RFC 9110, 12.5.1).
        quality = next((q for wanted in (kind, f"{group}/*", "*/*") for name, q in ranges if name == wanted), 0.0)
        if quality > best:
            best, found = quality, kind
    return found


def accepts_gzip(headers: Headers) -> bool:
    """Whether Accept-Encoding names gzip, or anything, with a quality above 0."""
    qualities = dict(_ranges(headers.get("accept-encoding", "")))
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


@lru_cache(maxsize=64)
def _ranges(given: str) -> Sequence[tuple[str, float]]:
    """What a header accepts, with its qualities: clients send the same one each time."""
    return [_range(one) for one in given.split(",") if one.strip()]


def _range(given: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in given.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return kind, float(parameter[2:])
            except ValueError:
                return kind, 0.0
    return kind, 1.0


Reserve = Callable[[int], None]
"""Takes a number of bytes that are about to be kept; raises Unavailable where there is no room for them."""


class ReadBudget:
    """How many bytes of requests of strangers may be in memory at once: `total`, and `each` from one address."""

    def __init__(self, total: int, each: int) -> None:
        self._total = total
        self._each = each
        self._used: Counter[str] = Counter()

    @contextmanager
    def reserve(self, client: str) -> Iterator[Reserve]:
        """What reserves room for the bytes of one request from an address; all of it is free again afterwards."""
        mine = 0

        def reserve(size: int) -> None:
            nonlocal mine
            if self._used[client] + size > self._each or self._used.total() + size > self._total:
                raise Unavailable("Too many deliveries are being read at this moment: send this one again later.")
            self._used[client] += size
            mine += size

        try:
            yield reserve
        finally:
            self._used[client] -= mine
            if not self._used[client]:
                del self._used[client]


async def read_body(request: Request, limit: int, reserve: Reserve = lambda _: None) -> bytes:
    """The body of a request; `reserve` is asked for each chunk before it is kept.

    Raises Refusal as soon as more than `limit` bytes are announced or have come, what `reserve` raises, and
    ClientDisconnect.
    """
    too_large = Refusal(
        TooCostly(f"The body is larger than {limit} bytes: send less at once, or a manifest a line to /records."), 413
    )
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise too_large
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large
        reserve(len(chunk))
        chunks.append(chunk)
    return b"".join(chunks)
