"""The file that a registry is in: for its user alone, and missed as soon as it is not where it was."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from shutil import copyfile

import pytest

from descentd.graph.model.errors import Unavailable
from descentd.graph.model.records import Record
from descentd.graph.store.base import Proposal
from descentd.graph.store.sqlite.store import SQLiteStore
from tests.graph.samples import adding, note

pytestmark = pytest.mark.anyio

SUFFIXES = ("", "-wal", "-shm", "-lock")


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


async def test_only_its_user_may_read_what_is_created(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = SQLiteStore(tmp_path / "r.db")
        await store.open()
        await store.write([adding(note("one"))])
    finally:
        os.umask(old)
    assert {suffix: beside(tmp_path / "r.db", suffix).stat().st_mode & 0o777 for suffix in SUFFIXES} == dict.fromkeys(
        SUFFIXES, 0o600
    )
    await store.close()


async def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    path.touch()
    path.chmod(0o640)
    store = SQLiteStore(path)
    await store.open()
    await store.close()
    assert path.stat().st_mode & 0o777 == 0o640


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    copy = path.with_name("copy")
    copyfile(path, copy)
    copy.replace(path)


@pytest.mark.parametrize("change", [remove, replace])
@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_nothing_is_acknowledged_once_a_file_is_gone_or_another(
    tmp_path: Path, suffix: str, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "r.db"
    store = SQLiteStore(path)
    await store.open()
    await store.write([adding(note("one"))])
    change(beside(path, suffix))
    with pytest.raises(Unavailable, match="removed or replaced"):
        await store.write([adding(note("two"))])
    with pytest.raises(Unavailable, match="removed or replaced"):
        await store.sequence()
    with pytest.raises(Unavailable, match="removed or replaced"):
        await store.accounts.revoke(["x"], 1)
    await store.close()


async def test_a_file_that_goes_during_a_write_is_noticed_before_it_is_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    store = SQLiteStore(path)
    await store.open()

    async def draft(_: object) -> list[Record]:
        path.unlink()
        return [note("one")]

    with pytest.raises(Unavailable, match="removed or replaced"):
        await store.write([Proposal(draft, "ann")])
    await store.close()


async def test_two_stores_of_one_file_keep_their_locks(tmp_path: Path) -> None:
    first, second = SQLiteStore(tmp_path / "r.db"), SQLiteStore(tmp_path / "r.db")
    await first.open()
    await second.open()
    await first.write([adding(note("one"))])
    await second.write([adding(note("two"))])
    assert await first.sequence() == await second.sequence() == 2
    await second.close()
    await first.write([adding(note("three"))])
    assert await first.sequence() == 3
    await first.close()


def test_many_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    """SQLite itself waits for others, but not where two turn the WAL of a new file on."""

    async def opened_and_closed(path: Path) -> None:
        store = SQLiteStore(path)
        await store.open()
        await store.close()

    with ThreadPoolExecutor(8) as pool:
        for number in range(20):
            file = tmp_path / f"{number}.db"
            list(pool.map(lambda path: asyncio.run(opened_and_closed(path)), [file] * 8))


async def copied(path: Path, texts: Sequence[str]) -> Path:
    """A registry in a file of its own, with a record for each text."""
    store = SQLiteStore(path)
    await store.open()
    for text in texts:
        await store.write([adding(note(text))])
    await store.close()
    return path


@pytest.mark.parametrize("texts", [[], ["one"], ["one", "other"], ["one", "other", "two"]])
async def test_a_copy_that_is_put_back_into_the_same_file_is_noticed(tmp_path: Path, texts: list[str]) -> None:
    """As `.restore` of SQLite's shell does it: no file is another, but what was acknowledged is not there."""
    copy = await copied(tmp_path / "copy.db", texts)
    store = SQLiteStore(await copied(tmp_path / "r.db", ["one"]))
    await store.open()
    await store.write([adding(note("two"))])
    with closing(sqlite3.connect(copy)) as older, closing(sqlite3.connect(tmp_path / "r.db")) as served:
        older.backup(served)
    with pytest.raises(Unavailable, match="as if an older copy had been put back"):
        await store.write([adding(note("three"))])
    with pytest.raises(Unavailable, match="as if an older copy had been put back"):
        await store.accounts.revoke(["x"], 1)
    if len(texts) < 2:
        with pytest.raises(Unavailable, match="as if an older copy had been put back"):
            await store.sequence()
    await store.close()


async def test_a_copy_that_holds_all_of_it_and_more_is_no_step_back(tmp_path: Path) -> None:
    path = await copied(tmp_path / "r.db", ["one"])
    store = SQLiteStore(path)
    await store.open()
    await store.write([adding(note("two"))])
    with closing(sqlite3.connect(path)) as served, closing(sqlite3.connect(tmp_path / "copy.db")) as backup:
        served.backup(backup)
    await store.accounts.revoke(["x"], 1)
    with closing(sqlite3.connect(tmp_path / "copy.db")) as backup, closing(sqlite3.connect(path)) as served:
        backup.backup(served)
    await store.write([adding(note("three"))])
    assert await store.sequence() == 3
    await store.close()
