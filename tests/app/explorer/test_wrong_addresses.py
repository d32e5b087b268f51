"""What is wrong in the address of a page is said in a sentence, which leads on."""

import html
import re
from typing import Any
from urllib.parse import urlencode

import pytest

from descentd.app.explorer.catalogue import PAGES
from descentd.app.explorer.pages import environments
from descentd.app.explorer.words import Words
from descentd.graph.inputs.acts import DeploymentInput, EndDeploymentInput, ReviewInput
from descentd.queries.governance.record_review import review
from descentd.queries.production.deployments import everywhere
from descentd.queries.production.record_deployment import deploy, end
from tests.app.explorer.bank import FIRST, LOANS, THIRD
from tests.app.explorer.visiting import ABOUT_RECORDS, Visit, links, tags, text_of

pytestmark = pytest.mark.anyio
POPULATION = "/population?attribute=age_group&value=65%2B"


@pytest.mark.parametrize(
    "path",
    [
        f"/gate/{THIRD}?environment=",
        f"{POPULATION}&environment=",
        "/population?environment=",
        "/serving?environment=",
        "/incidents?environment=",
        "/drift?environment=",
        "/policies?environment=",
    ],
)
async def test_an_environment_that_there_is_not_is_answered_with_those_that_there_are(
    governed: Visit, path: str
) -> None:
    refused = await governed.get(f"{path}prodction")
    assert refused.status_code == 400
    assert "There is no environment 'prodction': choose production or shadow." in text_of(refused.text)
    assert "<form method" not in refused.text
    [onward] = re.findall('<a href="([^"]+)">Open the page without it', refused.text)
    assert (await governed.get(html.unescape(onward))).status_code == 200
    for known in ("production", "shadow"):
        assert (await governed.get(path + known)).status_code == 200


async def test_where_there_is_no_environment_at_all_that_is_said(bank: Visit) -> None:
    refused = await bank.get(f"/gate/{THIRD}?environment=production")
    assert "There is no environment 'production': none has a policy or a deployment yet." in text_of(refused.text)


async def test_profiles_in_an_environment_are_listed_by_asking_once_which_there_are(
    governed: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {"environment": "caf\u00e9", "endpoint": "scoring", "claimed": {"by": "otto", "source": "the old list"}}
    since = {"subject": FIRST, "since": "2024-01-01T00:00:00Z"}
    await deploy(governed.registry, DeploymentInput.read({**since, **place}), "ana")
    asked = []

    async def noted(*given: Any) -> Any:
        asked.append(given)
        return await everywhere(*given)

    monkeypatch.setattr(environments, "everywhere", noted)
    page = await governed.get("/drift?environment=cafe%CC%81")
    assert "<option selected>caf\u00e9</option>" in page.text
    assert len(asked) == 1


async def test_where_nothing_serves_any_more_the_list_says_so_of_that_place(governed: Visit) -> None:
    place = {"environment": "shadow", "endpoint": "scoring", "reason": "It was moved."}
    await end(governed.registry, EndDeploymentInput.read(place), "ana")
    page = await governed.get("/serving?environment=shadow")
    assert "Nothing is like that" in text_of(page.text)
    assert "<option selected>shadow</option>" in page.text


async def test_an_environment_of_later_is_one_in_the_past_too(governed: Visit) -> None:
    """So that a slider can go back to before its policy."""
    [versions] = [one.sequence for one in (await governed.registry.store.resolve([THIRD])).values()]
    then = await governed.get(f"/gate/{THIRD}?environment=production&entry={versions}")
    page = await governed.get(then.headers["location"])
    assert "There is no policy for production" in text_of(page.text)


async def test_nobody_votes_for_an_environment_that_there_is_not(governed: Visit) -> None:
    path = f"/gate/{THIRD}?environment="
    before = await governed.registry.sequence()
    refused = await governed.send(
        f"{path}production", "review", at=f"{path}staging", decision="GO", reason="It is fine."
    )
    assert refused.status_code == 400
    assert await governed.registry.sequence() == before


async def test_an_environment_that_was_decided_about_is_one(governed: Visit) -> None:
    """Decisions are accepted before there is a policy, and a no-go has to be seen and taken back where it stands."""
    path = f"/gate/{THIRD}?environment=pilot"
    assert "There is no environment 'pilot': choose production or shadow." in text_of((await governed.get(path)).text)
    no = {"subject": THIRD, "environment": "pilot", "decision": "NO_GO", "reason": "Nobody looked at appeals."}
    await review(governed.registry, ReviewInput.read(no), "rita")
    page = (await governed.get(path)).text
    assert "There is no policy for pilot" in text_of(page)
    assert "Nobody looked at appeals." in text_of(page)
    assert f"/gate/{THIRD}?environment=pilot" in links(
        (await governed.get(f"/gate/{THIRD}?environment=production")).text
    )
    before = await governed.registry.sequence()
    answer = await governed.send(path, "review", decision="NO_GO", reason="I agree.")
    assert (answer.status_code, await governed.registry.sequence()) == (303, before + 1)
    assert "choose pilot, production or shadow." in text_of((await governed.get(f"{path}s")).text)


async def test_the_answers_about_one_environment_are_named_after_it(governed: Visit) -> None:
    everywhere = text_of((await governed.get(POPULATION)).text)
    assert "Serving now: learned from it, or not known" in everywhere
    assert "All versions learned from it: 3" in everywhere
    page = text_of((await governed.get(f"{POPULATION}&environment=shadow")).text)
    assert "or not known" not in page
    assert "All versions" not in page
    assert "All that serves in shadow learned from it: 1" in page
    assert "bank/scorer 1.0" not in page
    [onward] = [
        one for one in links((await governed.get(f"{POPULATION}&environment=shadow")).text) if "verdict=TR" in one
    ]
    assert "environment=shadow" in onward


@pytest.mark.parametrize("view", ABOUT_RECORDS)
async def test_before_a_record_was_registered_its_page_says_when_it_was(governed: Visit, view: str) -> None:
    [brief] = (await governed.registry.store.resolve([THIRD])).values()
    [entry] = await governed.registry.store.entries([brief.sequence])
    query = {
        "diff": f"{urlencode({'head': FIRST})}&",
        "trend": "metric=accuracy&",
        "gate": "environment=production&",
    }.get(view, "")
    page = await governed.get(f"/{view}/{THIRD}?{query}asOf=2001-01-01")
    assert page.status_code == 404
    words = Words.of()
    said = f"bank/scorer 2.0 was registered on {words.moment(entry.recorded_at)} (UTC)"
    assert f"{said}, after the moment that you asked for, 1 January 2001, 23:59." in text_of(page.text)
    assert "spelling" not in page.text
    assert "Did you mean" not in page.text
    assert f"/{view}/{THIRD}{f'?{query}'.rstrip('&?')}" in map(html.unescape, links(page.text))  # as it is now
    then = next(one for one in links(page.text) if "asOf=20" in one and "2001" not in one)
    assert (await governed.get(html.unescape(then))).status_code == 200
    assert [a["max"] for _, a in tags(page.text, "input") if a.get("type") == "range"] == [
        str(await governed.registry.sequence())
    ]


async def test_the_other_version_of_a_difference_can_be_later_too(governed: Visit) -> None:
    [first] = (await governed.registry.store.resolve([FIRST])).values()
    then = (await governed.get(f"/diff/{FIRST}?entry={first.sequence}")).headers["location"]
    await governed.register(models=[{"name": "later", "version": "1", "config": {"a": 1}}])
    page = await governed.get(f"{then}&head=model:later@1")
    assert "later 1 was registered on" in text_of(page.text)
    csv = await governed.get(f"{then}&head=model:later@1&format=csv")
    assert csv.status_code == 404


async def test_what_is_not_registered_to_this_day_is_not_said_to_be_later(governed: Visit) -> None:
    page = text_of((await governed.get(f"/record/{THIRD}9?asOf=2001-01-01")).text)
    assert "is not registered: check its spelling" in page
    assert "later" not in page


@pytest.mark.parametrize("given", ["2023-13-45", "2023-02-29T10:00", "yesterday", "20230101", "2023-01-01 10:00"])
async def test_a_moment_that_is_none_is_repeated_as_it_was_typed(governed: Visit, given: str) -> None:
    page = await governed.get(f"/record/{THIRD}?asOf={given}")
    assert page.status_code == 400
    assert f"{given!r} is not a moment: write a day, 2025-07-20, or a time in UTC, 2025-07-20T14:03." in text_of(
        page.text
    )
    assert "23:59" not in page.text
    assert re.findall('<a href="([^"]+)">Open the page without it', page.text) == [f"/record/{THIRD}"]


ONLY_NOW = [page for page in PAGES if not page.as_of]


@pytest.mark.parametrize("path", [page.path for page in ONLY_NOW])
async def test_a_page_that_can_only_show_now_says_so_where_it_is_asked_for_the_past(governed: Visit, path: str) -> None:
    page = await governed.get(f"{path}?asOf=2001-01-01", Accept="text/html")
    assert page.status_code == 200
    said = "This page cannot show the registry as of 1 January 2001, 23:59: it shows it as it is now."
    [shown] = re.findall(r'<p class="past" role="status">(.*?)</p>', page.text)
    assert text_of(shown) == f"{said} Show it as it is now"
    assert links(shown) == [path]
    assert 'class="past"' not in (await governed.get(path, Accept="text/html")).text
    wrong = await governed.get(f"{path}?asOf=yesterday", Accept="text/html")
    assert wrong.status_code == 400
    assert "'yesterday' is not a moment" in text_of(wrong.text)


async def test_what_a_page_that_can_only_show_now_leads_to_stays_of_the_past(governed: Visit) -> None:
    assert {page.name for page in ONLY_NOW} == {"home", "erosions", "graphql"}
    page = (await governed.get("/?asOf=2001-01-01")).text
    assert "/serving?asOf=2001-01-01" in links(page)
    assert "You are looking at the registry as of" in text_of((await governed.get("/serving?asOf=2001-01-01")).text)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2999-01-01", "2999-01-01T23:59"),
        ("2999-01-01T10:30", "2999-01-01T10:30"),
        ("2999-01-01T10:30:05.5%2B02:00", "2999-01-01T08:30"),
    ],
)
async def test_the_field_of_the_moment_holds_the_one_that_is_shown(governed: Visit, given: str, shown: str) -> None:
    page = await governed.get(f"/record/{THIRD}?asOf={given}")
    [field] = [a for _, a in tags(page.text, "input") if a.get("name") == "asOf"]
    assert field["value"] == shown


@pytest.mark.parametrize("view", ABOUT_RECORDS)
async def test_a_page_about_a_record_offers_records_where_none_is_named(governed: Visit, view: str) -> None:
    for path in (f"/{view}", f"/{view}/"):
        page = await governed.get(path)
        assert page.status_code == 200
        assert f"/{view}/{THIRD}" in links(page.text)
        [form] = [a for _, a in tags(page.text, "form") if a.get("action") == f"/{view}"]
        assert form.get("method") is None
    found = await governed.get(f"/{view}?q=scorer+1&environment=production&asOf=2999-01-01")
    [first] = [one for one in links(found.text) if one.startswith(f"/{view}/{FIRST}")]
    assert html.unescape(first) == f"/{view}/{FIRST}?environment=production&asOf=2999-01-01"
    assert not [one for one in links(found.text) if one.startswith(f"/{view}/{THIRD}")]
    exact = await governed.get(f"/{view}?q={THIRD}")
    assert (exact.status_code, exact.headers["location"]) == (303, f"/{view}/{THIRD}")
    nothing = text_of((await governed.get(f"/{view}?q=nobody")).text)
    assert "Nothing was found for “nobody”" in nothing


@pytest.mark.parametrize("name", ["view", "ref", "self"])
async def test_what_is_asked_beside_a_record_may_have_any_name(governed: Visit, name: str) -> None:
    for path in (f"/lineage?{name}=x", f"/diff?q=scorer&{name}=x"):
        page = await governed.get(path)
        assert page.status_code == 200
        assert f"{path.partition('?')[0]}/{FIRST}?{name}=x" in links(page.text)
    exact = await governed.get(f"/trend?q={FIRST}&{name}=x")
    assert (exact.status_code, exact.headers["location"]) == (303, f"/trend/{FIRST}?{name}=x")


async def test_only_versions_are_offered_where_a_page_is_about_versions(governed: Visit) -> None:
    for view in ABOUT_RECORDS:
        leads = links((await governed.get(f"/{view}?q=loans")).text)
        assert (f"/{view}/{LOANS}" in leads) == (view in {"record", "lineage", "impact"})


async def test_many_records_to_choose_from_go_on(governed: Visit) -> None:
    await governed.register(models=[{"name": "m", "version": str(n), "config": {"n": n}} for n in range(70)])
    page = (await governed.get("/lineage?q=m&up=2")).text
    [more] = re.findall('<a href="([^"]+)">More</a>', page)
    onward = links((await governed.get(html.unescape(more))).text)
    assert len([one for one in onward if re.fullmatch(r"/lineage/model:m@\d+\?up=2", one)]) == 20
    assert len([one for one in links((await governed.get("/gate")).text) if "/gate/model:m@" in one]) == 20
