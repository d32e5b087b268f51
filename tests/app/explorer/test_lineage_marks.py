"""What is marked in the drawing of a lineage, as headless Chromium shows it: light, dark, printed, and as a picture."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page

from descentd.app.server.policy_files import read_policy
from descentd.graph.inputs.acts import ReviewInput
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.queries.governance.policies import register_policies
from descentd.queries.governance.record_review import review
from tests.app.explorer.bank import POLICY
from tests.support.chromium import close
from tests.support.registries import opened, send
from tests.support.server_process import ServerProcess

GO: Final = {"subject": "model:worn@2", "environment": "production", "decision": "GO", "reason": "It is known."}
MARKS: Final = ".mark tspan.bad, .mark tspan.good"
FILLS: Final = "all => all.map((one) => [one.textContent, getComputedStyle(one).fill])"
MEANT: Final = """() => ['bad', 'good'].map((name) => {
    const one = document.body.appendChild(document.createElement('i'));
    one.style.color = `var(--${name})`;
    return getComputedStyle(one).color;
})"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A version that got worse, and was approved all the same."""
    file = tmp_path_factory.mktemp("marks") / "registry.db"
    parents = [{"ref": "model:worn@1", "relation": "FINE_TUNE"}]
    models = [{"name": "worn", "version": "1"}, {"name": "worn", "version": "2", "parents": parents}]

    async def fill() -> None:
        async with opened(SQLiteStore(file)) as registry:
            await send(registry, models=models, evaluations=[evaluation("1", 0.9), evaluation("2", 0.5)])
            await register_policies(registry, [read_policy(POLICY, "production.yaml")])
            await review(registry, ReviewInput.read(GO), "rita")

    asyncio.run(fill())
    with ServerProcess(f"sqlite:///{file}") as running:
        yield running


def evaluation(version: str, value: float) -> dict[str, Any]:
    return {
        "subject": f"model:worn@{version}",
        "suite": {"name": "s", "version": "1"},
        "evaluatedAt": "2025-01-01T00:00:00Z",
        "metrics": [{"name": "adversarial_accuracy", "value": value, "n": 4000}],
    }


@pytest.fixture
def page(browser: Browser, server: ServerProcess) -> Iterator[Page]:
    """Where it is known what got worse."""
    made = browser.new_page(base_url=server.url)
    made.goto("/erosions")
    yield made
    close(made)


@pytest.mark.parametrize("emulated", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"media": "print"}])
def test_each_mark_has_the_colour_of_its_own_meaning(page: Page, emulated: dict[str, Any]) -> None:
    page.emulate_media(**emulated)
    page.goto("/lineage/model:worn@2")
    bad, good = page.evaluate(MEANT)
    assert good != bad
    assert page.locator(MARKS).evaluate_all(FILLS) == [["▼", bad], ["✓", good]]


def test_each_mark_of_a_picture_has_the_colour_of_its_own_meaning(page: Page) -> None:
    bad, good = page.evaluate(MEANT)
    picture = page.request.get("/lineage/model:worn@2?format=svg").text()
    page.goto("about:blank")  # its own style is not that of a page
    page.set_content(picture)
    assert page.locator(MARKS).evaluate_all(FILLS) == [["▼", bad], ["✓", good]]
