"""A table of a page as CSV, with all of its rows: each part of them is asked for when the one before it was sent."""

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from descentd.app.explorer.page import Asked, Page, View
from descentd.app.explorer.rendering import HEADERS
from descentd.app.explorer.sending import GZIP_FORMAT, LEVEL, respond
from descentd.app.http.negotiation import accepts_gzip
from descentd.graph.model.errors import InvalidInput

Again = Callable[[Asked], Awaitable[View | Response]]
"""Asks the page once more, for later rows."""

_TYPE: Final = "text/csv; charset=utf-8"


async def as_csv(request: Request, page: Page, asked: Asked, view: View, again: Again) -> Response:
    """The table that is asked for by its name, the only one unless named; raises InvalidInput where there is none."""
    names = [table.name for table in view.tables]
    name = asked.query.get("table") or (names[0] if len(names) == 1 else None)
    if name not in names:
        known = ", ".join(names) or "none"
        raise InvalidInput(f"The page has no such table: ask by table= for one of {known}.", "table")
    parts = _parts(asked, view, name, again)
    first, goes_on = await anext(parts)
    rest = (text async for text, _ in parts)
    if goes_on and request.scope["http_version"] != "1.0":  # which knows of no chunks
        response: Response = CsvInPieces(request, first, rest)
    else:
        response = respond(request, "".join([first, *[text async for text in rest]]).encode(), _TYPE, 200)
    response.headers["Content-Disposition"] = f'attachment; filename="{page.name}-{name}.csv"'
    return response


async def _parts(asked: Asked, view: View | Response, name: str, again: Again) -> AsyncIterator[tuple[str, bool]]:
    """A table in parts, each with whether others follow: all of them as known when it was asked for."""
    headings = True
    while isinstance(view, View):
        [table] = [table for table in view.tables if table.name == name]
        following = asked.following(table.more)
        yield table.csv(headings=headings), following is not None
        if following is None:
            return
        asked, headings = following, False
        view = await again(asked)


class CsvInPieces(StreamingResponse):
    """A table of which each part is asked for when the one before it was sent, however many there are.

    What goes wrong then breaks the answer off, so that nobody takes it for whole.
    """

    def __init__(self, request: Request, first: str, rest: AsyncIterator[str]) -> None:
        headers = dict(HEADERS)
        pieces = _encoded(first, rest)
        if accepts_gzip(request.headers):
            headers["Content-Encoding"] = "gzip"
            pieces = _zipped_on(pieces)
        super().__init__(pieces, 200, headers, _TYPE)


async def _encoded(first: str, rest: AsyncIterator[str]) -> AsyncIterator[bytes]:
    yield first.encode()
    async for text in rest:
        yield text.encode()


async def _zipped_on(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packing = zlib.compressobj(LEVEL, wbits=GZIP_FORMAT)
    async for piece in pieces:
        yield packing.compress(piece)
    yield packing.flush()
