"""What is offered in place of a name that is not registered: names that are nearly it, where they were asked for."""

import html
import re
from difflib import SequenceMatcher
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest

from descentd.app.explorer import near
from descentd.graph.model.errors import Unavailable
from descentd.graph.model.records import Brief
from descentd.queries.lineage.search import search
from descentd.queries.pages import Listed
from tests.app.explorer.bank import FIRST, LOANS, THIRD
from tests.app.explorer.visiting import ABOUT_RECORDS, Visit, links, text_of

pytestmark = pytest.mark.anyio


async def test_names_that_are_not_near_are_not_offered(governed: Visit) -> None:
    await governed.register(models=[{"name": f"org/m{n}", "version": "step1", "config": {"n": n}} for n in range(9)])
    without_words = (
        "model:\U0001f680@step1",
        "model:\U0001f469\u200d\U0001f4bb@2.0",
        "model:--@step1",
        "\U0001f680@2.0",
    )
    others = ("model:nowhere@1", "model:other/thing@step1", "dataset:cats@2024", "model:bank/cashier@2.0")
    for ref in (*others, *without_words):
        page = await governed.get(f"/record/{ref}")
        assert "Did you mean" not in text_of(page.text), ref
        assert "Nothing has a name like it" in text_of(page.text)
    for ref, meant in (
        ("model:bank/scorer@2.1", THIRD),
        ("model:scorer@2.0", THIRD),
        ("model:bank/scorre@1.0", FIRST),
        ("model:Bank/Scorer@2.0", THIRD),
        ("dataset:loan@2024", LOANS),
    ):
        assert f"/record/{meant}" in links((await governed.get(f"/record/{ref}")).text), ref


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("/trend/{}?metric=accuracy&slice=everybody", "/trend/{}?metric=accuracy&slice=everybody"),
        ("/gate/{}?environment=production&after=x", "/gate/{}?environment=production"),
        ("/impact/{}?after=x", "/impact/{}"),
        ("/lineage/{}?up=2", "/lineage/{}?up=2"),
        ("/diff/{}?head=" + FIRST, "/diff/{}?head=" + FIRST),
        ("/diff/" + FIRST + "?head={}&attribute=region", "/diff/" + FIRST + "?head={}&attribute=region"),
        ("/lineage/" + FIRST + "?to={}", "/lineage/" + FIRST + "?to={}"),
        ("/record/{}", "/record/{}"),
    ],
)
async def test_what_is_meant_is_offered_as_what_was_asked_for(governed: Visit, wrong: str, meant: str) -> None:
    """On the page that was asked for, with whatever else was asked, and not on the page of the record."""
    page = await governed.get(wrong.format(f"{THIRD}1"))
    assert page.status_code == 404
    there = next(one for one in map(html.unescape, links(page.text)) if one.startswith(meant.partition("{")[0]))
    assert unquote(there) == meant.format(THIRD)
    assert (await governed.get(there)).status_code == 200


@pytest.mark.parametrize("view", [view for view in ABOUT_RECORDS if view != "record"])
async def test_a_name_that_is_not_known_is_searched_for_as_what_was_asked_for(governed: Visit, view: str) -> None:
    page = (await governed.get(f"/{view}/model:bank/nobody@1?environment=production")).text
    [search] = re.findall('<a href="([^"]+)">Search for', page)
    path, _, query = html.unescape(search).partition("?")
    assert (path, dict(parse_qsl(query))["q"]) == (f"/{view}", "model:bank/nobody@1")
    assert (await governed.get(html.unescape(search))).status_code == 200


async def test_only_versions_are_offered_in_place_of_a_version(governed: Visit) -> None:
    for view in ABOUT_RECORDS:
        offered = links((await governed.get(f"/{view}/dataset:loan@2024")).text)
        assert any("dataset:loans" in one for one in offered) == (view in {"record", "lineage", "impact"}), view


async def test_of_a_wrong_address_so_many_searches_find_something_and_no_more(
    governed: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []

    async def counted(*given: Any) -> Listed[Brief]:
        listed = await search(*given)
        found.append(bool(listed.items))
        return listed

    monkeypatch.setattr(near, "search", counted)
    animals = ["ants", "bees", "cats", "dogs", "eels", "frogs", "goats"]
    some = ["-".join(other for other in reversed(animals) if other != one) for one in animals]
    await governed.register(models=[{"name": name, "version": "zoo", "config": {"a": name}} for name in some])
    page = await governed.get(f"/record/model:{'-'.join(animals)}@zoo")
    assert "Nothing has a name like it" in text_of(page.text)
    assert sum(found) == 5


async def test_a_store_that_is_away_by_now_is_not_asked_what_is_near_again(
    governed: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def away(*given: Any) -> Listed[Brief]:
        asked.append(given)
        raise Unavailable("The store does not answer.")

    monkeypatch.setattr(near, "search", away)
    page = await governed.get("/record/model:one/two/three/four@1")
    assert page.status_code == 404
    assert "'model:one/two/three/four@1' is not registered" in text_of(page.text)
    assert len(asked) == 1


async def test_of_a_long_address_no_more_is_compared_than_a_ref_may_have(
    governed: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def noted(_: None, one: str, other: str) -> SequenceMatcher[str]:
        compared.append(len(other))
        return SequenceMatcher(None, one, other)

    monkeypatch.setattr(near, "SequenceMatcher", noted)
    page = await governed.get(f"/record/model:bank/scorer@{'1' * 30_000}")
    assert f"/record/{THIRD}" in links(page.text)
    await governed.get(f"/record/model:bank/scor{'e' * 30_000}r@2.0")
    assert 300 < max(compared) < 1_000
