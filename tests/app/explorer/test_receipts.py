"""What a page says was done: once, to whoever did it, and by no address."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from descentd.app.explorer.address import address
from descentd.app.explorer.catalogue import PAGES
from descentd.app.explorer.receipts import Receipts
from descentd.app.explorer.rendering import Rendering
from descentd.app.explorer.sessions import Sessions
from tests.app.explorer.bank import FIRST, LOANS, THIRD, fill
from tests.app.explorer.test_signing_in import sign_in, token_for, token_of_sign_out
from tests.app.explorer.visiting import Visit, text_of, token_of, visiting

pytestmark = pytest.mark.anyio
GATE = f"/gate/{THIRD}?environment=production"
NOTE = f"/record/{THIRD}"
SAID = {name: Rendering.of().words[f"done.{name}"] for page in PAGES for name in (act.name for act in page.acts)}


def said(page: Any) -> set[str]:
    text = text_of(page.text)
    return {sentence for sentence in SAID.values() if sentence in text}


@pytest.mark.parametrize(
    ("path", "act", "fields"),
    [
        (GATE, "review", {"decision": "ABSTAIN", "reason": "Not mine."}),
        (f"/impact/{FIRST}", "flag", {"action": "REVIEW", "reason": "Look.", "confirmed": "yes"}),
        (NOTE, "note", {"text": "Look."}),
        (address("record", f"{LOANS}#train"), "note", {"text": "Of a part."}),
    ],
)
async def test_what_was_done_is_said_once_on_its_page_by_an_address_that_can_be_shared(
    path: str, act: str, fields: dict[str, str]
) -> None:
    async with visiting() as visit:
        await fill(visit.registry)
        sent = await visit.send(path, act, **fields)
        assert (sent.status_code, sent.headers["location"]) == (303, path)
        assert sent.headers["cache-control"] == "no-store"
        cookie = sent.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        await visit.client.head(path)  # a program that looks whether the page is there
        assert said(await visit.get("/")) == set()
        assert said(await visit.get(path)) == {SAID[act]}
        assert said(await visit.get(path)) == set()
        assert not any(name.startswith("descent_done") for name in visit.client.cookies)


async def test_no_address_claims_what_was_not_done(bank: Visit) -> None:
    for path in ("/", NOTE, f"/impact/{FIRST}"):
        for act in SAID:
            assert said(await bank.get(f"{path}?done={act}")) == set()
    for why in ("sent", "ended", "out"):
        page = text_of((await bank.get(f"/sign-in?why={why}")).text)
        assert "session ended" not in page
        assert "not recorded" not in page
        assert "signed out" not in page


async def test_each_tab_has_its_own(bank: Visit) -> None:
    """Two acts on two pages, before either page has come."""
    await bank.send(NOTE, "note", text="One.")
    await bank.send(f"/impact/{FIRST}", "flag", action="REVIEW", reason="Look.", confirmed="yes")
    assert said(await bank.get(NOTE)) == {SAID["note"]}
    assert said(await bank.get(f"/impact/{FIRST}")) == {SAID["flag"]}


async def test_it_is_of_whoever_did_it_and_read_by_every_worker(store_file: str) -> None:
    lars, rita = [await token_for(store_file, name, "reviewer") for name in ("lars", "rita")]
    cookies: dict[str, str] = {}
    for key, sees in (("a" * 32, ()), ("a" * 32, {SAID["note"]})):
        async with visiting(store=store_file, session_key=key) as visit:
            if not cookies:
                await fill(visit.registry)
                await sign_in(visit, lars)
                token = token_of((await visit.get(NOTE)).text, "note")
                await visit.post(NOTE, act="note", token=token, text="By lars.")
                cookies = dict(visit.client.cookies)
                left = await visit.get("/")
                await visit.post("/sign-out", token=token_of_sign_out(left.text))
                assert "You are signed out." in text_of((await visit.get("/sign-in")).text)
                await sign_in(visit, rita)
                assert said(await visit.get(NOTE)) == set()
            else:
                visit.client.cookies.update(cookies)
                assert said(await visit.get(NOTE)) == sees


KEYS = st.binary(min_size=32, max_size=32)
PATHS = st.text(max_size=30).map("/record/".__add__)


@given(KEYS, KEYS, PATHS, PATHS, st.sampled_from(sorted(SAID)), st.text(max_size=8), st.text(max_size=8))
def test_a_receipt_counts_for_its_key_page_and_session_alone(
    key: bytes, other_key: bytes, path: str, other_path: str, act: str, session: str, other_session: str
) -> None:
    def request(path: str, cookie: str = "") -> Request:
        headers = [(b"cookie", cookie.encode())] if cookie else []
        return Request({"type": "http", "method": "GET", "scheme": "http", "path": path, "headers": headers})

    given, response = Receipts(Sessions(key, 60, secure=False)), Response()
    given.give(response, request(path), session, act, path)
    cookie = response.headers["set-cookie"].partition(";")[0]
    assert given.of(request(path, cookie), session) == act
    assert given.of(request(path), session) == ""
    if session != other_session:
        assert given.of(request(path, cookie), other_session) == ""
    if path != other_path:
        assert given.of(request(other_path, cookie), session) == ""
    if key != other_key:
        assert Receipts(Sessions(other_key, 60, secure=False)).of(request(path, cookie), session) == ""
