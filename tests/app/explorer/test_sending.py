"""Pages that are sent while they are made."""

import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request

from descentd.app.explorer.sending import PageInPieces
from tests.app.explorer.visiting import Visit

pytestmark = pytest.mark.anyio

HEAD, REST = "<head>" + "x" * 2_000, "<body>ü"


class Sent:
    """What was sent of a page, and what was made of it when the first piece was."""

    def __init__(self, *, fails: bool = False, accepts: str = "") -> None:
        self._fails = fails
        self.made: list[str] = []
        self.made_before = 0
        self.messages: list[Any] = []
        headers = [(b"accept-encoding", accepts.encode())] if accepts else []
        self.page = PageInPieces(Request({"type": "http", "headers": headers}), self._texts(), 200)

    def _texts(self) -> Iterator[str]:
        for text in (HEAD, REST):
            self.made.append(text)
            yield text
        if self._fails:
            raise RuntimeError("broken")

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.body" and not self.body:
            self.made_before = len(self.made)
        self.messages.append(message)

    async def receive(self) -> Any:
        raise AssertionError("nothing is received")

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def ended(self) -> bool:
        return self.messages[-1].get("more_body") is False

    async def all(self) -> None:
        await self.page.begin()
        await self.page({"type": "http"}, self.receive, self.send)


async def test_the_first_piece_is_sent_before_the_next_is_made() -> None:
    sent = Sent()
    await sent.all()
    assert sent.made_before == 1
    assert sent.body.decode() == HEAD + REST
    assert sent.ended
    assert "content-length" not in sent.page.headers


async def test_each_compressed_piece_can_be_read_once_it_has_come() -> None:
    sent = Sent(accepts="gzip")
    await sent.all()
    assert sent.page.headers["content-encoding"] == "gzip"
    reading = zlib.decompressobj(wbits=31)
    pieces = [reading.decompress(message["body"]).decode() for message in sent.messages[1:]]
    assert [piece for piece in pieces if piece] == [HEAD, REST]
    assert reading.eof


async def test_what_fails_later_breaks_the_page_off() -> None:
    sent = Sent(fails=True)
    with pytest.raises(RuntimeError, match="broken"):
        await sent.all()
    assert sent.body.decode() == HEAD
    assert not sent.ended


async def test_what_fails_first_is_told_with_its_status(bank: Visit) -> None:
    assert (await bank.get("/lineage/model:bank/nobody@1")).status_code == 404
    assert (await bank.get("/lineage/model:bank/scorer@2.0?up=x")).status_code == 400
