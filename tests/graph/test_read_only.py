"""A registry that may only be read is read, and says so where something would be recorded."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from descentd.graph.model.accounts import Token
from descentd.graph.model.errors import ReadOnly, Unavailable
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.graph.verify import verify
from tests.graph.samples import adding, note, registry, send
from tests.support.neo4j_java import JavaNeo4j
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio

NOBODY = 65534


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """With the rights of a user who owns nothing, where these tests have all rights."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(own)


@pytest.fixture
async def file() -> AsyncIterator[Path]:
    """A registry in a folder that everybody may enter."""
    folder = Path(mkdtemp(prefix="descent-read-only-"))
    path = folder / "registry.db"
    store = SQLiteStore(path)
    await store.open()
    await send(store, registry())
    await store.close()
    folder.chmod(0o755)
    path.chmod(0o644)
    yield path
    folder.chmod(0o755)
    shutil.rmtree(folder)


def forbid(path: Path, *, folder: bool, file: bool) -> None:
    """Take away the right to write a file, and to make others beside it."""
    path.chmod(0o444 if file else 0o666)
    path.parent.chmod(0o555 if folder else 0o777)


@pytest.mark.parametrize(("folder", "itself"), [(True, True), (True, False), (False, True)])
async def test_a_file_that_may_only_be_read(file: Path, folder: bool, itself: bool) -> None:
    forbid(file, folder=folder, file=itself)
    before = {one.name for one in file.parent.iterdir()}, file.read_bytes()
    with as_somebody_else():
        store = SQLiteStore(file)
        await store.open()
        assert store.read_only
        head = await store.head()
        assert head.sequence > 10
        assert (await store.resolve(["model:credit-risk@4.1"])).keys()
        assert await store.search(["credit"], None) is not None
        assert await store.accounts.tokens() == []
        report = await verify(store)
        assert (report.records, report.problem) == (head.sequence, None)
        with pytest.raises(ReadOnly, match="may only be read here: nothing is recorded until"):
            await store.write([adding(note("one"))])
        with pytest.raises(ReadOnly):
            await store.accounts.revoke(["x"], 1)
        assert await store.sequence() == head.sequence
        await store.close()
    assert (
        {one.name for one in file.parent.iterdir()} - {"registry.db-wal", "registry.db-shm"},
        file.read_bytes(),
    ) == (
        before[0],
        before[1],
    )


async def test_a_file_that_others_begin_to_write_is_not_read_on(file: Path) -> None:
    forbid(file, folder=True, file=True)
    with as_somebody_else():
        store = SQLiteStore(file)
        await store.open()
        await store.sequence()
    owner = SQLiteStore(file)
    file.parent.chmod(0o755)
    file.chmod(0o644)
    await owner.open()
    await owner.write([adding(note("one"))])
    with pytest.raises(Unavailable, match="changed by others"):
        await store.sequence()
    await owner.close()
    await store.close()


async def test_a_file_that_others_write_meanwhile_is_followed(file: Path) -> None:
    file.chmod(0o644)
    owner = SQLiteStore(file)
    await owner.open()
    await owner.write([adding(note("one"))])
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).chmod(0o644)
    with as_somebody_else():
        store = SQLiteStore(file)
        await store.open()
        before = await store.sequence()
        assert store.read_only
    await owner.write([adding(note("two"))])
    with as_somebody_else():
        assert await store.sequence() == before + 1
        await store.close()
    await owner.close()


async def test_what_is_no_registry_is_refused_in_a_file_that_may_only_be_read(file: Path) -> None:
    file.write_bytes(b"")
    forbid(file, folder=True, file=True)
    with as_somebody_else(), pytest.raises(Unavailable, match="not a registry"):
        await SQLiteStore(file).open()


@pytest.fixture
def neo4j(neo4j_empty: Neo4jServer) -> JavaNeo4j:
    """The Neo4j of this session, where that can be told what may be done with it: not that of Docker or by address."""
    if not isinstance(neo4j_empty, JavaNeo4j):
        pytest.skip("the Neo4j of this session cannot be told that it may only be read")
    return neo4j_empty


@pytest.mark.forgets_plans
async def test_a_neo4j_that_may_only_be_read(neo4j: JavaNeo4j) -> None:
    owner = Neo4jStore(neo4j.uri, neo4j.auth)
    await owner.open()
    await send(owner, registry())
    sequence = await owner.sequence()
    assert not owner.read_only
    await owner.close()

    store = Neo4jStore(neo4j.uri, neo4j.auth)
    with neo4j.read_only():
        await store.open()
        try:
            assert store.read_only
            assert await store.sequence() == sequence
            report = await verify(store)
            assert (report.records, report.problem) == (sequence, None)
            with pytest.raises(ReadOnly, match="may only be read here: nothing is recorded until"):
                await store.write([adding(note("one"))])
            with pytest.raises(ReadOnly):
                await store.accounts.add_token(Token("x", b"x", "Ann", frozenset(), 1))
        finally:
            await store.close()

    with neo4j.driver() as driver:
        driver.execute_query("DROP CONSTRAINT record_label")
    with neo4j.read_only(), pytest.raises(ReadOnly, match="record_label is missing"):
        await store.open()


async def test_verifying_a_neo4j_repairs_nothing(neo4j_server: Neo4jServer, neo4j_clean: Neo4jServer) -> None:
    store = Neo4jStore(neo4j_server.uri, neo4j_server.auth)
    with pytest.raises(Unavailable, match="holds no registry"):
        await store.open(repair=False)
    await store.open()
    await send(store, registry())
    await store.close()
    with neo4j_server.driver() as driver:
        driver.execute_query("DROP CONSTRAINT record_label")
    await store.open(repair=False)
    for _ in range(2):
        assert "record_label is missing" in str((await verify(store)).problem)
    await store.close()
    await store.open()
    assert (await verify(store)).problem is None
    await store.close()
