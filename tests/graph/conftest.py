"""Empty stores for tests of registering."""

from pathlib import Path

import anyio
import pytest

from descentd.graph.model.chain import Chain
from descentd.graph.pruning import prune
from descentd.graph.store.base import Store
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.queries.registry import Registry
from tests.graph.beside import fill
from tests.graph.samples import registry, send
from tests.graph.tampering import Lab, note_of


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
