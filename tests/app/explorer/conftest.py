"""What the modules that test pages in a browser share. Each has a fixture `server`."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from descentd.graph.inputs.acts import DeploymentInput
from descentd.queries.production.record_deployment import deploy
from tests.app.explorer.bank import FIRST, fill, manifest
from tests.app.explorer.visiting import Visit, visiting
from tests.support.chromium import Chromium, close
from tests.support.server_process import ServerProcess


@pytest.fixture(scope="module")
def prepare(server: ServerProcess) -> Callable[[Browser], Any]:
    """What a module makes in the browser before its first test: here it sees that the browser opens pages."""

    def try_out(browser: Browser) -> None:
        browser.new_page(base_url=server.url).close()

    return try_out


@pytest.fixture(scope="module")
def chromium(server: ServerProcess, prepare: Callable[[Browser], Any]) -> Iterator[Chromium[Any]]:
    assert server.url  # made before, since Playwright keeps an event loop of its own running from here on
    with Chromium(prepare) as started:
        yield started


@pytest.fixture(autouse=True)
def answering(request: pytest.FixtureRequest) -> Iterator[None]:
    """A limit on what a test does in the browser, with those of its fixtures that are its own."""
    if "chromium" not in request.fixturenames:
        yield
        return
    chromium = request.getfixturevalue("chromium")
    chromium.running()
    with chromium.answering(request.node.name):
        yield


@pytest.fixture
def browser(chromium: Chromium[Any]) -> Browser:
    return chromium.running()[0]


@pytest.fixture
def page(browser: Browser, server: ServerProcess) -> Iterator[Page]:
    """A page that nothing may go wrong on, and that may load from this server alone."""
    made = browser.new_page(base_url=server.url, reduced_motion="reduce")
    faults: list[str] = []
    made.on("console", lambda message: faults.append(message.text) if message.type in {"error", "warning"} else None)
    made.on("pageerror", lambda error: faults.append(str(error)))
    made.on("dialog", lambda dialog: faults.append(dialog.message))
    own = (f"{server.url}/", "blob:", "data:")
    made.on("request", lambda request: None if request.url.startswith(own) else faults.append(request.url))
    yield made
    close(made)
    assert not faults


@pytest.fixture
async def bank() -> AsyncIterator[Visit]:
    async with visiting() as visit:
        await visit.register(**manifest())
        yield visit


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
