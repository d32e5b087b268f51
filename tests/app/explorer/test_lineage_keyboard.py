"""The drawing of a lineage by keyboard and screen reader, as a picture and on a canvas."""

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from descentd.graph.store.sqlite.store import SQLiteStore
from tests.app.explorer.browsing import child, focused, node, opened_at
from tests.support.registries import opened, send
from tests.support.server_process import ServerProcess

OPPOSITE = {"ArrowLeft": "ArrowRight", "ArrowUp": "ArrowDown", "ArrowRight": "ArrowLeft", "ArrowDown": "ArrowUp"}
ALONG = {"right": ("ArrowRight", "ArrowLeft"), "down": ("ArrowDown", "ArrowUp")}
ACROSS = {"right": ("ArrowDown", "ArrowUp"), "down": ("ArrowRight", "ArrowLeft")}
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
    """What a screen reader says of what has the focus."""
    return str(
        page.evaluate("""(({ activeElement }) => activeElement.getAttribute('aria-label')
            ?? activeElement.querySelector('title').textContent)(document)""")
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
