"""Empty stores for tests of registering, and a loop whose works take turns."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from descentd.graph import turns
from descentd.graph.model.chain import Chain
from descentd.graph.pruning import prune
from descentd.graph.store.base import Store
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.queries.registry import Registry
from tests.graph.beside import fill
from tests.graph.samples import registry, send
from tests.graph.tampering import Lab, note_of
from tests.support.neo4j_server import Neo4jServer


@pytest.fixture
async def taking_turns() -> Any:
    """An event loop whose works take turns, by a clock that stands still."""
    with turns.take_turns(asyncio.get_running_loop(), lambda: 0.0):
        yield


@pytest.fixture
def memory() -> Store:
    return MemoryStore()


@pytest.fixture
def each(registry: Registry) -> Store:
    """An empty store of each kind in turn."""
    return registry.store


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry in a file of its own, closed."""
    path = tmp_path_factory.mktemp("original") / "registry.db"

    async def made() -> None:
        store = SQLiteStore(path)
        await store.open()
        await send(store, registry())
        await send(
            store, {"notes": [{"subject": "model:credit-risk@4.0", "author": "ann", "text": "Second thoughts."}]}
        )
        await fill(store)
        assert await prune(store, Chain.ACCESSES, 1_000_001, note_of) == 1
        await store.close()

    anyio.run(made)
    return path


@pytest.fixture
def lab(original: Path, tmp_path: Path) -> Lab:
    return Lab(original, tmp_path)


@pytest.fixture
async def stores(neo4j_empty: Neo4jServer) -> AsyncIterator[tuple[Neo4jStore, Neo4jStore]]:
    """Two processes' stores of one registry."""
    made = [Neo4jStore(neo4j_empty.uri, neo4j_empty.auth) for _ in range(2)]
    for store in made:
        await store.open()
    yield made[0], made[1]
    for store in made:
        await store.close()
