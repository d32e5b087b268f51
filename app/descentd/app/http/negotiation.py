"""What routes ask of a request before they look into it: what it is, what it accepts, how large its body is."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.requests import Request

from descentd.app.http.errors import Refusal
from descentd.graph.model.errors import InvalidInput, TooCostly


def require_content_type(headers: Headers, *wanted: str) -> None:
    """Raise Refusal unless the body is of a wanted type, in UTF-8."""
    kind, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() not in wanted or charset not in ("", "utf-8", "utf8"):
        raise Refusal(InvalidInput(f"The body has to be {' or '.join(wanted)}: set Content-Type so."), 415)


def accepted(headers: Headers, offered: Sequence[str]) -> str | None:
    """The offered media type that a client likes best, the first where it does not mind, None where it takes none."""
    ranges = [_range(one) for one in headers.get("accept", "").split(",") if one.strip()]
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


def _range(given: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in given.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return kind, float(parameter[2:])
            except ValueError:
                return kind, 0.0
    return kind, 1.0


async def read_body(request: Request, limit: int) -> bytes:
    """The body; raises Refusal as soon as more than `limit` bytes are announced or have come."""
    too_large = Refusal(
        TooCostly(f"The body is larger than {limit} bytes: send less at once, or a manifest a line to /bulk."), 413
    )
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise too_large
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large
        chunks.append(chunk)
    return b"".join(chunks)
