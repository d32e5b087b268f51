"""The drawing of a lineage in headless Chromium: by keyboard, in place, narrow, printed, as a picture, and large."""

import asyncio
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from descentd.graph.store.sqlite.store import SQLiteStore
from tests.app.explorer.bank import FIRST, SECOND, THIRD, manifest
from tests.app.explorer.browsing import child, focused, node, opened_at
from tests.support.registries import opened, send
from tests.support.server_process import ServerProcess

HOSTILE = "<img src=x onerror=alert(1)>"
LONG = "up=3&down=3&kind=MODEL_VERSION"
MANY = "/lineage/model:big@1?each=300"
TITLES = "all => all.map((one) => one.querySelector('title').textContent)"
DRAWN = """[...document.querySelectorAll('.part')].map(one => getComputedStyle(one).display !== 'none')"""
SUBJECT_IS_SEEN = """([...document.querySelectorAll('a[aria-current="true"] .body')].map(one => {
    const node = one.getBoundingClientRect(), seen = one.closest('.scroll').getBoundingClientRect();
    return node.left >= seen.left && node.right <= seen.right;
}))"""
STROKES = """(styles) => styles.map((style) => {
    const strokes = [], { stroke } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.stroke = function () {
        strokes.push({ width: this.lineWidth, dashes: this.getLineDash(), color: this.strokeStyle });
    };
    const overview = document.createElement("lineage-overview");
    const script = overview.appendChild(Object.assign(document.createElement("script"), { type: "application/json" }));
    script.textContent = JSON.stringify({
        nodes: [[0, 0, 9, 9, 0, "", "/", ""]], lines: [[0, 0, 5, 100, 5]], styles: [style], links: [], places: [0],
        current: 0, right: true, width: 1000, height: 500 });
    document.querySelector("lineage-overview").replaceWith(overview);
    CanvasRenderingContext2D.prototype.stroke = stroke;
    return strokes;
})"""
"""With what a canvas draws a line and a node of each style."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    file = tmp_path_factory.mktemp("lineage") / "registry.db"

    async def fill() -> None:
        async with opened(SQLiteStore(file)) as registry:
            await send(registry, **manifest())
            await send(registry, models=[child("hub", "1"), *(child("tuned", f"{n:03}", "hub@1") for n in range(90))])
            await send(registry, models=[child("big", "1"), *(child(f"leaf{n}", "1", "big@1") for n in range(1_600))])
            await send(registry, models=[child(HOSTILE, "1"), child(HOSTILE, "2", f"{HOSTILE}@1")])

    asyncio.run(fill())
    with ServerProcess(f"sqlite:///{file}") as running:
        yield running


def test_a_screen_reader_hears_each_node_and_marker_once(page: Page) -> None:
    opened_at(page, "model:tuned@007")
    links = page.locator("svg.lineage a")
    heard = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    read = {(one["name"]["value"], "description" in one) for one in heard if one["role"]["value"] == "link"}
    assert {(title, False) for title in links.evaluate_all(TITLES)} <= read
    assert links.count() == 3


def test_arrow_keys_walk_the_lines_and_enter_opens(page: Page) -> None:
    opened_at(page, f"{SECOND}?kind=MODEL_VERSION")
    page.locator('a[data-place][aria-current="true"]').focus()
    assert focused(page).startswith(SECOND)
    page.keyboard.press("ArrowRight")
    assert focused(page).startswith(THIRD)
    page.keyboard.press("ArrowRight")
    assert focused(page).startswith(THIRD)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert focused(page).startswith(FIRST)
    assert page.locator(".line.near").count() == 1
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/record/{FIRST}")


def test_one_press_of_tab_reaches_the_drawing_and_the_next_leaves_its_nodes(page: Page) -> None:
    opened_at(page, f"{SECOND}?kind=MODEL_VERSION")
    assert page.locator('a[data-place][tabindex="0"]').count() == 1
    assert page.locator('a[data-place][tabindex="-1"]').count() == 2


def test_plus_shows_more_in_place_and_keeps_the_focus_and_the_address(page: Page) -> None:
    opened_at(page, "model:tuned@007")
    before = page.locator("a[data-place]").count()
    node(page, "model:hub@1").focus()
    page.evaluate("window.stayed = true")
    page.keyboard.press("+")
    page.wait_for_url("**open=**")
    expect(page.locator("a[data-place]")).not_to_have_count(before)
    assert page.evaluate("window.stayed") is True
    assert focused(page).startswith("model:hub@1")
    address = page.url
    labels = page.locator("a[data-place]").evaluate_all(TITLES)
    page.go_back()
    expect(page.locator("a[data-place]")).to_have_count(before)
    page.goto(address)
    again = page.locator("a[data-place]").evaluate_all(TITLES)
    assert again == labels


def test_a_fold_is_searched_and_one_is_pulled_out_in_place(page: Page) -> None:
    opened_at(page, "model:hub@1?each=1000")
    page.locator(".folded > a").click()
    page.locator("#inside input[type=search]").fill("@042")
    page.locator("#inside").get_by_role("button").click()
    expect(page.locator("#inside li")).to_have_count(1)
    page.locator("#inside li a", has_text="show by itself").click()
    expect(node(page, "model:tuned@042")).to_have_count(1)
    assert "out=" in page.url


def test_a_choice_takes_effect_at_once(page: Page) -> None:
    opened_at(page, SECOND)
    page.locator("select[name=metric]").select_option("adversarial_accuracy")
    page.wait_for_url("**metric=adversarial_accuracy**")
    expect(page.locator(".shift.worse")).to_have_text("▼ −0.067")


def test_it_fits_a_narrow_window(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    opened_at(page, f"{SECOND}?up=3&down=3")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("subject", [FIRST, SECOND, THIRD])
def test_it_opens_at_its_subject_and_fits_once_that_is_asked_for(page: Page, subject: str) -> None:
    page.set_viewport_size({"width": 480, "height": 800})
    opened_at(page, f"{subject}?{LONG}")
    assert page.locator(".scroll").evaluate("one => one.scrollWidth > one.clientWidth")
    assert page.evaluate(SUBJECT_IS_SEEN) == [True]
    page.locator("[data-fit]").click()
    assert page.locator(".scroll").evaluate("one => one.scrollWidth - one.clientWidth") <= 1


@pytest.mark.parametrize("subject", [FIRST, SECOND, THIRD])
def test_it_opens_at_its_subject_without_a_script(browser: Browser, server: ServerProcess, subject: str) -> None:
    with browser.new_context(base_url=server.url, java_script_enabled=False) as plain:
        page = plain.new_page()
        page.set_viewport_size({"width": 480, "height": 800})
        page.goto(f"/lineage/{subject}?{LONG}")
        assert page.locator(".scroll").evaluate("one => one.scrollWidth > one.clientWidth")
        assert page.evaluate(SUBJECT_IS_SEEN) == [True]
        assert page.evaluate("scrollY") == 0


def test_of_a_large_drawing_what_is_in_the_window_is_drawn_first_and_then_all_of_it(page: Page) -> None:
    page.add_init_script("window.idle = []; window.requestIdleCallback = (work) => idle.push(work);")
    page.set_viewport_size({"width": 480, "height": 480})
    page.goto(MANY)
    expect(page.locator("lineage-drawing[data-ready]")).to_be_attached()
    drawn = page.evaluate(DRAWN)
    assert 0 < sum(drawn) < len(drawn)
    assert page.locator("a[data-place]").last.bounding_box() is None
    page.locator(".scroll").evaluate("one => one.scrollTo({ top: one.scrollHeight, left: one.scrollWidth })")
    expect(page.locator("a[data-place]").last).to_be_visible()
    page.emulate_media(media="print")
    assert all(page.evaluate(DRAWN))
    page.emulate_media(media="screen")
    assert not all(page.evaluate(DRAWN))
    page.evaluate("while (idle.length) idle.shift()()")
    assert all(page.evaluate(DRAWN))


def test_the_table_is_laid_out_once_the_drawing_was_shown(page: Page) -> None:
    page.add_init_script("window.waiting = []; window.requestAnimationFrame = (work) => waiting.push(work);")
    opened_at(page, SECOND)
    table = page.locator(".as-table table")
    assert not table.is_visible()
    page.emulate_media(media="print")
    assert table.is_visible()
    page.emulate_media(media="screen")
    page.evaluate("for (const frame of [1, 2]) waiting.splice(0).forEach((work) => work())")
    assert table.is_visible()


def still_assessing(route: Route) -> None:
    """Answer with the page as it is while it is worked out what got worse."""
    answer = route.fetch()
    body = answer.text().replace('<span id="assessing" hidden>', '<span id="assessing" data-again>')
    route.fulfill(response=answer, body=body.replace("blamed", ""))


def test_that_it_is_worked_out_what_got_worse_is_said_and_disturbs_nobody(page: Page) -> None:
    page.route("**/lineage/**", still_assessing, times=1)
    page.clock.install()
    opened_at(page, f"{THIRD}?metric=adversarial_accuracy")
    name = page.locator("input[name=name]")
    name.evaluate("field => { field.closest('details').open = true; field.focus(); }")
    name.press_sequentially("abc")
    page.clock.run_for(6000)
    known = page.locator("[role=status] > #assessing:not([data-again]) a")
    expect(known).to_be_visible()
    expect(page.locator(".line.blamed")).to_have_count(0)
    expect(name).to_be_focused()
    expect(name).to_have_value("abc")
    known.click()
    expect(page.locator(".line.blamed")).not_to_have_count(0)
    expect(page.locator("#assessing")).to_be_hidden()


def test_a_view_shown_in_place_is_asked_again_for_what_got_worse(page: Page) -> None:
    page.clock.install()
    opened_at(page, THIRD)
    page.route("**/lineage/**", still_assessing, times=1)
    page.locator("a.step[data-go]").first.evaluate("link => link.click()")
    expect(page.locator("#assessing[data-again]")).to_be_visible()
    page.clock.run_for(6000)
    expect(page.locator("#assessing:not([data-again]) a")).to_be_visible()


def test_who_speaks_an_older_http_gets_the_page_whole(server: ServerProcess) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"GET {MANY} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        head, _, body = b"".join(iter(lambda: connection.recv(65_536), b"")).partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert f"content-length: {len(body)}".encode() in head.lower()
    assert body.startswith(b"<!doctype html>")
    assert body.rstrip().endswith(b"</html>")


def test_keys_walk_to_what_was_not_drawn_yet(page: Page) -> None:
    page.add_init_script("window.requestIdleCallback = () => {};")
    page.goto(MANY)
    page.locator('a[data-place][aria-current="true"]').focus()
    page.keyboard.press("ArrowRight")
    assert focused(page).startswith("model:leaf")
    assert all(page.evaluate(DRAWN))


def test_dragging_moves_the_drawing_and_selects_nothing(page: Page) -> None:
    page.set_viewport_size({"width": 480, "height": 480})
    page.goto(MANY)
    expect(page.locator(".part:not(.drawn)")).to_have_count(0)
    window = page.locator(".scroll")
    window.evaluate("one => { one.scrollTo(500, 300); one.scrollIntoView({ block: 'center', behavior: 'instant' }); }")
    place = window.bounding_box()
    assert place is not None
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 100, y - 50, steps=5)
    page.mouse.up()
    assert window.evaluate("one => [one.scrollLeft, one.scrollTop]") == [600, 350]
    assert page.evaluate("getSelection().isCollapsed")
    assert "/lineage/" in page.url


def test_without_a_script_all_of_a_large_drawing_is_drawn(browser: Browser, server: ServerProcess) -> None:
    with browser.new_context(base_url=server.url, java_script_enabled=False) as plain:
        page = plain.new_page()
        page.goto(MANY)
        assert len(page.evaluate(DRAWN)) > 1
        assert all(page.evaluate(DRAWN))


def test_it_prints_without_its_controls(page: Page) -> None:
    opened_at(page, f"{SECOND}?kind=MODEL_VERSION,DATASET,PARTITION,CODE")
    page.emulate_media(media="print")
    assert page.locator("svg.lineage").is_visible()
    assert not page.locator(".steps").is_visible()
    assert not page.locator("form.lineage-tools").is_visible()
    size = page.locator("svg.lineage").bounding_box()
    assert size is not None
    assert size["width"] <= page.evaluate("document.documentElement.clientWidth")


def test_the_picture_is_saved_as_png_and_svg(page: Page, tmp_path: Path) -> None:
    opened_at(page, f"model:{HOSTILE}@2".replace("<", "%3C").replace(">", "%3E"))
    with page.expect_download() as saved:
        page.locator("[data-png]").click()
    saved.value.save_as(tmp_path / "drawing.png")
    picture = (tmp_path / "drawing.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    width = page.locator("svg.lineage").evaluate("svg => svg.width.baseVal.value")
    assert int.from_bytes(picture[16:20]) == pytest.approx(3 * width, abs=3)  # the first field of the header
    assert "<" not in saved.value.suggested_filename
    named = saved.value.suggested_filename
    with page.expect_download() as saved:
        page.get_by_role("link", name="SVG").click()
    saved.value.save_as(tmp_path / "drawing.svg")
    assert (tmp_path / "drawing.svg").read_text(encoding="utf-8").startswith("<svg")
    assert saved.value.suggested_filename.removesuffix(".svg") == named.removesuffix(".png")


def test_a_large_lineage_is_drawn_on_a_canvas(page: Page) -> None:
    page.goto("/lineage/model:big@1?each=10000")
    canvas = page.locator("lineage-overview canvas")
    expect(canvas).to_be_visible()
    expect(canvas).to_have_attribute("aria-label", "1601 nodes, 1 lines")
    colors = """canvas => new Set(new Uint32Array(
        canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""
    page.wait_for_function(f"({colors})(document.querySelector('lineage-overview canvas')) > 2")
    canvas.focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")


def test_a_canvas_tells_apart_what_its_legend_does(page: Page) -> None:
    page.goto("/lineage/model:big@1?each=10000")
    rules = page.evaluate("fetch(document.querySelector('link[href*=lineage]').href).then(found => found.text())")
    dashed = re.findall(r"\.(generated|same-data|folded|retracted)(?=[^{\n]*\{ stroke-dasharray: (\d+) (\d+))", rules)
    dashes = {"": [], **{style: [int(dash), int(gap)] for style, dash, gap in dashed}}
    styles = ["", "better", "worse", "same blamed", "blamed unsure", "generated", "same-data", "worse generated"]
    strokes = page.evaluate(STROKES, [f"line {one}" for one in [*styles, "unsure generated"]])
    drawn = [(line["width"], line["dashes"], line["color"]) for line, _ in strokes]
    plain, better, worse, blamed, unsure = drawn[:5]
    assert plain[0] < better[0] == worse[0] < blamed[0] == unsure[0]
    assert plain[1] == better[1] == worse[1] == blamed[1] == []
    assert unsure[1][0] > unsure[0], "long dashes"
    assert worse[2] == blamed[2] == unsure[2] != better[2] != plain[2]
    assert [one[1] for one in drawn[5:8]] == [dashes["generated"], dashes["same-data"], dashes["generated"]]
    assert drawn[8] == unsure
    nodes = page.evaluate(STROKES, ["dataset", "dataset folded", "model-version retracted"])
    assert [node["dashes"] for _, node in nodes] == [[], dashes["folded"], dashes["retracted"]]


def test_without_a_script_links_and_forms_do_it(browser: Browser, server: ServerProcess) -> None:
    context = browser.new_context(base_url=server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/lineage/model:tuned@007")
    before = page.locator("a[data-place]").count()
    page.locator("a.marker").first.click()
    page.wait_for_url("**open=**")
    assert page.locator("a[data-place]").count() > before
    page.locator("summary").first.click()
    page.locator("input[name=name]").fill("hub")
    page.locator("form.lineage-tools button").last.click()
    page.wait_for_url("**name=hub**")
    assert page.locator("a[data-place]").count() == 2
    context.close()


def test_a_picture_that_becomes_a_canvas_leaves_the_focus_at_its_node(page: Page) -> None:
    opened_at(page, "model:big@1?each=700")
    node(page, "model:big@1").focus()
    page.keyboard.press("+")
    link = page.locator("lineage-overview a#drawing")
    expect(link).to_be_focused()
    assert (link.get_attribute("aria-label") or "").startswith("model:big@1")
    expect(page.locator("#drawing")).to_have_count(1)
