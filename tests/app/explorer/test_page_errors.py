"""What goes wrong on pages: hostile texts, forms of strangers, unknown refs and addresses, a store that is away."""

import asyncio
from urllib.parse import urlencode

import pytest

from descentd.graph.model.errors import Unavailable
from descentd.graph.model.names import rfc3339
from tests.app.explorer.bank import FIRST, SECOND, THIRD, fill
from tests.app.explorer.visiting import Visit, tags, text_of, visiting

pytestmark = pytest.mark.anyio
HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7191}}[x](javascript:alert(1))"


async def test_what_is_hostile_is_text(bank: Visit) -> None:
    name = "<img src=x onerror=alert(1)>"
    profile = {"intendedUse": HOSTILE, "mustNotDo": [HOSTILE], "guardrails": [HOSTILE]}
    await bank.register(
        models=[{"name": name, "version": "1", "safetyProfile": profile, "description": HOSTILE}],
        notes=[{"subject": f"model:{name}@1", "author": HOSTILE, "text": HOSTILE}],
    )
    page = await bank.get("/record/model:%3Cimg%20src=x%20onerror=alert(1)%3E@1")
    assert page.status_code == 200
    assert not tags(page.text, "img")
    assert not [value for _, attributes in tags(page.text) for value in attributes if value and value.startswith("on")]
    assert "50337" not in text_of(page.text)  # no number that a clock shows
    assert HOSTILE in text_of(page.text)
    unknown = await bank.get("/record/model:%3Cscript%3Ealert(1)%3C%2Fscript%3E@1")
    assert unknown.status_code == 404
    assert [str(attributes["src"]).startswith("/static/") for _, attributes in tags(unknown.text, "script")] == [True]


async def test_an_unknown_ref_offers_the_nearest(bank: Visit) -> None:
    page = await bank.get("/record/model:bank/scorer@2.1")
    assert page.status_code == 404
    offered = [str(a["href"]) for _, a in tags(page.text, "a") if str(a["href"]).startswith("/record/")]
    assert offered
    assert set(offered) <= {f"/record/{ref}" for ref in (FIRST, SECOND, THIRD)}
    misspelt = await bank.get("/record/model:bank/scorre@2.0")
    assert f"/record/{THIRD}" in misspelt.text


async def test_no_text_turns_the_page_around(bank: Visit) -> None:
    for act, at, fields in (
        ("note", f"/record/{THIRD}", {"text": "Ask\u202e again."}),
        ("flag", f"/impact/{THIRD}", {"reason": "Ask\u202e again.", "action": "REVIEW", "confirmed": "yes"}),
    ):
        before = await bank.registry.sequence()
        refused = await bank.send(at, act, **fields)
        assert refused.status_code == 400
        assert "contains the invisible character U+202E: leave it out." in text_of(refused.text)
        assert await bank.registry.sequence() == before
        assert "\u202e" not in refused.text  # where what was written is there again
    await bank.register(models=[{"name": "turned", "version": "1", "config": {"a": "x\u202ey", "b": "\u202d"}}])
    page = (await bank.get("/record/model:turned@1")).text
    assert "a x\\u202ey, b \\u202d" in text_of(page)
    assert not {"\u202d", "\u202e"} & set(page)


async def test_pages_are_strict_about_what_they_load(bank: Visit) -> None:
    page = await bank.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    loaded = [str(a.get("href") or a.get("src")) for _, a in tags(page.text, "link", "script")]
    assert loaded
    for address in loaded:
        assert address.startswith("/static/")
        file = await bank.get(address)
        assert file.status_code == 200
        assert "immutable" in file.headers["cache-control"]
        again = await bank.get(address, **{"If-None-Match": file.headers["etag"]})
        assert again.status_code == 304
    assert not [a for _, a in tags(page.text) if "style" in a]


async def test_a_form_of_nobody_is_refused(bank: Visit) -> None:
    path = f"/record/{THIRD}"
    without = await bank.post(path, act="note", text="x")
    assert without.status_code == 403
    foreign = await bank.client.post(path, data={"act": "note"}, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    empty = await bank.send(path, "note", text=" ")
    assert empty.status_code == 400
    assert "The note is empty" in text_of(empty.text)


async def test_while_the_store_is_away_a_page_says_so_and_comes_back(
    bank: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> int:
        raise Unavailable("The store cannot be reached: try again in a moment.")

    with monkeypatch.context() as patched:
        patched.setattr(bank.registry.store, "sequence", away)
        page = await bank.get(f"/record/{THIRD}")
        assert page.status_code == 503
        assert "The registry cannot be reached" in text_of(page.text)
        [again] = [attributes for _, attributes in tags(page.text, "meta") if attributes.get("http-equiv") == "refresh"]
        assert again["content"] == "3"
    assert (await bank.get(f"/record/{THIRD}")).status_code == 200


async def test_a_store_that_hangs_is_one_that_is_away(bank: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs() -> int:
        await asyncio.Event().wait()
        raise AssertionError

    with monkeypatch.context() as patched:
        patched.setattr("descentd.app.explorer.endpoint._PATIENCE", 0.05)
        patched.setattr(bank.registry.store, "sequence", hangs)
        page = await bank.get(f"/record/{THIRD}")
    assert page.status_code == 503
    assert "The store does not answer at the moment" in text_of(page.text)
    assert [one for _, one in tags(page.text, "meta") if one.get("http-equiv") == "refresh"]
    assert (await bank.get(f"/record/{THIRD}")).status_code == 200


async def test_what_is_wrong_in_a_page_shows_nothing_of_the_inside(
    bank: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> int:
        raise RuntimeError("bolt://user:secret@host went away")

    monkeypatch.setattr(bank.registry.store, "sequence", broken)
    page = await bank.get(f"/record/{THIRD}")
    assert page.status_code == 500
    assert "secret" not in page.text
    assert "correlation id" in text_of(page.text)


async def test_an_address_of_nothing_is_a_page_to_browsers_and_a_problem_to_programs(bank: Visit) -> None:
    page = await bank.get("/nowhere", Accept="text/html,*/*;q=0.8")
    assert page.status_code == 404
    assert "Nothing is served at this address" in text_of(page.text)
    assert (await bank.get("/nowhere")).json()["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("view", "act", "fields"),
    [
        ("gate", "review", {"decision": "GO", "reason": "Enough."}),
        ("impact", "flag", {"action": "REVIEW", "reason": "Look.", "confirmed": "yes"}),
        ("record", "note", {"text": "Look."}),
    ],
)
async def test_nothing_is_decided_or_written_on_a_page_of_the_past(view: str, act: str, fields: dict[str, str]) -> None:
    """It would be recorded now, and the page would go on to show that it was not."""
    async with visiting() as visit:
        await fill(visit.registry)
        last = await visit.registry.sequence()
        [entry] = await visit.registry.store.entries([last])
        past = f"/{view}/{FIRST}?{urlencode({'environment': 'production', 'asOf': rfc3339(entry.recorded_at)})}"
        page = (await visit.get(past)).text
        assert not [a for _, a in tags(page, "form") if a.get("method") == "post"]
        said = text_of(page)
        assert "and this page shows the past" in said
        assert "A go alone" not in said
        assert "Decide for" not in said
        now = f"/{view}/{FIRST}?environment=production"
        refused = await visit.send(now, act, past, **fields)
        assert refused.status_code == 400
        assert "Nothing was recorded" in text_of(refused.text)
        assert await visit.registry.sequence() == last
        assert (await visit.send(now, act, **fields)).status_code == 303
        assert await visit.registry.sequence() == last + 1


@pytest.mark.parametrize("path", ["/", f"/record/{FIRST}", "/serving", "/gate"])
async def test_a_format_that_a_page_does_not_have_is_refused(bank: Visit, path: str) -> None:
    refused = await bank.get(f"{path}?format=foo")
    assert refused.status_code == 400
    assert "The page has no format 'foo': ask for its tables by csv." in text_of(refused.text)
    assert f'<a href="{path}">Open the page without it</a>' in refused.text
