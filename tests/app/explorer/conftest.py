"""What the modules that test pages in a browser share. Each has a fixture `server`."""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.app.explorer.bank import manifest
from tests.app.explorer.visiting import Visit, visiting
from tests.support.debian import CHROMIUM, required
from tests.support.server_process import ServerProcess


@pytest.fixture(scope="module")
def browser(server: ServerProcess) -> Iterator[Browser]:
    assert server.url  # made before, since Playwright keeps an event loop of its own running from here on
    path = required(CHROMIUM)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
async def bank() -> AsyncIterator[Visit]:
    async with visiting() as visit:
        await visit.register(**manifest())
        yield visit
