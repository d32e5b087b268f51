"""Store URLs: the store at an address such as `sqlite:///FILE`, opened for a server or a command."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from descentd.app.server.settings import Settings
from descentd.graph.model.errors import InvalidInput, Unavailable
from descentd.graph.store.base import Store
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.sqlite.store import SQLiteStore

Result = TypeVar("Result")

_HELP: Final = "write sqlite:///FILE, neo4j://USER:PASSWORD@HOST:PORT, bolt://USER:PASSWORD@HOST:PORT or memory:"
NEO4J: Final = frozenset({"neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc"})


def scheme(address: str) -> str:
    """The scheme of an address, which decides the kind of store."""
    return address.partition(":")[0].lower()


def store_at(address: str) -> Store:
    """The store at an address, not opened yet.

    `sqlite:///FILE` is relative to the working directory, `sqlite:////FILE` absolute. Raises InvalidInput for an
    invalid address.
    """
    kind = scheme(address)
    if kind == "memory" and address.lower() in {"memory:", "memory://"}:
        return MemoryStore()
    if kind == "sqlite":
        return SQLiteStore(_path(address))
    if kind in NEO4J:
        return _neo4j(address, SQLiteStore(access_log()))
    raise InvalidInput(f"The store's address is not understood: {_HELP}.")


def access_log() -> Path:
    """The file of this server that holds the access log of a registry in Neo4j."""
    return Settings.read().folder / "descent-access.db"


def snapshot_file(address: str, contents: str) -> Path | None:
    """The file of what is worked out from a registry's log: beside its own, or in this server's folder for a Neo4j.

    None for a registry in memory.
    """
    if scheme(address) == "sqlite":
        path = _path(address)
        return path.with_name(f"{path.name}-{contents}")
    return Settings.read().folder / f"descent-{contents}" if scheme(address) in NEO4J else None


def _neo4j(address: str, beside: Store | None) -> Store:
    from descentd.graph.store.neo4j.store import Neo4jStore

    return Neo4jStore(address, beside=beside)


def store_to_look_at(address: str) -> Store:
    """As `existing_store`, for those who change nothing: the access log is looked at where it is in this folder."""
    if scheme(address) in NEO4J and not access_log().is_file():
        return _neo4j(address, None)
    return existing_store(address)


def existing_store(address: str) -> Store:
    """The store at an address, as of `store_at`; raises Unavailable if it has no file."""
    if scheme(address) == "sqlite" and not _path(address).is_file():
        raise Unavailable(f"There is no file at {address}: check the path.")
    return store_at(address)


async def with_store(address: str, work: Callable[[Store], Awaitable[Result]], *, new: bool = False) -> Result:
    """Return the result of `work` on the store at an address, for commands; a missing store is created if `new`.

    Raises InvalidInput for a registry in memory, which only its own process can use.
    """
    if scheme(address) == "memory":
        raise InvalidInput("A registry in memory is gone with its server: name the store of one that lasts.")
    store = store_at(address) if new else existing_store(address)
    await store.open()
    try:
        return await work(store)
    finally:
        await store.close()


def _path(address: str) -> Path:
    slashes, given = address[len("sqlite:") :][:3], address[len("sqlite:///") :]
    if slashes != "///" or not given:
        raise InvalidInput("A file is written with three slashes: sqlite:///descent.db, or sqlite:////var/descent.db.")
    if given == ":memory:":
        raise InvalidInput("A registry that lives as long as the server is written memory:.")
    if "\0" in given:
        raise InvalidInput("The file name of the store holds a NUL character: leave it out.")
    return Path(given)


def without_credentials(address: str) -> str:
    """An address without user and password, for messages."""
    if scheme(address) not in NEO4J:
        return address
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
