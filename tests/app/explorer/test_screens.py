"""The pages on screens of other sizes, in headless Chromium: narrow ones, and those that draw a pixel as several."""

import asyncio
import base64
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from descentd.graph.store.sqlite.store import SQLiteStore
from tests.app.explorer.bank import FIRST, LOANS, THIRD, fill
from tests.support.registries import opened
from tests.support.server_process import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    file = tmp_path_factory.mktemp("screens") / "registry.db"

    async def fill_it() -> None:
        async with opened(SQLiteStore(file)) as registry:
            await fill(registry)

    asyncio.run(fill_it())
    with ServerProcess(f"sqlite:///{file}") as running:
        yield running


@pytest.mark.parametrize("width", [320, 360, 600, 880])
@pytest.mark.parametrize("address", ["/", "/reviews"])
def test_nothing_of_what_waits_is_covered_or_out_of_sight(page: Page, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 640})
    page.goto(address)
    hidden = """cells => cells.filter(cell => {
        cell.scrollIntoView({block: "center", behavior: "instant"});
        const {left, right, top, bottom} = cell.getBoundingClientRect();
        const inside = [left + 1, right - 1].map(x => document.elementFromPoint(x, (top + bottom) / 2));
        return cell.innerText && (left < 0 || right > innerWidth || !inside.every(found => cell.contains(found)));
    }).map(cell => cell.innerText)"""
    waiting = page.get_by_role("region", name="What waits for you")
    assert waiting.get_by_role("cell").count() >= 4
    assert waiting.locator("td").evaluate_all(hidden) == []
    assert waiting.get_by_text("0 of 1 person").first.is_visible()


@pytest.mark.parametrize("width", [320, 360, 600])
@pytest.mark.parametrize(
    ("address", "region", "headings"),
    [
        ("/", "What serves now", ["Endpoint", "Version", "Since", "Policy", "Safety profile"]),
        ("/serving", "What serves now", ["Endpoint", "Version", "Since", "Policy", "Safety profile"]),
        ("/", "Incidents", ["How bad", "Version", "Where", "Since", "Status"]),
        ("/incidents", "Incidents", ["How bad", "Version", "Where", "Since", "Status"]),
        ("/erosions", "What got worse, by the derivation that brought it in", None),
        ("/reviews", "Newest decisions", ["Person", "Version", "Environment", "Why", "Day", "Does it count?"]),
        (f"/impact/{LOANS}", "What comes from it and serves", None),
        (f"/impact/{LOANS}", "What comes from it", None),
        ("/population?attribute=age_group&value=65%2B", "Versions with this answer", None),
    ],
)
def test_lists_of_records_are_read_on_a_narrow_screen_without_scrolling_aside(
    page: Page, address: str, region: str, headings: list[str] | None, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 640})
    page.goto(address)
    listed = page.get_by_role("region", name=region, exact=True)
    assert listed.locator("tbody tr").count() >= 1
    assert listed.evaluate("one => one.scrollWidth <= one.clientWidth")
    cells = listed.locator("tbody tr").first.locator("td").filter(has_text=re.compile("."))
    assert cells.count() >= 3
    outside = "cells => cells.filter(cell => cell.getBoundingClientRect().right > innerWidth).length"
    assert cells.evaluate_all(outside) == 0
    shown = "cells => cells.slice(1).map(cell => getComputedStyle(cell, '::before').content.replace(/[\"]|: /g, ''))"
    said = cells.evaluate_all(shown)
    assert said == headings or (headings is None and all(said))


NUMBERS = {"Measured", "The tests behind it", "All values", "Results"}
"""Tables of numbers, which are read down a column."""


def test_no_list_is_wider_than_the_narrowest_screen(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    seen: set[str] = set()
    for address in (
        *("/", "/serving", "/incidents?status=all", "/erosions", "/drift", "/policies", "/reviews", "/population"),
        *("/search?q=scorer", "/trend", "/population?attribute=age_group&value=65%2B", f"/impact/{LOANS}"),
        *(f"/record/{one}" for one in (FIRST, THIRD, LOANS, f"{LOANS}%23train")),
        *(f"/lineage/{LOANS}", f"/lineage/{THIRD}", f"/gate/{FIRST}?environment=production"),
        *(f"/diff/{FIRST}?head={THIRD}", f"/trend/{THIRD}?metric=accuracy"),
    ):
        page.goto(address)
        page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
        tables = page.locator(".wide:has(table)")
        wider = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.ariaLabel)"
        assert set(tables.evaluate_all(wider)) <= NUMBERS, address
        seen |= set(tables.evaluate_all("all => all.map(one => one.ariaLabel)"))
    assert len(seen) > 20


@pytest.mark.parametrize("scale", [1, 1.25, 1.5, 2])
def test_no_shade_shows_where_a_table_is_not_wider_than_its_place(
    browser: Browser, server: ServerProcess, scale: float
) -> None:
    size = {"width": 1280, "height": 900}
    with browser.new_context(base_url=server.url, viewport=size, device_scale_factor=scale) as zoomed:  # type: ignore[arg-type]
        page = zoomed.new_page()
        page.goto("/reviews")
        table = page.locator(".wide").first
        assert table.evaluate("one => one.scrollWidth <= one.clientWidth")
        place = table.bounding_box()
        assert place is not None
        edge = {"x": place["x"] + place["width"] - 12, "width": 14, "y": place["y"] - 1, "height": place["height"] + 2}
        drawn = page.screenshot(clip=edge)  # type: ignore[arg-type]
        shaded = """async drawn => {
            const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${drawn}`)).blob());
            const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
            canvas.drawImage(image, 0, 0);
            const {data, width, height} = canvas.getImageData(0, 0, image.width, image.height);
            const rows = [...Array(height).keys()].map(y => data.slice(4 * y * width, 4 * (y + 1) * width));
            const blank = rows.filter(row => row.slice(0, 3).every(value => value === 255));
            return [blank.length, blank.filter(row => row.some(value => value < 254)).length];
        }"""
        blank = zoomed.new_page()  # whose policy lets it read what it is given
        found, wrong = blank.evaluate(shaded, base64.b64encode(drawn).decode())
        assert found > 20
        assert wrong == 0


def test_what_may_be_decided_is_in_sight_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto("/reviews")
    place = page.get_by_role("row", name="bank/scorer 2.0").get_by_role("link", name="Decide").bounding_box()
    assert place is not None
    assert place["x"] + place["width"] <= 320
