"""The page of a lineage: what it draws, that all of it works by links and forms, and that nothing on it is markup."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.app.explorer.layout.drawing import Box, Flow
from descentd.app.explorer.lineage.shapes import outline
from descentd.app.explorer.lineage.view import DRAWN_KINDS, Openings, View
from descentd.graph.model.kinds import Kind
from descentd.graph.model.reach import Direction
from descentd.queries.lineage.selection.folding import Filter
from descentd.queries.lineage.selection.select import Choice, Opened
from descentd.queries.overview.version_status import Status
from tests.app.explorer.bank import FIRST, LOANS, SECOND, THIRD, manifest
from tests.app.explorer.visiting import Visit, tags, text_of, visiting

pytestmark = pytest.mark.anyio

SVG = "{http://www.w3.org/2000/svg}"
Json = dict[str, Any]


@pytest.fixture
async def bank() -> AsyncIterator[Visit]:
    async with visiting() as visit:
        await visit.register(**manifest())
        yield visit


@pytest.fixture
async def run() -> AsyncIterator[Visit]:
    """base@1, of which came 200 checkpoints of one name."""
    async with visiting() as visit:
        models: list[Json] = [{"name": "base", "version": "1"}]
        models += [_tuned(number) for number in range(1, 201)]
        await visit.register(models=models)
        yield visit


def _tuned(number: int) -> Json:
    return {"name": "tuned", "version": f"{number:03}", "parents": [{"ref": "model:base@1", "relation": "FINE_TUNE"}]}


def drawing(page: str) -> ElementTree.Element:
    found = re.search(r"<svg xmlns.*</svg>", page, re.DOTALL)
    assert found
    return ElementTree.fromstring(found[0])


def says(page: str) -> list[str]:
    """What each node of a drawing says to those who do not see it."""
    nodes = drawing(page).iter(f"{SVG}a")
    return [called(node) for node in nodes if "data-place" in node.attrib]


def called(link: ElementTree.Element) -> str:
    """The name of a link in a drawing, which is its title."""
    assert "aria-label" not in link.attrib  # which would be read aloud beside the title
    return link.findtext(f"{SVG}title") or ""


async def test_a_lineage_is_drawn_with_shifts_marks_and_relations(bank: Visit) -> None:
    page = (await bank.get(f"/lineage/{SECOND}?metric=adversarial_accuracy")).text
    svg = drawing(page)
    assert svg.find(f"{SVG}title") is not None
    lines = [title.text or "" for title in svg.iter(f"{SVG}title")]
    assert any("2.0" in line and "fine-tuned; adversarial_accuracy ▼ −0.067 (worse)" in line for line in lines)
    classes = {name for node in svg.iter(f"{SVG}g") for name in node.attrib.get("class", "").split()}
    assert {"model-version", "partition", "middle", "selected"} <= classes
    assert [one for one in says(page) if one.startswith(f"{SECOND}, model version; not decided")]
    assert "▼ −0.067" in text_of(page)


async def test_the_csv_of_derivations_has_its_columns_where_nothing_was_measured(bank: Visit) -> None:
    await bank.register(models=[{"name": "bare", "version": "1", "config": {"a": 1}}])
    for ref in (f"{LOANS}%23train", "model:bare@1"):
        head, *rows = (await bank.get(f"/lineage/{ref}?format=csv&kind=DATASET")).text.splitlines()
        assert head == "from,to,how,shift,moved"
        assert all(row.endswith(",,") for row in rows)


async def test_the_table_says_the_same_and_csv_has_it(bank: Visit) -> None:
    answer = await bank.get(f"/lineage/{SECOND}?metric=adversarial_accuracy&format=csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["from", "to", "how", "adversarial_accuracy", "moved"]
    assert [FIRST, SECOND, "fine-tuned", "0.64 → 0.627", "■ no clear change"] in rows
    assert [SECOND, THIRD, "fine-tuned", "0.627 → 0.56", "▼ worse"] in rows
    page = text_of((await bank.get(f"/lineage/{SECOND}?metric=adversarial_accuracy")).text)
    assert "bank/scorer 1.1 bank/scorer 2.0 fine-tuned 0.627 → 0.56 ▼ worse" in page


async def test_siblings_are_one_node_with_a_search_inside_and_one_is_pulled_out(run: Visit) -> None:
    page = (await run.get("/lineage/model:base@1?each=10000")).text
    [fold] = [one for one in says(page) if "folded into one" in one]
    assert fold.startswith("200 of tuned, model version")
    [into] = [one.attrib["href"] for one in drawing(page).iter(f"{SVG}a") if called(one) == fold]
    inside = (await run.get(into)).text
    assert "tuned 030" in text_of(inside)
    found = await run.get(f"{into.partition('#')[0]}&find=tuned@12")
    said = text_of(found.text)
    assert "tuned 129" in said
    assert "tuned 130" not in said
    [out] = [str(a["href"]) for _, a in tags(found.text, "a") if a.get("aria-label") == "Show tuned 129 by itself"]
    pulled = says((await run.get(out)).text)
    assert any(one.startswith("model:tuned@129,") for one in pulled)
    assert any(one.startswith("199 of tuned") for one in pulled)


async def test_what_is_not_drawn_is_counted_and_shown_by_a_link(run: Visit) -> None:
    page = (await run.get("/lineage/model:tuned@007")).text
    [more] = [a for a in drawing(page).iter(f"{SVG}a") if a.get("class") == "marker"]
    assert "199 more" in called(more)
    opened = (await run.get(more.attrib["href"])).text
    assert "61 records are drawn." not in text_of(page)
    assert re.search(r"\+139|\+140", text_of(opened))


async def test_a_filter_hides_and_says_so(run: Visit) -> None:
    page = text_of((await run.get("/lineage/model:base@1?name=tuned%40001")).text)
    assert "2 records are drawn. The filter hides 59 more." in page
    nothing = text_of((await run.get("/lineage/model:base@1?status=FLAGGED")).text)
    assert "1 record is drawn." in nothing


async def test_only_paths_are_drawn_and_counted(bank: Visit) -> None:
    page = text_of((await bank.get(f"/lineage/{FIRST}?to={THIRD}")).text)
    assert "One path of derivations joins it with bank/scorer 2.0." in page
    await bank.register(models=[{"name": "alone", "version": "1"}])
    none = text_of((await bank.get(f"/lineage/{FIRST}?to=model:alone@1")).text)
    assert "No path of derivations joins it with " in none


async def test_the_picture_is_a_file_by_itself(bank: Visit) -> None:
    answer = await bank.get(f"/lineage/{THIRD}?format=svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "attachment" in answer.headers["content-disposition"]
    root = ElementTree.fromstring(answer.text)
    assert root.tag == f"{SVG}svg"
    assert root.find(f"{SVG}style") is not None
    assert "▼" in answer.text


async def test_a_large_drawing_is_in_parts_that_hold_each_node_once(run: Visit) -> None:
    page = (await run.get("/lineage/model:base@1?each=10000&fold=off")).text
    versions = ["base@1", *(f"tuned@{number:03}" for number in range(1, 201))]
    assert sorted(one.partition(",")[0] for one in says(page)) == sorted(f"model:{one}" for one in versions)
    parts = [one for one in drawing(page).iter(f"{SVG}svg") if one.attrib["class"] == "part"]
    boxes = [tuple(map(float, one.attrib["data-box"].split())) for one in parts]
    for part, (left, top, width, height) in zip(parts, boxes, strict=True):
        for text in part.iter(f"{SVG}text"):
            assert left <= float(text.attrib["x"]) <= left + width
            assert top <= float(text.attrib["y"]) <= top + height + 20
    assert len(list(drawing(page).iter(f"{SVG}a"))) == sum(len(list(part.iter(f"{SVG}a"))) for part in parts)


async def test_one_record_alone_says_that_it_is(bank: Visit) -> None:
    await bank.register(models=[{"name": "alone", "version": "1"}])
    page = await bank.get("/lineage/model:alone@1")
    assert page.status_code == 200
    assert "Nothing that it came from and nothing that came of it is registered." in text_of(page.text)


async def test_what_is_not_registered_offers_what_is_near(bank: Visit) -> None:
    page = await bank.get("/lineage/model:bank/scorer@2.9")
    assert page.status_code == 404
    assert "bank/scorer 2.0" in text_of(page.text)
    assert (await bank.get("/lineage/nonsense")).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "up=-1",
        "up=1e9",
        "down=99999",
        "each=0",
        "each=٣",
        "kind=POLICY",
        "status=WRONG",
        "open=1x",
        "open=12u,9",
        "unfold=x",
        "out=one",
        "in=-3",
        "at=1.5",
        "slice=age",
        "flow=left",
        "metric=nobody_knows",
        "asOf=yesterday",
        "to=model:nobody@1",
    ],
)
async def test_wrong_input_is_a_page_that_names_what_is_wrong(bank: Visit, query: str) -> None:
    page = await bank.get(f"/lineage/{FIRST}?{query}")
    assert page.status_code in {400, 404, 422}
    assert "Something went wrong" not in page.text


async def test_numbers_of_records_that_are_not_there_change_nothing(bank: Visit) -> None:
    plain = says((await bank.get(f"/lineage/{FIRST}")).text)
    odd = await bank.get(f"/lineage/{FIRST}?open=999999u&out=999999&unfold=999999x9&in=999999&at=999999")
    assert odd.status_code == 200
    assert says(odd.text) == plain


async def test_hostile_names_are_texts() -> None:
    name = "<img src=x onerror=alert(1)>\"'&{{7*7}}"
    async with visiting() as visit:
        await visit.register(
            models=[
                {"name": name, "version": "1"},
                {"name": name, "version": "2", "parents": [{"ref": f"model:{name}@1", "relation": "MERGE"}]},
            ]
        )
        address = visit_address(name)
        for format in ("", "?format=svg", "?format=csv", "?format=json"):
            answer = await visit.get(address + format)
            assert answer.status_code == 200, answer.text
            assert not format or "<img" not in answer.text or format in {"?format=csv", "?format=json"}
        page = (await visit.get(address)).text
        assert not tags(page, "img")
        assert any("<img src=x" in one for one in says(page))
        assert "49" not in [text.strip() for text in re.findall(r">([^<]*)<", page)]


def visit_address(name: str) -> str:
    return View(f"model:{name}@2").address


async def test_a_large_lineage_is_an_overview_of_numbers(run: Visit) -> None:
    await run.register(
        models=[{"name": f"leaf{number}", "version": "1", "parents": _tuned(1)["parents"]} for number in range(1_500)]
    )
    page = await run.get("/lineage/model:base@1?each=10000&fold=off")
    assert "<lineage-overview" in page.text
    assert "1,701 nodes: an overview." in text_of(page.text)
    before, written, after = re.split(r'<script type="application/json">|(?<=})</script></lineage-overview>', page.text)
    assert len(before + after) < 100_000
    data = json.loads(written)
    assert data == (await run.get("/lineage/model:base@1?each=10000&fold=off&format=json")).json()
    assert len(data["nodes"]) == 1_701
    assert all(len(node) == 8 for node in data["nodes"])


def test_each_kind_has_a_shape_of_its_own() -> None:
    box = Box(0, 0, 120, 60)
    assert len({outline(kind, box) for kind in DRAWN_KINDS}) == len(DRAWN_KINDS)


kinds = st.frozensets(st.sampled_from(DRAWN_KINDS), min_size=1)
number = st.integers(1, 10**11)
text = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12).map(str.strip)
views = st.builds(
    View,
    st.just("model:a/b@1 #%&?"),
    st.builds(
        Choice,
        st.integers(0, 1000),
        st.integers(0, 1000),
        st.integers(1, 10_000),
        kinds,
        st.lists(
            st.builds(Opened, number, st.sampled_from(Direction), st.integers(1, 99)),
            max_size=4,
            unique_by=lambda one: (one.record, one.direction),
        ).map(tuple),
        st.none() | st.just("dataset:d@1#p"),
    ),
    st.builds(Filter, st.frozensets(st.sampled_from(["MERGE", "TRAIN"])), st.frozensets(st.sampled_from(Status)), text),
    st.frozensets(number, max_size=3),
    st.dictionaries(number, st.integers(1, 50), max_size=3).map(lambda held: tuple(held.items())),
    st.booleans(),
    st.none() | st.just("toxicity"),
    st.just((("age", "65+"),)) | st.just(()),
    st.sampled_from(Flow),
    st.none() | st.just("2025-07-20"),
    st.none() | number,
    text,
    st.none() | number,
)


@given(views)
def test_the_whole_view_is_in_its_address(view: View) -> None:
    assert View.read(view.ref, view.query) == view
    assert urlsplit(view.address).path.startswith("/lineage/")


@given(views, number, st.sampled_from(Direction))
def test_each_record_is_opened_by_the_address_of_a_view_of_its_own(view: View, record: int, way: Direction) -> None:
    found = Openings(view)
    for one in (record, *(opened.record for opened in view.choice.opened), 999_999_999_999):
        assert found.address(one, way) == view.opening(one, way).address


@given(views, number, st.sampled_from(Direction))
def test_what_shows_more_is_taken_back_by_itself(view: View, one: int, way: Direction) -> None:
    assert view.opening(one, way).closing(one, way).choice == view.closing(one, way).choice
    assert view.unfolding(one, one).folding(one).unfolded == view.folding(one).unfolded
    assert view.pulling(one).returning(one).pulled == view.pulled - {one}
    for less in (view.closing(one, way), view.folding(one), view.returning(one)):
        assert View.read(less.ref, less.query) == less


def test_the_usual_view_has_a_short_address() -> None:
    assert View("dataset:loans@2024#train").address == "/lineage/dataset:loans@2024%23train"
    assert Kind.MODEL_VERSION in View("model:m@1").choice.kinds
