"""What the parameters of addresses may say that have a vocabulary: anything else is refused, naming all of it."""

import csv
import html
import io
import re
from collections.abc import AsyncIterator, Callable
from typing import Final
from urllib.parse import parse_qsl, urlencode

import pytest

from descentd.app.explorer.catalogue import PAGES
from descentd.app.explorer.page import Page
from descentd.graph.model.kinds import Kind
from tests.app.explorer.bank import FIRST, THIRD, fill
from tests.app.explorer.visiting import Visit, links, tags, text_of, visiting

pytestmark = pytest.mark.anyio

CHOICES: Final = [(page, name) for page in PAGES for name in page.choices]
ASKED: Final = {
    "diff": {"head": FIRST},
    "gate": {"environment": "production"},
    "go": {"ref": THIRD},
    "population": {"attribute": "age_group", "value": "65+"},
    "search": {"q": "scorer"},
    "trend": {"metric": "accuracy"},
}
"""What a page is asked beside its path, so that it has all that it can have."""
OPEN: Final = frozenset(
    {"asOf", "at", "attribute", "environment", "head", "metric", "open", "out", "q", "slice", "table", "to"}
    | {"unfold", "up", "down", "value", "in", "format"}
)
"""Parameters of forms and links of which what is registered is the vocabulary, or that have none.

What has no other format than CSV says so by its tables.
"""


MISSPELT: Final[list[Callable[[str], str]]] = [str.upper, lambda name: f"{name[:-2]}{name[:-3:-1]}", "{}s".format]


@pytest.fixture(scope="module")
async def bank() -> AsyncIterator[Visit]:
    async with visiting() as visit:
        await fill(visit.registry)
        yield visit


def address(page: Page, **more: str) -> str:
    path = page.path.replace("{ref:path}", THIRD)
    return f"{path}?{urlencode({**ASKED.get(page.name, {}), **more})}"


def named(choice: tuple[Page, str] | Page) -> str:
    return choice.name if isinstance(choice, Page) else f"{choice[0].name} {choice[1]}"


@pytest.mark.parametrize("choice", CHOICES, ids=named)
async def test_what_a_parameter_cannot_say_is_refused_with_all_that_it_can(
    bank: Visit, choice: tuple[Page, str]
) -> None:
    page, name = choice
    *others, last = page.choices[name].values
    accepted = f"{', '.join(others)} or {last}" if others else last
    bare = page.path.removesuffix("/{ref:path}")
    for path in (address(page, **{name: "foo"}), f"{bare}?{name}=foo"):
        refused = await bank.get(path, Accept="text/html")
        assert refused.status_code == 400
        assert f"There is no {name} 'foo': choose {accepted}." in text_of(refused.text)
        [onward] = re.findall('<a href="([^"]+)">Open the page without it', refused.text)
        assert name not in dict(parse_qsl(html.unescape(onward).partition("?")[2]))


@pytest.mark.parametrize("choice", [one for one in CHOICES if one[1] != "format"], ids=named)
async def test_all_that_a_parameter_can_say_is_answered(bank: Visit, choice: tuple[Page, str]) -> None:
    page, name = choice
    values = page.choices[name].values
    together = [",".join(values)] if page.choices[name].several else []
    for value in (*values, *together):
        answer = await bank.get(address(page, **{name: value}), Accept="text/html")
        assert answer.status_code == 200, value


@pytest.mark.parametrize("page", PAGES, ids=named)
async def test_all_that_a_page_offers_to_choose_from_is_declared(bank: Visit, page: Page) -> None:
    """So that no page has a vocabulary that nobody checks."""
    shown = (await bank.get(address(page), Accept="text/html")).text
    offered = {(str(a["name"]), "") for _, a in tags(shown, "select")}
    own = address(page).partition("?")[0]
    for _, a in tags(shown, "a"):
        path, _, query = str(a["href"]).partition("#")[0].partition("?")
        if path == own:
            offered |= set(parse_qsl(query))
    for name, value in offered:
        assert name in OPEN or name in page.choices
        assert name in {"format", "table", "after", "asOf", *page.choices, *page.takes}
        if value and name in page.choices:
            page.choices[name].check(name, value)


@pytest.mark.parametrize("page", [one for one in PAGES if one.name not in {"go", "graphql"}], ids=named)
async def test_a_parameter_that_is_spelled_wrong_is_refused_and_not_ignored(bank: Visit, page: Page) -> None:
    """Otherwise a page says of what a filter should have hidden that there is nothing else."""
    names = [name for name in (*page.choices, *page.takes, "asOf", "format") if len(name) > 3]
    for wrong, name in {misspelt(name): name for name in names for misspelt in MISSPELT}.items():
        refused = await bank.get(address(page, **{wrong: "2020-01-01"}), Accept="text/html")
        assert refused.status_code == 400
        assert f"There is no parameter '{wrong}': did you mean {name}?" in text_of(refused.text)
    [onward] = re.findall('<a href="([^"]+)">Open the page without it', refused.text)
    assert (await bank.get(html.unescape(onward), Accept="text/html")).status_code == 200


@pytest.mark.parametrize("page", [one for one in PAGES if one.name != "go"], ids=named)
async def test_what_is_like_no_parameter_is_left_alone(bank: Visit, page: Page) -> None:
    """Those who pass addresses on add some of their own."""
    for name in ("utm_source", "fbclid", "x"):
        assert (await bank.get(address(page, **{name: "y"}), Accept="text/html")).status_code == 200


async def test_all_records_of_a_kind_are_listed_without_a_word_to_search_for(bank: Visit) -> None:
    offered = [path for path in links((await bank.get("/search")).text) if "kind=" in path]
    assert len(offered) == len(Kind)
    at = await bank.registry.sequence()
    for path in offered:
        kind = Kind(path.rpartition("=")[2])
        rows = csv.DictReader(io.StringIO((await bank.get(f"{path}&format=csv")).text))
        held = (await bank.registry.walk.everything(at, kind)).tolist()
        briefs = await bank.registry.store.briefs(held[::-1]) if held else []
        assert [row["record"] for row in rows] == [one.ref for one in briefs]
        shown = text_of((await bank.get(path)).text)
        assert ("Nothing of this kind is recorded." in shown) == (not held)
