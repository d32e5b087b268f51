"""What the modules that test pages in a browser share. Each has a fixture `server`."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.app.explorer.bank import manifest
from tests.app.explorer.visiting import Visit, visiting
from tests.support.chromium import Chromium
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
async def bank() -> AsyncIterator[Visit]:
    async with visiting() as visit:
        await visit.register(**manifest())
        yield visit
