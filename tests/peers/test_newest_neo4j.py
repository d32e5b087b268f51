"""The store passes its contract on the newest Neo4j too, and walks it as it should."""

import pytest

from tests.graph import test_stores
from tests.peers.newest_neo4j import VERSION
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio


async def test_it_is_the_one_that_is_meant(neo4j_server: Neo4jServer) -> None:
    assert neo4j_server.describe().startswith(f"Neo4j/{VERSION} at ")


class TestNewestNeo4j(test_stores.TestNeo4j):
    """The same tests; `find_neo4j` of this folder makes the difference."""
