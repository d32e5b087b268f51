"""What is wrong in the address of a page is said in a sentence, which leads on."""

import html
import re
from collections.abc import AsyncIterator

import pytest

from descentd.graph.inputs.acts import DeploymentInput
from descentd.queries.production.record_deployment import deploy
from tests.app.explorer.bank import FIRST, THIRD, fill
from tests.app.explorer.visiting import Visit, tags, text_of, visiting

pytestmark = pytest.mark.anyio
POPULATION = "/population?attribute=age_group&value=65%2B"


@pytest.fixture
async def governed() -> AsyncIterator[Visit]:
    """The bank with its policy of production, where 1.0 serves, and a claimed deployment of 1.1 in an environment."""
    async with visiting() as visit:
        await fill(visit.registry)
        claimed = {"by": "otto", "source": "the old list"}
        place = {"environment": "shadow", "endpoint": "scoring", "since": "2024-01-01T00:00:00Z"}
        given = {"subject": FIRST.replace("1.0", "1.1"), **place, "claimed": claimed}
        await deploy(visit.registry, DeploymentInput.read(given), "ana")
        yield visit


def links(page: str) -> list[str]:
    """Where a page leads."""
    return [str(a["href"]) for _, a in tags(page, "a")]


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
    assert "There is no environment 'prodction': choose one of production and shadow." in text_of(refused.text)
    assert "<form method" not in refused.text
    [onward] = re.findall('<a href="([^"]+)">Open the page without it', refused.text)
    assert (await governed.get(html.unescape(onward))).status_code == 200
    for known in ("production", "shadow"):
        assert (await governed.get(path + known)).status_code == 200


async def test_where_there_is_no_environment_at_all_that_is_said(bank: Visit) -> None:
    refused = await bank.get(f"/gate/{THIRD}?environment=production")
    assert "There is no environment 'production': none has a policy or a deployment yet." in text_of(refused.text)


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


async def test_the_answers_about_one_environment_are_named_after_it(governed: Visit) -> None:
    everywhere = text_of((await governed.get(POPULATION)).text)
    assert "Serving now: learned from it, or not known" in everywhere
    assert "All versions learned from it: 3" in everywhere
    page = text_of((await governed.get(f"{POPULATION}&environment=shadow")).text)
    assert "Serving in shadow now: learned from it, or not known" in page
    assert "All versions" not in page
    assert "All that serves in shadow learned from it: 1" in page
    assert "bank/scorer 1.0" not in page
    [onward] = [
        one for one in links((await governed.get(f"{POPULATION}&environment=shadow")).text) if "verdict=TR" in one
    ]
    assert "environment=shadow" in onward
