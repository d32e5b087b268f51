"""Forms that were not done: it is said at once and first, what was written is there, and nothing is left in doubt."""

import re
from typing import Any

import pytest

from descentd.app.explorer.address import address
from descentd.app.explorer.forms import FormTokens
from descentd.graph.inputs.acts import ResolutionInput
from descentd.graph.model.errors import Unavailable
from descentd.queries.production.record_incident import resolve
from tests.app.explorer.bank import FIRST, LOANS, THIRD, fill
from tests.app.explorer.visiting import Visit, links, tags, text_of, token_of, visiting

pytestmark = pytest.mark.anyio
GATE = f"/gate/{THIRD}?environment=production"
NOTE = f"/record/{THIRD}"
WRITTEN = "Written <b>at length</b>,\nin two lines."
FORMS: list[tuple[str, str, dict[str, str]]] = [
    (GATE, "review", {"decision": "ABSTAIN", "reason": WRITTEN}),
    (f"/impact/{FIRST}", "flag", {"action": "REVIEW", "reason": WRITTEN, "confirmed": "yes"}),
    (NOTE, "note", {"text": WRITTEN}),
    (NOTE, "retract", {"reason": WRITTEN, "confirmed": "yes"}),
    ("/incidents", "report", {"title": "Again", "severity": "HIGH", "subject": FIRST, "description": WRITTEN}),
]


def title(page: Any) -> str:
    found = re.search(r"<title>(.*?)</title>", page.text, re.DOTALL)
    assert found
    return found[1]


async def away(*_: Any) -> Any:
    raise Unavailable("The store cannot be reached: try again in a moment.")


def again(page: Any) -> dict[str, str]:
    """The fields of the form by which it is sent again."""
    [form] = re.findall(r'<form method="post"[^>]* data-again>.*?</form>', page.text, re.DOTALL)
    return {str(a["name"]): str(a["value"]) for _, a in tags(form, "input")}


@pytest.mark.parametrize(
    ("path", "act", "fields"),
    [
        (GATE, "review", {"decision": "MAYBE", "reason": WRITTEN}),
        (f"/impact/{FIRST}", "flag", {"action": "REVIEW", "reason": WRITTEN}),
        (NOTE, "note", {"text": WRITTEN + "\u202e"}),
        (NOTE, "retract", {"reason": WRITTEN}),
    ],
)
async def test_a_refusal_is_the_first_thing_of_its_page(path: str, act: str, fields: dict[str, str]) -> None:
    async with visiting() as visit:
        await fill(visit.registry)
        token = token_of((await visit.get(path)).text, act) if act != "retract" else ""
        token = token or token_of((await visit.get(path)).text, "note")
        sent = await visit.post(path, act=act, token=token, **fields)
        assert sent.status_code == 400
        assert title(sent).startswith("Not recorded. ")
        main = sent.text[sent.text.index("<main") :]
        [summary] = [a for _, a in tags(main) if a.get("role") == "alert"]
        assert {"autofocus", "tabindex"} <= summary.keys()
        assert main.index('role="alert"') < main.index("<h1")
        there = "#refused" in links(main)
        assert there == ('id="refused"' in main)
        assert WRITTEN.split("\n")[1] in text_of(main)
        form_actions = [a["action"] for _, a in tags(main, "form") if a.get("method") == "post"]
        assert not [action for action in form_actions if not action or "#" in action]


@pytest.mark.parametrize(("path", "act", "fields"), FORMS)
async def test_while_the_store_is_away_nothing_is_lost_and_it_can_be_sent_again(
    path: str, act: str, fields: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with visiting() as visit:
        await fill(visit.registry)
        before = await visit.registry.sequence()
        token = token_of((await visit.get(path)).text, act)
        with monkeypatch.context() as patched:
            patched.setattr(visit.registry.store, "sequence", away)
            sent = await visit.post(path, act=act, token=token, **fields)
        assert sent.status_code == 503
        assert title(sent).startswith("Not recorded. ")
        assert not [a for _, a in tags(sent.text, "meta") if a.get("http-equiv") == "refresh"]
        assert "in two lines." in text_of(sent.text)
        assert path in links(sent.text)
        assert await visit.registry.sequence() == before
        assert again(sent) == {"act": act, "token": token, **fields}
        for _ in range(2):
            assert (await visit.post(path, **again(sent))).status_code == 303
        assert await visit.registry.sequence() == before + 1


@pytest.mark.parametrize(("path", "act", "fields"), FORMS)
async def test_what_is_not_known_is_said_to_be_and_sent_again_is_recorded_once(
    path: str, act: str, fields: dict[str, str]
) -> None:
    async with visiting() as visit:
        await fill(visit.registry)
        await recorded_once(visit, path, act, fields)


async def test_what_ends_something_is_recorded_once_too() -> None:
    """Though what it ends has ended by when it is sent again."""
    async with visiting() as visit:
        await fill(visit.registry)
        flagged = address("record", f"{LOANS}#holdout")
        [clears] = re.findall(r'name="clears" value="([^"]+)"', (await visit.get(flagged)).text)
        await recorded_once(visit, flagged, "clear", {"clears": clears, "reason": WRITTEN, "confirmed": "yes"})
        incident = next(one for one in links((await visit.get("/incidents")).text) if one.startswith("/record/sha256"))
        await recorded_once(visit, incident, "resolve", {"reason": WRITTEN})


async def recorded_once(visit: Visit, path: str, act: str, fields: dict[str, str]) -> None:
    """A form is sent, the store records it, and goes away before it says so; then the form is sent again."""
    before = await visit.registry.sequence()
    token = token_of((await visit.get(path)).text, act)
    write = visit.registry.store.write

    async def recorded(proposals: Any) -> Any:
        await write(proposals)
        raise Unavailable("The store cannot be reached: try again in a moment.")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(visit.registry.store, "write", recorded)
        sent = await visit.post(path, act=act, token=token, **fields)
    assert sent.status_code == 503
    assert title(sent).startswith("Not known whether it was recorded. ")
    assert "Not recorded." not in text_of(sent.text)
    assert (await visit.post(path, **again(sent))).status_code == 303
    assert await visit.registry.sequence() == before + 1


async def test_a_form_that_was_sent_with_another_text_is_told_so_in_words_of_the_page() -> None:
    async with visiting() as visit:
        await fill(visit.registry)
        before = await visit.registry.sequence()
        token = token_of((await visit.get(GATE)).text, "review")
        for reason in ("One.", "Another."):
            sent = await visit.post(GATE, act="review", token=token, decision="ABSTAIN", reason=reason)
        assert sent.status_code == 409
        said = text_of(sent.text)
        assert "This form was sent before and said something else" in said
        assert "idempotencyKey" not in said
        once_more = await visit.post(
            GATE, act="review", token=token_of(sent.text, "review"), decision="ABSTAIN", reason="Another."
        )
        assert once_more.status_code == 303
        assert await visit.registry.sequence() == before + 2


async def test_an_old_form_is_not_said_to_be_a_matter_of_roles(bank: Visit) -> None:
    old = FormTokens(b"another key").new("local")
    for token in ("", "x.y", old):
        sent = await bank.post(NOTE, act="note", token=token, text=WRITTEN)
        assert sent.status_code == 403
        assert title(sent).startswith("Not recorded. This form is no longer valid")
        said = text_of(sent.text)
        assert "role does not allow" not in said
        assert "open the page again" in said
        assert "in two lines." in said
        assert NOTE in links(sent.text)
        assert "data-again" not in sent.text  # what another page may have filled in is not sent by one click
    foreign = await bank.client.post(NOTE, data={"act": "note"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert "This form is not of this registry" in title(foreign)


async def test_who_resolves_what_is_resolved_is_not_told_that_it_was_recorded() -> None:
    async with visiting() as visit:
        await fill(visit.registry)
        incident = next(one for one in links((await visit.get("/incidents")).text) if one.startswith("/record/sha256"))
        token = token_of((await visit.get(incident)).text, "resolve")
        given = {"incident": incident.removeprefix("/record/"), "reason": "By a call."}
        await resolve(visit.registry, ResolutionInput.read(given), "otto")
        before = await visit.registry.sequence()
        sent = await visit.post(incident, act="resolve", token=token, reason=WRITTEN)
        assert sent.status_code == 409
        assert "The incident was already resolved by otto" in text_of(sent.text)
        assert "in two lines." in text_of(sent.text)
        assert await visit.registry.sequence() == before
