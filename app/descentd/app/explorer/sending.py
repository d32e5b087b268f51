"""How a page is sent: whole, or in pieces while it is made; compressed where that is worth it."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from descentd.app.explorer.rendering import HEADERS
from descentd.app.http.negotiation import accepts_gzip
from descentd.graph.turns import in_thread

_COMPRESSED: Final = 1400
LEVEL: Final = 1
_HEAD: Final = 2_000
"""Characters of the first piece: what the browser has to load is named in them."""
_PIECE: Final = 60_000
GZIP_FORMAT: Final = 31


def respond(request: Request, body: bytes, kind: str, status: int) -> Response:
    """A body with the headers of pages, compressed where that is worth it."""
    headers = dict(HEADERS)
    if len(body) >= _COMPRESSED and accepts_gzip(request.headers):
        body = gzip.compress(body, LEVEL)
        headers["Content-Encoding"] = "gzip"
    return Response(body, status, headers, media_type=kind)


class PageInPieces(Response):
    """A page of which browsers load files, and read what there is, while the rest is made.

    Whatever may go wrong has to be asked before, since the status is sent with the first piece. What is not foreseen
    breaks the answer off, so that nobody takes it for whole.
    """

    def __init__(self, request: Request, texts: Iterable[str], status: int) -> None:
        """`texts` are taken in threads."""
        super().__init__(None, status, dict(HEADERS), media_type="text/html")
        del self.headers["Content-Length"]
        zipped = accepts_gzip(request.headers)
        if zipped:
            self.headers["Content-Encoding"] = "gzip"
        self._pieces = _zipped(_pieces(texts)) if zipped else _pieces(texts)
        self._first = b""

    async def begin(self) -> None:
        """Make the first piece; raises what that raises."""
        self._first = await in_thread(next, self._pieces, b"")

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        piece = self._first
        while piece:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            piece = await in_thread(next, self._pieces, b"")
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _pieces(texts: Iterable[str]) -> Iterator[bytes]:
    """Texts put together to pieces that are worth to be sent by themselves."""
    held: list[str] = []
    size, enough = 0, _HEAD
    for text in texts:
        held.append(text)
        size += len(text)
        if size >= enough:
            yield "".join(held).encode()
            held.clear()
            size, enough = 0, _PIECE
    if held:
        yield "".join(held).encode()


def _zipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Each of the pieces so that it can be read once it has come."""
    packing = zlib.compressobj(LEVEL, wbits=GZIP_FORMAT)
    for piece in pieces:
        yield packing.compress(piece) + packing.flush(zlib.Z_SYNC_FLUSH)
    yield packing.flush()
