"""Which Neo4j the peers' tests speak to."""

from collections.abc import Callable

import pytest

from tests.peers import newest_neo4j
from tests.support.neo4j_server import Neo4jServer


@pytest.fixture(scope="session")
def find_neo4j() -> Callable[[], Neo4jServer]:
    return newest_neo4j.prepare
