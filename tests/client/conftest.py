"""What the client's tests share."""

from collections.abc import Iterator

import pytest

from tests.client.registry import Registry, running_registry


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry behind a real socket that answers what the test tells it to."""
    with running_registry() as running:
        yield running
