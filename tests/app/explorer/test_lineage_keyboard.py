"""The drawing of a lineage by keyboard and screen reader, as a picture and on a canvas."""

import asyncio
import re
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from descentd.graph.store.sqlite.store import SQLiteStore
from tests.app.explorer.browsing import child, focused, grave_findings, node, opened_at
from tests.support.registries import opened, send
from tests.support.server_process import ServerProcess

OPPOSITE = {"ArrowLeft": "ArrowRight", "ArrowUp": "ArrowDown", "ArrowRight": "ArrowLeft", "ArrowDown": "ArrowUp"}
ALONG = {"right": ("ArrowRight", "ArrowLeft"), "down": ("ArrowDown", "ArrowUp")}
ACROSS = {"right": ("ArrowDown", "ArrowUp"), "down": ("ArrowRight", "ArrowLeft")}
FOLDED = "model:hub@1?each=100"
LARGE = "model:big@1?each=10000"
NET = "model:net/root@1?down=9"
SIZE = 8


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    file = tmp_path_factory.mktemp("walked") / "registry.db"

    async def fill() -> None:
        async with opened(SQLiteStore(file)) as registry:
            await send(registry, models=net())
            await send(registry, models=[child("big", "1"), *(child(f"leaf{n}", "1", "big@1") for n in range(800))])
            await send(registry, models=[child("further", "1", "leaf7@1")])
            await send(registry, models=[child("hub", "1"), *(child("tuned", f"{n:03}", "hub@1") for n in range(90))])

    asyncio.run(fill())
    with ServerProcess(f"sqlite:///{file}") as running:
        yield running


def net() -> list[dict[str, Any]]:
    """Of one root four generations of names of their own, those after the first each of two before it."""
    before = ["net/root"] * SIZE
    found = [child("net/root", "1")]
    for generation in "abcd":
        names = [f"net/{generation}{n}" for n in range(SIZE)]
        for n, name in enumerate(names):
            parents = {before[n], before[(3 * n + 1) % SIZE]}
            found.append(child(name, "1", *(f"{one}@1" for one in sorted(parents))))
        before = names
    return found


def opened_on_canvas(page: Page, path: str) -> None:
    page.goto(f"/lineage/{path}")
    expect(page.locator("lineage-overview[data-ready]")).to_be_attached()


def at(page: Page) -> str:
    """What a screen reader says of the node that has the focus, `body` where nothing has it."""
    return str(
        page.evaluate("""(({ activeElement: one }) => one === document.body ? 'body'
            : one.getAttribute('aria-label') ?? one.querySelector('title').textContent)(document)""")
    )


def pressed(page: Page, *keys: str) -> list[str]:
    """Where one is after each key."""
    found = []
    for key in keys:
        page.keyboard.press(key)
        found.append(at(page))
    return found


@pytest.mark.parametrize("flow", ["right", "down"])
@pytest.mark.parametrize("large", [False, True], ids=["picture", "canvas"])
def test_the_opposite_keys_go_back_the_way_that_one_came(page: Page, flow: str, large: bool) -> None:
    if large:
        opened_on_canvas(page, f"{LARGE}&down=2&flow={flow}")
        page.locator("lineage-overview .window a").focus()
    else:
        opened_at(page, f"{NET}&flow={flow}")
        node(page, "model:net/c0@1").focus()
    random = Random(7)
    way, keys = [at(page)], []
    for key in random.choices(sorted(OPPOSITE), (3, 2, 3, 1), k=60):
        [there] = pressed(page, key)
        if there != way[-1]:
            way.append(there)
            keys.append(key)
    assert len(set(way)) > (3 if large else SIZE)
    assert set(keys) == OPPOSITE.keys()
    assert pressed(page, *(OPPOSITE[key] for key in reversed(keys))) == way[-2::-1]


@pytest.mark.parametrize("flow", ["right", "down"])
def test_one_pair_of_keys_follows_lines_and_the_other_goes_through_all_nodes(page: Page, flow: str) -> None:
    opened_at(page, f"{NET}&flow={flow}")
    every = page.locator("a[data-place] > title").all_text_contents()
    onwards, back = ALONG[flow]
    following, _ = ACROSS[flow]
    node(page, "model:net/a0@1").focus()
    assert [one[:11] for one in pressed(page, onwards, onwards, onwards)] == [
        "model:net/b",
        "model:net/c",
        "model:net/d",
    ]
    assert [one[:11] for one in pressed(page, back, back, back)] == ["model:net/c", "model:net/b", "model:net/a"]
    page.keyboard.press("Home")
    assert focused(page).startswith("model:net/root@1")
    for _ in every:
        page.keyboard.press(ACROSS[flow][1])
    assert {focused(page), *pressed(page, *[following] * len(every))} == set(every)


def test_the_way_back_is_known_after_more_was_shown_and_from_what_a_node_offers(page: Page) -> None:
    opened_at(page, "model:net/b3@1")
    node(page, "model:net/a3@1").focus()
    way = [at(page), *pressed(page, "ArrowRight", "ArrowRight")]
    page.keyboard.press("+")
    page.wait_for_url("**open=**")
    expect(page.locator("lineage-page[aria-busy]")).to_have_count(0)
    page.keyboard.press("Tab")
    assert at(page).startswith("Show ") or at(page).startswith("Hide ")
    refs = [one.partition(",")[0] for one in way]
    assert [one.partition(",")[0] for one in pressed(page, "ArrowLeft", "ArrowLeft")] == refs[1::-1]


def test_what_one_is_at_on_a_canvas_is_a_link_in_sight(page: Page) -> None:
    opened_on_canvas(page, LARGE)
    link = page.locator("lineage-overview .window a")
    expect(link).to_have_count(1)
    link.focus()
    assert at(page).startswith("model:big@1, model version")
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert [one[:10] for one in pressed(page, "ArrowRight", "ArrowDown")] == ["model:leaf", "model:leaf"]
    expect(page.locator("lineage-overview [aria-hidden]")).to_have_text(at(page))
    place, window = link.bounding_box(), page.locator("lineage-overview .window").bounding_box()
    assert place is not None
    assert window is not None
    assert window["x"] <= place["x"] <= window["x"] + window["width"] - place["width"]
    assert window["y"] <= place["y"] <= window["y"] + window["height"] - place["height"]
    ref = at(page).partition(",")[0]
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/record/{ref}")


@pytest.mark.parametrize("path", [NET, LARGE])
def test_a_screen_reader_leaves_the_arrow_keys_to_the_drawing_and_says_which_there_are(page: Page, path: str) -> None:
    page.goto(f"/lineage/{path}")
    expect(page.locator("figure [data-ready]")).to_be_attached()
    heard = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    [drawing] = [one for one in heard if one["role"]["value"] == "application"]
    assert drawing["name"]["value"].startswith("Lineage of ")
    assert "the opposite key goes back the way one came" in drawing["description"]["value"]
    assert page.locator("figure .keys").is_visible()


@pytest.mark.parametrize("path", [NET, LARGE])
def test_who_goes_back_is_at_the_node_that_they_left(page: Page, path: str) -> None:
    page.goto(f"/lineage/{path}")
    expect(page.locator("figure [data-ready]")).to_be_attached()
    assert at(page) == "body"
    page.locator("#drawing").focus()
    *_, there = pressed(page, "ArrowRight", "ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/record/**")
    page.go_back()
    expect(page.locator("#drawing")).to_be_focused()
    assert at(page) == there
    page.reload()
    expect(page.locator("figure [data-ready]")).to_be_attached()
    assert at(page) == "body"


def test_a_node_of_an_address_is_where_tab_leads_and_takes_no_focus(page: Page) -> None:
    opened_at(page, NET)
    number = node(page, "model:net/b3@1").get_attribute("data-place")
    opened_at(page, f"{NET}&at={number}")
    assert at(page) == "body"
    page.locator("[data-fit]").focus()
    assert pressed(page, "Tab")[0].startswith("model:net/b3@1")
    opened_at(page, f"{NET}&at=999999")
    page.locator("[data-fit]").focus()
    assert pressed(page, "Tab")[0].startswith("model:net/root@1")


def test_who_goes_back_in_place_is_where_they_were(page: Page) -> None:
    opened_at(page, "model:net/b3@1")
    node(page, "model:net/a3@1").focus()
    page.keyboard.press("+")
    page.wait_for_url("**open=**")
    assert at(page).startswith("model:net/a3@1")
    page.keyboard.press("Home")
    page.go_back()
    page.wait_for_url(lambda address: "open=" not in address)
    expect(page.locator("lineage-page[aria-busy]")).to_have_count(0)
    assert at(page).startswith("model:net/a3@1")


@pytest.mark.parametrize("control", ["#turned", "#folding", "#afresh", "#farther-below"])
def test_what_is_shown_in_place_leaves_the_focus_at_its_control(page: Page, control: str) -> None:
    opened_at(page, "model:net/root@1")
    before = page.locator("svg.lineage").element_handle()
    page.locator(control).focus()
    page.keyboard.press("Enter")
    page.wait_for_function("before => !before.isConnected", arg=before)
    expect(page.locator(control)).to_be_focused()


def test_a_choice_leaves_the_focus_where_one_chose(page: Page) -> None:
    opened_at(page, NET)
    page.locator("summary").first.click()
    for value, address in (("MODEL_VERSION", "kind=MODEL_VERSION$"), ("", "down=9$")):
        kind = page.locator("select[name=kind]")
        kind.focus()
        kind.select_option(value)
        page.wait_for_url(re.compile(address))
        expect(page.locator("select[name=kind]")).to_be_focused()


def test_what_has_gone_leaves_the_focus_to_the_drawing(page: Page) -> None:
    opened_at(page, f"{NET}&name=net%2Fb")
    link = page.get_by_role("link", name="Show them")
    link.focus()
    page.keyboard.press("Enter")
    expect(link).to_have_count(0)
    assert at(page).startswith("model:net/root@1")


def test_who_looks_into_a_fold_is_led_in_and_back(page: Page) -> None:
    opened_at(page, FOLDED)
    page.locator(".folded > a").focus()
    folded = at(page)
    page.keyboard.press("Enter")
    expect(page.locator("#inside")).to_be_focused()
    page.get_by_role("link", name="Close").press("Enter")
    expect(page.locator("#inside")).to_have_count(0)
    assert at(page) == folded
    page.keyboard.press("+")
    page.wait_for_url("**unfold=**")
    expect(page.locator(".folded")).to_have_count(1)
    assert at(page).startswith("model:tuned@000")


@pytest.mark.parametrize("path", [NET, LARGE])
def test_the_drawing_and_its_table_are_reached_at_once(page: Page, path: str) -> None:
    page.goto(f"/lineage/{path}")
    expect(page.locator("figure [data-ready]")).to_be_attached()
    drawing = page.locator("figure canvas, figure svg.lineage").element_handle()
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#drawing")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('figure')") is None
    assert drawing.evaluate("drawing => drawing.isConnected")
    page.evaluate("document.activeElement.blur()")
    page.locator(".skip").last.press("Enter")
    expect(page.locator("#table")).to_be_focused()
    assert grave_findings(page) == []


def test_without_a_script_the_drawing_is_reached_at_once(browser: Browser, server: ServerProcess) -> None:
    with browser.new_context(base_url=server.url, java_script_enabled=False) as plain:
        page = plain.new_page()
        page.goto(f"/lineage/{NET}")
        page.locator(".skip").nth(1).press("Enter")
        expect(node(page, "model:net/root@1")).to_be_focused()


def folded_again(page: Page) -> None:
    page.keyboard.press("-")
    page.wait_for_url(lambda address: not re.search("open=|unfold=|out=", str(address)))
    expect(page.locator("lineage-page[aria-busy]")).to_have_count(0)


def test_each_thing_that_was_opened_is_hidden_again_by_itself(page: Page) -> None:
    opened_at(page, "model:net/b3@1")
    drawn = page.locator("a[data-place] > title")
    before = drawn.all_text_contents()
    for ref, address in (("model:net/a3@1", "**open=**"), ("model:net/c3@1", "**%2C**")):
        node(page, ref).focus()
        page.keyboard.press("+")
        page.wait_for_url(address)
        assert at(page).startswith(ref)
    both = drawn.all_text_contents()
    assert len(both) > len(before)
    page.get_by_role("link", name="Hide again what came of model:net/a3@1").click()
    page.wait_for_url(re.compile(r"open=\d+d&"))
    expect(drawn).not_to_have_count(len(both))
    assert at(page).startswith("model:net/a3@1")
    assert grave_findings(page) == []
    node(page, "model:net/c3@1").focus()
    folded_again(page)
    assert drawn.all_text_contents() == before
    assert at(page).startswith("model:net/c3@1")


def test_an_opened_fold_folds_again_at_its_first_and_at_what_is_left_of_it(page: Page) -> None:
    for where in ("model:tuned@000", r"30 of tuned"):
        opened_at(page, FOLDED)
        folded = page.locator(".folded title").text_content()
        page.locator(".folded > a").focus()
        page.keyboard.press("+")
        page.wait_for_url("**unfold=**")
        expect(page.locator("a[data-place]")).to_have_count(62)
        node(page, where).focus()
        folded_again(page)
        assert at(page) == folded


def test_what_was_pulled_out_goes_back_into_its_fold(page: Page) -> None:
    opened_at(page, FOLDED)
    folded = page.locator(".folded title").text_content()
    page.locator(".folded > a").click()
    page.get_by_role("link", name="Show tuned 007 by itself").click()
    page.wait_for_url("**out=**")
    expect(page.locator("lineage-page[aria-busy]")).to_have_count(0)
    assert at(page).startswith("model:tuned@007")
    folded_again(page)
    assert at(page) == folded


def test_without_a_script_and_on_a_canvas_a_link_hides_again(browser: Browser, server: ServerProcess) -> None:
    with browser.new_context(base_url=server.url, java_script_enabled=False) as plain:
        page = plain.new_page()
        page.goto("/lineage/model:net/a3@1")
        page.locator("a.marker[data-way=above]").first.click()
        page.wait_for_url("**open=**")
        page.locator("a.marker[data-way=less_above]").click()
        page.wait_for_url(lambda address: "open=" not in str(address))
        page.goto("/lineage/model:big@1?each=700")
        page.get_by_role("link", name="Show what came of model:big@1").click()
        page.wait_for_url("**open=**")
        assert page.locator("lineage-overview").count() == 1
        page.get_by_role("link", name="Hide again what came of model:big@1").click()
        page.wait_for_url(lambda address: "open=" not in str(address))
        assert page.locator("svg.lineage").count() == 1
