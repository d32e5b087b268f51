"""Rows about drawings in a browser: from the click on a link until the drawing is there, and a frame while it is moved.

In headless Chromium without a graphics card, on the same machine as the server. The time until it is drawn ends with
the second frame after the drawing is in the page, so that the first has been handed over for painting.
"""

from collections.abc import Iterator
from statistics import median
from typing import Any, Final
from urllib.parse import quote

from playwright.sync_api import Browser, Page, sync_playwright

from bench.processes import Server
from bench.registry import Landmarks
from bench.rows import Row
from descentd.app.explorer.lineage.figure import LARGE
from tests.support.debian import CHROMIUM

TARGET: Final = 150.0
FRAME: Final = 8.0
RUNS: Final = 7
MOVES: Final = 120
"""Moves of the mouse while a drawing is dragged."""
SIZES: Final = (10, 60, 300, LARGE, 1_500)
_WATCH: Final = """
addEventListener("click", (event) => {
  localStorage.clicked = performance.timeOrigin + event.timeStamp;
}, true);
const seen = () => document.querySelector("lineage-drawing[data-ready], lineage-overview canvas");
window.drawn = new Promise((done) => {
  const look = () => requestAnimationFrame(() => {
    if (!seen()) return look();
    requestAnimationFrame(() => done(performance.timeOrigin + performance.now() - Number(localStorage.clicked)));
  });
  look();
});
"""
_LINK: Final = """address => {
  const link = document.createElement("a");
  link.href = address;
  link.id = "bench";
  link.textContent = "bench";
  document.querySelector("h1").append(link);
}"""
_COUNTED: Final = "window.frames_drawn = 0; (function count() { frames_drawn++; requestAnimationFrame(count); })()"


def rows(server: Server, landmarks: Landmarks) -> Iterator[Row]:
    """Drawings of a hub with so many nodes, each opened by a link from another page; two are moved."""
    path = CHROMIUM.find()
    if path is None:
        raise SystemExit(f"There is {CHROMIUM.missing}.")
    hub = f"/lineage/{quote(landmarks.causes['0.2'].refs[0])}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for nodes in SIZES:
            yield _drawn(browser, server, f"{hub}?fold=off&each={nodes - 1}", nodes)
        yield _moved(browser, server, f"{hub}?fold=off&each={LARGE - 1}", LARGE)
        yield _moved(browser, server, f"{hub}?fold=off&each=10000&up=2&down=3", 10_000)
        browser.close()


def _drawn(browser: Browser, server: Server, address: str, nodes: int) -> Row:
    taken, firsts, kind, used = [], [], "", 0.0
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.add_init_script(_WATCH)
        page = context.new_page()
        for run in range(RUNS + 1):
            page.goto(server.url)
            page.evaluate(_LINK, address)
            before = server.seconds_used
            page.click("#bench")
            page.wait_for_url("**/lineage/**")
            milliseconds = page.evaluate("drawn")
            # The first run also loads the modules and compiles what the server has not needed yet.
            if run:
                taken.append(milliseconds)
                firsts.append(_first_byte(page))
                used += server.seconds_used - before
        kind = "SVG" if page.locator("svg.lineage").count() else "canvas"
    note = f"least {min(taken):.0f}; first byte {median(firsts):.0f} ms; {1000 * used / RUNS:.0f} ms of processor there"
    return Row(f"click to drawn, {nodes:,} nodes, {kind}", median(taken), "ms", TARGET, note=note)


def _first_byte(page: Page) -> float:
    return float(
        page.evaluate(
            "performance.timeOrigin + performance.getEntriesByType('navigation')[0].responseStart"
            " - Number(localStorage.clicked)"
        )
    )


def _moved(browser: Browser, server: Server, address: str, nodes: int) -> Row:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(server.url + address)
    page.wait_for_selector("lineage-drawing[data-ready], lineage-overview canvas", state="attached")
    page.wait_for_selector(".part:not(.drawn)", state="detached")
    canvas = page.locator("lineage-overview canvas")
    place = (canvas if canvas.count() else page.locator(".scroll")).bounding_box()
    assert place is not None
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.evaluate(_COUNTED)
    page.mouse.move(x, y)
    page.mouse.down()
    before = _metrics(session.send("Performance.getMetrics"))
    frames = int(page.evaluate("frames_drawn"))
    page.mouse.move(x - 300, y - 200, steps=MOVES)
    frames = int(page.evaluate("frames_drawn")) - frames
    after = _metrics(session.send("Performance.getMetrics"))
    page.mouse.up()
    page.close()
    parts = {name: 1000 * (after[name] - before[name]) / frames for name in before}
    busy = parts["ScriptDuration"] + parts["LayoutDuration"] + parts["RecalcStyleDuration"]
    note = f"all of the main thread {parts['TaskDuration']:.1f} ms; {frames} frames"
    return Row(f"a frame while it is moved, {nodes:,} nodes", busy, "ms", FRAME, note=note)


def _metrics(found: dict[str, Any]) -> dict[str, float]:
    wanted = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration", "TaskDuration")
    return {one["name"]: float(one["value"]) for one in found["metrics"] if one["name"] in wanted}
