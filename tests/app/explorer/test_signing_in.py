"""Signing in and out: by a token, at an identity provider, and back to where one was; what a session may do."""

import asyncio
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from descentd.app.explorer.address import address, local
from descentd.app.server.settings import Settings
from descentd.graph.model.errors import InvalidInput
from tests.app.explorer.bank import FIRST, THIRD, fill
from tests.app.explorer.visiting import HOST, Visit, links, tags, text_of, token_of, visiting
from tests.app.tokens import descentd, new_token
from tests.support.identity_provider import IdentityProvider

pytestmark = pytest.mark.anyio
PATH = f"/record/{THIRD}"
GATE = f"/gate/{THIRD}?environment=production"


async def token_for(store: str, person: str, role: str) -> str:
    return await asyncio.to_thread(new_token, store, person, role)  # which runs an event loop of its own


async def sign_in(visit: Visit, secret: str, then: str = PATH) -> Any:
    page = await visit.get(address("sign-in", next=then))
    [token] = [a["value"] for _, a in tags(page.text, "input") if a.get("name") == "token"]
    return await visit.post("/sign-in", token=str(token), next=then, secret=secret)


async def test_without_a_session_a_page_leads_to_signing_in_and_back(store_file: str) -> None:
    secret = await token_for(store_file, "lars", "viewer")
    async with visiting(store=store_file) as visit:
        await fill(visit.registry)
        refused = await visit.get(f"{PATH}?asOf=2999-01-01")
        assert refused.status_code == 303
        where = urlsplit(refused.headers["location"])
        assert where.path == "/sign-in"
        [then] = parse_qs(where.query)["next"]
        assert then == f"{PATH}?asOf=2999-01-01"
        wrong = await sign_in(visit, "descent_" + "x" * 39, then)
        assert wrong.status_code == 401
        assert "mistyped" in text_of(wrong.text)
        done = await sign_in(visit, secret, then)
        assert (done.status_code, done.headers["location"]) == (303, then)
        cookie = done.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert secret not in cookie
        page = await visit.get(PATH)
        assert page.status_code == 200
        assert "Signed in as lars" in text_of(page.text)
        await visit.post("/sign-out", token=token_of_sign_out(page.text))
        assert (await visit.get(PATH)).status_code == 303


def token_of_sign_out(page: str) -> str:
    form = page[page.index('action="/sign-out"') :]
    return str(next(a["value"] for _, a in tags(form, "input") if a.get("name") == "token"))


async def test_a_session_ends_with_its_token(store_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("descentd.app.auth.authentication.FRESH", 0.0)  # it looks at the token again at once
    secret = await token_for(store_file, "lars", "viewer")
    async with visiting(store=store_file) as visit:
        await fill(visit.registry)
        await sign_in(visit, secret)
        token = token_of((await visit.get(PATH)).text, "note")
        [known] = await visit.registry.store.accounts.tokens()
        await visit.registry.store.accounts.revoke([known.id], int(time.time() * 1e6))
        sent = await visit.post(PATH, act="note", token=token, text="Too late.")
        assert sent.status_code == 401
        assert "Not recorded." in text_of(sent.text)
        assert address("sign-in", next=PATH) in links(sent.text)


async def test_roles_decide_what_is_offered_and_done(store_file: str) -> None:
    secrets = {
        role: await token_for(store_file, f"{role}-person", role) for role in ("viewer", "reviewer", "registrar")
    }
    for role, secret in secrets.items():
        async with visiting(store=store_file) as visit:
            if not await visit.registry.sequence():
                await fill(visit.registry)
            await sign_in(visit, secret)
            gate = (await visit.get(GATE)).text
            assert ('name="decision"' in gate) == (role == "reviewer")
            token = token_of((await visit.get(PATH)).text, "note")
            sent = await visit.post(GATE, act="review", token=token, decision="NO_GO", reason="Not yet.")
            assert sent.status_code == (303 if role == "reviewer" else 403)
            sent = await visit.post(
                f"/impact/{FIRST}", act="flag", token=token, action="REVIEW", reason="Look.", confirmed="yes"
            )
            assert sent.status_code == (303 if role == "reviewer" else 403)
            noted = await visit.post(PATH, act="note", token=token, text=f"Seen by a {role}.")
            assert noted.status_code == 303


async def test_what_waits_waits_for_those_who_may_decide(store_file: str) -> None:
    """Whoever may not sees for whom it waits, and is led to the gate to look, not to decide."""
    secrets = {role: await token_for(store_file, f"{role}-person", role) for role in ("viewer", "reviewer")}
    for role, secret in secrets.items():
        async with visiting(store=store_file) as visit:
            if not await visit.registry.sequence():
                await fill(visit.registry)
            await sign_in(visit, secret)
            decides = role == "reviewer"
            for path, mine, others in (
                ("/", "Waits for you", "Waits for reviewers"),
                ("/reviews", "2 versions wait for you", "2 versions wait for reviewers"),
            ):
                page = (await visit.get(path)).text
                said = text_of(page)
                assert (mine in said, others in said) == (decides, not decides), (path, role)
                assert (">Decide</a>" in page, ">Its gate</a>" in page) == (decides, not decides)
                assert "bank/scorer 2.0" in said
            card = text_of((await visit.get(f"/record/{THIRD}")).text)
            assert ("Decide for production" in card) == decides
            gate = text_of((await visit.get(f"/gate/{THIRD}?environment=production")).text)
            assert ("Decide for production" in gate) == decides
            table = "mine" if decides else "others"
            rows = (await visit.get(f"/?format=csv&table={table}")).text.splitlines()
            assert rows[0].endswith(",lapsed")  # what may be done is no value


async def test_a_form_of_another_session_is_refused(store_file: str) -> None:
    lars, rita = [await token_for(store_file, name, "reviewer") for name in ("lars", "rita")]
    async with visiting(store=store_file) as visit:
        await fill(visit.registry)
        await sign_in(visit, lars)
        token = token_of((await visit.get(GATE)).text, "review")
        await sign_in(visit, rita)
        sent = await visit.post(GATE, act="review", token=token, decision="NO_GO", reason="As somebody else.")
        assert sent.status_code == 403
        assert (await visit.client.post(GATE, data={"act": "review"}, headers={"Origin": "null"})).status_code == 403


ME = {"query": "{ me { person } }"}


async def test_the_api_knows_who_is_signed_in_where_a_page_of_ours_asks(store_file: str) -> None:
    secret = await token_for(store_file, "lars", "viewer")
    front = "http://localhost:3000"  # the same site for browsers, so that they may send the cookie
    async with visiting(store=store_file, origins=(front,)) as visit:
        await sign_in(visit, secret)
        named = await visit.client.post("/graphql", json=ME, headers={"Origin": front})
        assert named.status_code == 401
        ours = await visit.client.post("/graphql", json=ME, headers={"Origin": HOST})
        assert ours.json()["data"]["me"]["person"] == "lars"
        without = await visit.client.post("/graphql", json=ME)
        assert without.status_code == 401
        foreign = await visit.client.post("/graphql", json=ME, headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403
        wrong = {"Origin": HOST, "Authorization": "Bearer descent_nobody"}
        assert (await visit.client.post("/graphql", json=ME, headers=wrong)).status_code == 401
        flagging = {"query": 'mutation { flag(input: {subjects: ["model:a@1"], action: REVIEW, reason: "x"}) { ref } }'}
        refused = await visit.client.post("/graphql", json=flagging, headers={"Origin": HOST})
        assert refused.json()["errors"][0]["extensions"]["code"] in {"FORBIDDEN", "INVALID_INPUT"}
        page = await visit.get("/graphql", Accept="text/html")
        assert "as lars, with the same rights" in text_of(page.text)
    async with visiting(store=store_file) as visit:
        ended = await visit.client.post("/graphql", json=ME, headers={"Origin": HOST})
        assert ended.status_code == 401
        assert (await visit.get("/graphql", Accept="text/html")).status_code == 303


async def test_a_vote_that_is_sent_twice_is_one() -> None:
    async with visiting() as visit:
        await fill(visit.registry)
        before = await visit.registry.sequence()
        token = token_of((await visit.get(GATE)).text, "review")
        for _ in range(2):
            sent = await visit.post(
                GATE, act="review", token=token, decision="GO", reason="Enough.", conditions="a\r\n\r\nb"
            )
            assert sent.status_code == 303
        assert await visit.registry.sequence() == before + 1
        [entry] = await visit.registry.store.entries([before + 1])
        assert entry.record.content["conditions"] == ["a", "b"]
        said = text_of((await visit.get(GATE)).text)
        assert "✓ Yes" in said


async def test_what_cannot_be_done_is_said_beside_what_was_filled_in() -> None:
    async with visiting() as visit:
        await fill(visit.registry)
        sent = await visit.send(GATE, "review", decision="MAYBE", reason="Written <b>at length</b>.")
        assert sent.status_code == 400
        assert "Not recorded." in text_of(sent.text)
        assert "Written <b>at length</b>." in text_of(sent.text)
        unread = await visit.send(f"/impact/{FIRST}", "flag", action="REVIEW", reason="Look.")
        assert unread.status_code == 400
        assert "tick the box" in text_of(unread.text)


def test_only_pages_of_this_server_are_gone_on_to() -> None:
    for safe in ("/", "/record/model:a@1?asOf=2025-01-01", "/record/dataset:a@1%23p"):
        assert local(safe) == safe
    for unsafe in (
        None,
        "",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/a\nb",
        "/ü",
    ):
        assert local(unsafe) == "/"


def test_addresses_survive_hostile_names() -> None:
    assert address("record", "dataset:a@1#p") == "/record/dataset:a@1%23p"
    assert address("record", "model:a/../b@1") == "/record/model:a%2F..%2Fb@1"
    assert address("record", "model:a?b&c+d@1") == "/record/model:a%3Fb%26c%2Bd@1"


async def test_every_hostile_address_leads_to_its_record() -> None:
    names = ["a?b", "a&b=c", "a+b", "50%", "a%23b", "é/ü", "a;b", "<i>", "a b", '"', "'"]
    async with visiting() as visit:
        await visit.register(models=[{"name": name, "version": "1", "description": f"It is {name}."} for name in names])
        for name in names:
            page = await visit.get(address("record", f"model:{name}@1"))
            assert page.status_code == 200, name
            assert f"It is {name}." in text_of(page.text)


def test_a_session_key_is_one_or_is_refused(tmp_path: Path) -> None:
    kept = tmp_path / "key"
    kept.write_text("k" * 40 + "\n")
    one = Settings(session_key="k" * 40).session_secret()
    assert one == Settings(session_key_file=kept).session_secret()
    assert Settings().session_secret() is None
    kept.write_text("short")
    with pytest.raises(InvalidInput):
        Settings(session_key_file=kept).session_secret()
    refused = descentd("serve", "--store", "memory:", DESCENT_SESSION_KEY="short")
    assert refused.returncode == 2
    assert "session" in refused.stderr.lower()


async def test_sessions_are_of_all_workers_with_one_key(store_file: str) -> None:
    secret = await token_for(store_file, "lars", "viewer")
    cookies: Any = None
    for key, status in (("a" * 32, 200), ("a" * 32, 200), ("b" * 32, 303)):
        async with visiting(store=store_file, session_key=key) as visit:
            if cookies is None:
                await sign_in(visit, secret)
                cookies = dict(visit.client.cookies)
            else:
                visit.client.cookies.update(cookies)
            assert (await visit.get("/")).status_code == status


async def test_a_session_that_is_over_is_said_to_be(store_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = await token_for(store_file, "lars", "viewer")
    async with visiting(store=store_file, session_lasts=60.0) as visit:
        await fill(visit.registry)
        cookie = (await sign_in(visit, secret)).headers["set-cookie"]
        token = token_of((await visit.get(PATH)).text, "note")
        assert int(cookie.partition("Max-Age=")[2].partition(";")[0]) > 60  # a browser keeps it until it is over
        later = time.time() + 61
        monkeypatch.setattr("descentd.app.explorer.sessions.time.time", lambda: later)
        asked = urlsplit((await visit.get(PATH)).headers["location"])
        assert parse_qs(asked.query) == {"next": [PATH]}
        assert "because your session ended" in text_of((await visit.get("/sign-in")).text)
        assert "because your session ended" not in text_of((await visit.get("/sign-in")).text)
        sent = await visit.post(PATH, act="note", token=token, text="Too late.")
        assert (sent.status_code, "Too late." in text_of(sent.text)) == (401, True)
        [link] = [a for _, a in tags(sent.text, "a") if str(a.get("href")).startswith("/sign-in?")]
        assert (link["target"], link["rel"]) == ("_blank", "noopener")  # this page alone has what was written
        assert "It opens a new tab, so that what you wrote stays here" in text_of(sent.text)


async def test_who_is_not_let_in_by_the_identity_provider_can_try_again(provider: IdentityProvider) -> None:
    settings = {"oidc_issuer": provider.issuer, "oidc_audience": "api", "oidc_client_id": "explorer"}
    async with visiting(**settings) as visit:
        begun = await visit.get("/sign-in/provider?next=/reviews")
        state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
        refused = await visit.get(f"/sign-in/callback?error=access_denied&state={state}")
        assert refused.status_code == 401
        assert "The identity provider did not sign you in (access_denied)." in text_of(refused.text)
        assert ("a", {"href": "/sign-in/provider?next=%2Freviews"}) in tags(refused.text, "a")
        forged = await visit.get("/sign-in/callback?error=access_denied&state=forged")
        assert forged.status_code == 403
        assert ("a", {"href": "/sign-in"}) in tags(forged.text, "a")


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 303),
        ({"nonce": "another"}, 401),
        ({"aud": "somebody-else"}, 401),
        ({"exp": 1}, 401),
        ({"iss": "https://other.example"}, 401),
    ],
)
async def test_signing_in_at_an_identity_provider(
    provider: IdentityProvider, changed: dict[str, Any], status: int
) -> None:
    settings = {
        "oidc_issuer": provider.issuer,
        "oidc_audience": "api",
        "oidc_client_id": "explorer",
        "oidc_person_prefix": "",
        "public_url": "https://registry.example",
    }
    async with visiting(**settings) as visit:
        offered = await visit.get((await visit.get("/reviews")).headers["location"])
        [link] = [str(a["href"]) for _, a in tags(offered.text, "a") if "provider" in str(a["href"])]
        begun = await visit.get(link)
        to = urlsplit(begun.headers["location"])
        asked = {name: values[0] for name, values in parse_qs(to.query).items()}
        assert f"{to.scheme}://{to.netloc}{to.path}" == f"{provider.issuer}/authorize"
        assert asked["code_challenge_method"] == "S256"
        assert asked["redirect_uri"] == "https://registry.example/sign-in/callback"
        provider.claims = {
            "iss": provider.issuer,
            "aud": "explorer",
            "sub": "lars",
            "roles": ["reviewer"],
            "exp": int(time.time()) + 300,
            "nonce": asked["nonce"],
            **changed,
        }
        assert "Secure" in begun.headers["set-cookie"]
        login = begun.headers["set-cookie"].partition("=")[2].partition(";")[0]
        visit.client.cookies.set("descent_session", login)  # what one cookie was signed for is none of another
        assert (await visit.get("/reviews")).headers["location"].startswith("/sign-in?")
        visit.client.cookies.delete("descent_session")
        visit.client.cookies.set("descent_login", login)
        forged = await visit.get("/sign-in/callback?code=c&state=forged")
        assert forged.status_code == 403
        done = await visit.get(f"/sign-in/callback?code=c&state={asked['state']}")
        assert done.status_code == status, text_of(done.text)
        assert provider.asked["code_verifier"][0]
        if status == 303:
            assert done.headers["location"] == "/reviews"
            session = next(one for one in done.headers.get_list("set-cookie") if one.startswith("descent_session="))
            visit.client.cookies.set("descent_session", session.partition("=")[2].partition(";")[0])
            assert "Signed in as lars" in text_of((await visit.get("/reviews")).text)
