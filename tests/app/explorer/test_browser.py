"""The pages in a real browser, headless Chromium: what it complains of, what it loads, and what people do there.

One server and one browser for all of the module; everybody signs in by a token, as they would.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from descentd.app.explorer.catalogue import PAGES
from descentd.graph.store.sqlite.store import SQLiteStore
from tests.app.explorer.bank import FIRST, LOANS, SECOND, THIRD, fill
from tests.app.explorer.browsing import front_end_served, grave_findings, opened_page, signed_in
from tests.app.tokens import new_token
from tests.support.chromium import Chromium, close
from tests.support.registries import opened, send
from tests.support.server_process import ServerProcess

HOSTILE = "<img src=x onerror=alert(1)>"
WRITTEN = HOSTILE + "[x](javascript:alert(1))<script>alert(1)</script>"
HOSTILE_PAGE = "/record/model:%3Cimg src=x onerror=alert(1)%3E@1"
GATE = f"/gate/{THIRD}?environment=production"
ADDRESSES = {
    "home": ["/"],
    "search": ["/search?q=scorer"],
    "go": [f"/go?ref={THIRD}"],
    "record": [f"/record/{THIRD}", f"/record/{LOANS}", HOSTILE_PAGE],
    "gate": [GATE],
    "reviews": ["/reviews"],
    "serving": ["/serving"],
    "incidents": ["/incidents?status=all"],
    "erosions": ["/erosions"],
    "drift": ["/drift"],
    "policies": ["/policies"],
    "population": ["/population", "/population?attribute=age_group&value=65%2B"],
    "impact": [f"/impact/{LOANS}"],
    "diff": [f"/diff/{FIRST}?head={THIRD}"],
    "lineage": [f"/lineage/{THIRD}"],
    "trend": [f"/trend/{THIRD}?metric=adversarial_accuracy"],
    "graphql": ["/graphql"],
}
PEOPLE = {"vera": "viewer", "rosa": "reviewer", "rita": "reviewer", "otto": "registrar"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("explorer") / "registry.db"

    async def fill_it() -> None:
        async with opened(SQLiteStore(file)) as registry:
            await fill(registry)
            profile = {"intendedUse": WRITTEN, "mustNotDo": [WRITTEN]}
            model = {"name": HOSTILE, "version": "1", "safetyProfile": profile, "description": WRITTEN}
            await send(
                registry, models=[model], notes=[{"subject": f"model:{HOSTILE}@1", "author": WRITTEN, "text": WRITTEN}]
            )

    asyncio.run(fill_it())
    return f"sqlite:///{file}"


@pytest.fixture(scope="module")
def secrets(store: str) -> dict[str, str]:
    return {person: new_token(store, person, role) for person, role in PEOPLE.items()}


@pytest.fixture(scope="module")
def front_end() -> Iterator[int]:
    with front_end_served() as port:
        yield port


@pytest.fixture(scope="module")
def server(store: str, secrets: dict[str, str], front_end: int) -> Iterator[ServerProcess]:
    assert secrets  # made before, so that the server asks for them from the start
    with ServerProcess(store, DESCENT_ORIGINS=f'["http://localhost:{front_end}"]') as running:
        yield running


@pytest.fixture(scope="module")
def prepare(server: ServerProcess, secrets: dict[str, str]) -> Callable[[Browser], dict[str, BrowserContext]]:
    """A signed-in context for each of the people, which loads nothing but what this server sends."""
    return lambda browser: {person: signed_in(browser, server, secret) for person, secret in secrets.items()}


@pytest.fixture
def contexts(chromium: Chromium[dict[str, BrowserContext]]) -> dict[str, BrowserContext]:
    return chromium.running()[1]


@pytest.fixture
def faults() -> list[str]:
    """What the browser complained of, loaded from elsewhere, or was asked to pop up."""
    return []


@pytest.fixture
def rosa(contexts: dict[str, BrowserContext], faults: list[str], server: ServerProcess) -> Iterator[Page]:
    page = opened_page(contexts["rosa"], faults, server)
    yield page
    close(page)


def test_every_page_is_looked_at() -> None:
    assert {page.name for page in PAGES} == ADDRESSES.keys()


@pytest.mark.parametrize("address", [address for addresses in ADDRESSES.values() for address in addresses])
def test_a_page_is_sound(rosa: Page, faults: list[str], address: str) -> None:
    answer = rosa.goto(address)
    assert answer is not None
    assert answer.status == 200
    assert [rosa.locator(one).count() for one in ("h1", "main")] == [1, 1]
    assert len(rosa.content()) < 100_000
    assert grave_findings(rosa) == []
    rosa.set_viewport_size({"width": 320, "height": 640})
    assert rosa.evaluate("document.documentElement.scrollWidth") <= 320
    assert faults == []


@pytest.mark.parametrize("address", ["/", f"/record/{THIRD}", GATE, f"/trend/{THIRD}?metric=adversarial_accuracy"])
def test_what_is_dark_can_be_read(rosa: Page, address: str) -> None:
    rosa.emulate_media(color_scheme="dark")
    rosa.goto(address)
    assert grave_findings(rosa, "color-contrast") == []


def test_what_was_written_is_text(rosa: Page, faults: list[str]) -> None:
    rosa.goto(HOSTILE_PAGE)
    assert rosa.locator("h1").inner_text() == f"{HOSTILE} 1"
    assert rosa.locator("main img, main script, [onerror]").count() == 0
    assert rosa.locator("main").inner_text().count(WRITTEN) >= 3
    rosa.goto(f"/search?q={HOSTILE}")
    assert faults == []


def test_the_card_prints_to_about_two_pages(rosa: Page, tmp_path: Path) -> None:
    rosa.goto(f"/record/{THIRD}")
    printed = rosa.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert 1 <= printed.count(b"/Type /Page\n") <= 2
    rosa.emulate_media(media="print")
    assert not rosa.locator("header.top").is_visible()
    assert not rosa.get_by_role("button", name="Record the note").is_visible()
    assert rosa.locator(".pairs code.on-paper").inner_text().startswith("sha256:")
    assert not rosa.locator(".pairs code.on-screen").is_visible()
    assert rosa.locator("footer .on-paper").inner_text().endswith(f" from {rosa.url}")
    rosa.goto(f"/record/{FIRST}")
    people = rosa.get_by_role("region", name="Who decided")
    for media, width in (("print", 690), ("screen", 1280)):  # A4 has 690 pixels between margins of 14 mm
        rosa.emulate_media(media=media)  # type: ignore[arg-type]
        rosa.set_viewport_size({"width": width, "height": 900})
        assert people.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert not rosa.locator(".on-paper").first.is_visible()


def test_the_keyboard_gets_everywhere(rosa: Page) -> None:
    rosa.goto(f"/record/{THIRD}")
    rosa.keyboard.press("Tab")
    assert rosa.evaluate("document.activeElement.className") == "skip"
    rosa.keyboard.press("Enter")
    assert rosa.evaluate("document.activeElement.id") == "main"
    rosa.keyboard.press("Tab")
    assert rosa.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"


def test_without_script_everything_is_there(
    browser: Browser, contexts: dict[str, BrowserContext], server: ServerProcess
) -> None:
    with browser.new_context(base_url=server.url, java_script_enabled=False) as plain:
        plain.add_cookies(contexts["rosa"].cookies())  # type: ignore[arg-type]
        page = plain.new_page()
        page.goto(f"/record/{THIRD}")
        assert page.get_by_role("button", name="Record the note").is_visible()
        assert not page.get_by_role("button", name="Print").is_visible()
        page.goto(f"/record/{THIRD}#notes")
        page.get_by_label("Write a note as rosa").fill(" \u202e ")
        page.get_by_role("button", name="Record the note").click()
        refusal = page.locator("#not-recorded:focus")  # at the top, though the form is far down
        expect(refusal).to_be_in_viewport()
        refusal.get_by_role("link").click()
        expect(page.get_by_label("Write a note as rosa")).to_be_in_viewport()
        page.get_by_label("Write a note as rosa").fill("Without a script.")
        page.get_by_role("button", name="Record the note").click()
        expect(page.get_by_text("The note is recorded.")).to_be_in_viewport()
        assert page.url == f"{server.url}/record/{THIRD}"


def test_a_viewer_writes_notes_and_decides_nothing(
    contexts: dict[str, BrowserContext], faults: list[str], server: ServerProcess
) -> None:
    page = opened_page(contexts["vera"], faults, server)
    page.goto(f"/record/{SECOND}")
    page.get_by_label("Write a note as vera").fill("Asked about appeals.")
    page.get_by_role("button", name="Record the note").click()
    assert page.get_by_text("The note is recorded.").is_visible()
    assert page.get_by_text("Asked about appeals.").first.is_visible()
    page.goto(GATE)
    assert page.get_by_text("Deciding needs the role reviewer.").is_visible()
    assert page.locator("input[name=decision]").count() == 0
    page.goto(f"/impact/{LOANS}")
    assert page.get_by_text("Flagging needs the role reviewer.").is_visible()
    close(page)
    assert faults == []


def test_a_reviewer_decides_once_however_often_they_click(rosa: Page, server: ServerProcess, faults: list[str]) -> None:
    rosa.goto("/reviews")
    rosa.get_by_role("row", name="bank/scorer 2.0").get_by_role("link", name="Decide").click()
    rosa.get_by_label("✓ go", exact=True).check()
    rosa.get_by_label("Why").fill("Rates match now.")
    rosa.get_by_role("button", name="Record the decision").dblclick()
    rosa.get_by_text("Your decision is recorded.").wait_for()
    assert rosa.locator("#main table").last.get_by_text("rosa").count() == 1
    assert rosa.get_by_text("✓ Yes").is_visible()
    assert faults == []


def test_a_reviewer_flags_all_that_comes_from_something(rosa: Page, faults: list[str]) -> None:
    rosa.goto(f"/impact/{SECOND}")
    rosa.get_by_label("to be looked at").check()
    rosa.get_by_label("Why").fill("Ask for a test of appeals.")
    rosa.get_by_label("I have looked at what it reaches").check()
    rosa.get_by_role("button", name="Record the flag as rosa").click()
    rosa.get_by_text("The flag is recorded.").wait_for()
    rosa.goto(f"/record/{THIRD}")
    assert rosa.get_by_text("⚑ Flagged", exact=True).is_visible()
    assert faults == []


def test_who_is_on_call_resolves_an_incident(
    contexts: dict[str, BrowserContext], faults: list[str], server: ServerProcess
) -> None:
    page = opened_page(contexts["otto"], faults, server)
    page.goto("/incidents")
    page.get_by_role("link", name="Declined applications without reasons").click()
    page.get_by_label("How was it resolved?").fill("Reasons are sent again.")
    page.get_by_role("button", name="Resolve as otto").click()
    page.get_by_text("✓ Resolved").wait_for()
    close(page)
    assert faults == []


def test_a_saved_operation_runs_in_graphiql_as_who_is_signed_in(rosa: Page, faults: list[str]) -> None:
    rosa.goto("/graphql")
    rosa.get_by_label("Saved operation").select_option("Me")
    rosa.get_by_role("button", name="Load").click()
    rosa.get_by_role("button", name="Execute query").click()
    rosa.locator(".result-window").get_by_text('"rosa"').wait_for()
    rosa.get_by_role("button", name="Show Documentation Explorer").click()
    rosa.get_by_text("Root Types").wait_for()
    assert faults == []


def test_the_slider_goes_back_in_time(rosa: Page, faults: list[str]) -> None:
    rosa.goto(f"/record/{FIRST}")
    slider = rosa.get_by_label("Back in time")
    slider.focus()
    slider.press("Home")
    rosa.wait_for_url("**asOf=**")
    assert rosa.get_by_text("You are looking at the registry as of").is_visible()
    assert faults == []


def test_what_is_being_worked_out_appears_by_itself(rosa: Page, faults: list[str]) -> None:
    def waits(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(
            response=answer, body=answer.text().replace('<section id="worse"', '<section id="worse" data-again')
        )

    rosa.route("/", waits, times=1)
    rosa.clock.install()
    rosa.goto("/")
    assert rosa.locator("#worse[data-again]").count() == 1
    rosa.clock.run_for(6000)
    rosa.locator("#worse:not([data-again])").wait_for()
    assert faults == []


@pytest.mark.parametrize("who", ["rosa", "rita"])
def test_what_was_written_while_a_session_ended_is_there_again_for_who_wrote_it(
    who: str, browser: Browser, server: ServerProcess, secrets: dict[str, str], faults: list[str]
) -> None:
    with signed_in(browser, server, secrets["rosa"]) as context:
        page = opened_page(context, faults, server)
        page.goto(GATE)
        page.get_by_label("– I abstain").check()
        page.get_by_label("Why").fill("A reason of many words.")
        context.add_cookies([{"name": "descent_session", "value": "old.old", "url": server.url}])
        page.get_by_role("button", name="Record the decision").click()
        page.get_by_text("Not recorded.").wait_for()
        assert page.get_by_label("What you wrote").input_value() == "A reason of many words."
        faults.clear()  # the browser notes each answer of 401
        page.get_by_role("link", name="Sign in").click()
        page.get_by_label("Token").fill(secrets[who])
        page.keyboard.press("Enter")
        page.wait_for_url("**/gate/**")
        assert page.get_by_label("Why").input_value() == ("A reason of many words." if who == "rosa" else "")
        assert page.get_by_label("– I abstain").is_checked() == (who == "rosa")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/sign-in**")
        assert page.evaluate("sessionStorage.length") == 0
    assert faults == []


def test_an_ended_session_leads_back(
    browser: Browser, server: ServerProcess, secrets: dict[str, str], faults: list[str]
) -> None:
    with browser.new_context(base_url=server.url) as context:
        context.add_cookies([{"name": "descent_session", "value": "old.old", "url": server.url}])
        page = context.new_page()
        page.goto(f"/trend/{THIRD}?metric=accuracy")
        assert page.get_by_text("your session ended").is_visible()
        page.get_by_label("Token").fill(secrets["vera"])
        page.keyboard.press("Enter")
        page.wait_for_url("**/trend/**")
        assert page.url == f"{server.url}/trend/{THIRD}?metric=accuracy"
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/sign-in**")
        assert page.get_by_text("You are signed out.").is_visible()


FETCH = """async ([url, token]) => {
  try {
    const headers = {"Content-Type": "application/json", Authorization: `Bearer ${token}`};
    const body = JSON.stringify({query: "{ me { person } }"});
    const answer = await fetch(url, {method: "POST", headers, body});
    return {status: answer.status, body: await answer.json()};
  } catch (error) { return {error: String(error)}; }
}"""


def test_pages_of_named_origins_alone_ask_with_a_token(
    browser: Browser, server: ServerProcess, secrets: dict[str, str], front_end: int
) -> None:
    answers = {}
    with browser.new_context() as context:
        page = context.new_page()
        for host in ("localhost", "127.0.0.1"):
            page.goto(f"http://{host}:{front_end}/")
            answers[host] = page.evaluate(FETCH, [f"{server.url}/graphql", secrets["vera"]])
    assert answers["localhost"]["status"] == 200
    assert answers["localhost"]["body"]["data"] == {"me": {"person": "vera"}}
    assert answers["127.0.0.1"] == {"error": "TypeError: Failed to fetch"}
