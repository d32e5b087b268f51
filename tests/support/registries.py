"""A registry on each store, for tests of questions and acts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from descentd.graph.index.lineage_index import LineageIndex
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.registration.register import Registered, register
from descentd.graph.store.base import Store
from descentd.graph.store.committer import Committer
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.queries.registry import Registry
from tests.support.neo4j_server import Neo4jServer

STORES = ("memory", "sqlite", "neo4j")


@asynccontextmanager
async def opened(store: Store) -> AsyncIterator[Registry]:
    """A registry on a store, which is closed in the end."""
    await store.open()
    committer = Committer(store)
    try:
        yield Registry(store, LineageIndex(store), committer)
    finally:
        await committer.close()
        await store.close()


def store_of(kind: str, folder: Path, server: Neo4jServer | None) -> Store:
    """An empty store of a kind; `server` is wanted for Neo4j alone."""
    match kind:
        case "memory":
            return MemoryStore()
        case "sqlite":
            return SQLiteStore(folder / "registry.db")
        case _:
            assert server is not None
            return Neo4jStore(server.uri, server.auth)


async def send(registry: Registry, person: str = "ana", **sections: Any) -> Registered:
    """Register a manifest given by its sections in wire names."""
    return await register(registry.committer, ManifestInput.read(sections), person)


def without_index(registry: Registry) -> Registry:
    """The same registry where nobody knows who is beside a record, as where a store walks by itself."""
    return Registry(registry.store, object(), registry.committer)  # type: ignore[arg-type]
