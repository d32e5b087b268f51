"""A registry of its own for the tests of importers, one for each process that runs tests."""

from collections.abc import Iterator

import pytest

from tests.support.server_process import ServerProcess


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    with ServerProcess("memory:") as running:
        yield running
