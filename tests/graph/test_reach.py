"""Whoever walks passes the contract: the index over memory, SQLite and Neo4j, and Neo4j by itself."""

from collections.abc import AsyncIterator, Sequence

import pytest

from descentd.graph.index.lineage_index import LineageIndex
from descentd.graph.index.snapshot.index_snapshots import IndexSnapshots
from descentd.graph.model.reach import SupportsReach
from descentd.graph.model.records import Record
from descentd.graph.store.base import Store
from tests.support.contract.model import Model
from tests.support.contract.reach import ReachContract
from tests.support.histories import adding
from tests.support.registries import STORES, store_of
from tests.support.strategies import Noted
from tests.support.zoo import Zoo

pytestmark = pytest.mark.anyio

PUSHED_DOWN = "neo4j, pushed down"


@pytest.fixture(scope="module")
def model() -> Model:
    return Model([record for records in Zoo().transactions() for record in records])


@pytest.fixture(scope="module")
def log(model: Model) -> list[Noted]:
    return model.log()


@pytest.fixture(scope="module", params=[*STORES, PUSHED_DOWN])
async def walks(
    request: pytest.FixtureRequest, model: Model, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SupportsReach]:
    """Each walker in turn over a store that holds the zoo.

    The index over memory has read all of it, the others go on from a snapshot that was written half-way.
    """
    server = request.getfixturevalue("neo4j_server") if request.param.startswith("neo4j") else None
    if server is not None:
        server.clear()
    folder = tmp_path_factory.mktemp("zoo")
    store = store_of(request.param, folder, server)
    await store.open()
    half = len(model.records) // 2
    await fill(store, model.records[:half])
    index, snapshots = LineageIndex(store), IndexSnapshots(folder / "index", store, pytest.fail)
    if request.param not in {"memory", PUSHED_DOWN}:
        assert await snapshots.write(index)
        index = LineageIndex(store)
        assert await snapshots.restore(index)
    await fill(store, model.records[half:])
    if server is not None and request.param == PUSHED_DOWN:
        server.replan()
    walks = store if request.param == PUSHED_DOWN else index
    assert isinstance(walks, SupportsReach)
    yield walks
    await store.close()


async def fill(store: Store, records: Sequence[Record]) -> None:
    before = await store.sequence()
    for start in range(0, len(records), 100):
        part = records[start : start + 100]
        assert await store.write([adding(*part)]) == [None]
    assert await store.sequence() == before + len(records)


class TestReach(ReachContract):
    """On whatever the fixture `walks` makes."""
