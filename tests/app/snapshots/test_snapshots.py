"""A server that starts again goes on from its snapshots, and says in its log what it cannot use or write."""

import asyncio
import errno
import json
import os
import stat
from pathlib import Path

import pytest

from descentd.app.server import index_refresher
from descentd.app.server.settings import Settings
from descentd.graph.index.snapshot import file, index_snapshots
from descentd.graph.model.reach import Tail
from descentd.graph.store.sqlite import store as sqlite
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.queries.erosion import assessment_snapshots
from tests.app.snapshots.serving import (
    RESULTS,
    answers,
    assessed,
    events,
    read_copy,
    served,
    verified,
    written,
)
from tests.support import preloaded
from tests.support.registries import opened, send
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio


async def test_nothing_is_read_or_assessed_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await written(settings)
    assert before[1]["edges"][0]["node"]["ref"] == "model:m@2"
    for contents in ("index", "erosion"):
        snapshot = tmp_path / f"registry.db-{contents}"
        assert stat.S_IMODE(snapshot.stat().st_mode) == 0o600

    async def never(_: SQLiteStore, after: int) -> Tail:
        raise AssertionError(f"The log was read from {after}.")

    monkeypatch.setattr(SQLiteStore, "tail", never)
    async with served(settings) as (registry, log):
        assert await answers(registry) == before
        [entry] = events(log, "snapshot_opened")
        assert entry["sequence"] == await registry.sequence()
    assert not events(log, "snapshot_ignored")


async def test_what_came_since_is_taken_in(settings: Settings, tmp_path: Path) -> None:
    await written(settings)
    worse = {"name": "m", "version": "3", "config": {"n": 3}, "parents": [{"ref": "model:m@2", "relation": "MERGE"}]}
    async with opened(SQLiteStore(tmp_path / "registry.db")) as registry:
        await send(registry, models=[worse], evaluations=[RESULTS[1] | {"subject": "model:m@3"}])
        expected = await answers(registry)
    async with served(settings) as (registry, _):
        await assessed(registry)
        assert await answers(registry) == expected


async def test_what_is_damaged_is_ignored_with_a_line_in_the_log_and_written_anew(
    settings: Settings, tmp_path: Path
) -> None:
    before = await written(settings)
    for contents in ("index", "erosion"):
        snapshot = tmp_path / f"registry.db-{contents}"
        snapshot.write_bytes(snapshot.read_bytes()[:-1])
    ran = await verified("--store", settings.store)
    assert ran.returncode == 0
    assert ran.stdout.count("is not used: it is damaged or cut off.") == 2
    async with served(settings) as (registry, log):
        assert len(events(log, "snapshot_ignored")) == 2
        await assessed(registry)
        assert await answers(registry) == before
    ran = await asyncio.to_thread(
        preloaded.run, preloaded.SERVER, "verify", "--store", settings.store, "--format", "json"
    )
    assert ran.returncode == 0
    assert [one["problem"] for one in json.loads(ran.stdout)["snapshots"]] == [None, None]


async def test_verify_fails_where_an_index_says_what_the_log_does_not(settings: Settings, tmp_path: Path) -> None:
    await written(settings)
    path = tmp_path / "registry.db-index"
    origin, stored = read_copy(path, "index")
    stored["influence.targets"][0] += 1
    file.write(path, "index", origin, stored)
    ran = await verified("--store", settings.store)
    assert ran.returncode == 1
    assert "is wrong: its column influence." in ran.stdout


async def test_a_full_disk_is_logged(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    async with served(settings) as (registry, log):
        await assessed(registry)
        assert (await answers(registry))[1]["totalCount"] == 1
    reasons = {(Path(entry["file"]).name, entry["reason"]) for entry in events(log, "snapshot_not_written")}
    assert reasons == {(f"registry.db-{contents}", "No space left on device") for contents in ("index", "erosion")}
    assert not list(tmp_path.glob("*-part"))


async def test_a_registry_that_may_only_be_read_uses_what_is_there_and_writes_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "may_write", lambda _: False)
    async with served(settings) as (registry, _):
        await assessed(registry)
    assert not list(tmp_path.glob("*-index")) + list(tmp_path.glob("*-erosion"))
    monkeypatch.undo()
    monkeypatch.setattr(index_snapshots, "LEAST", 1)
    monkeypatch.setattr(assessment_snapshots, "LEAST", 1)
    before = await written(settings)
    monkeypatch.setattr(sqlite, "may_write", lambda _: False)
    async with served(settings) as (registry, log):
        assert await answers(registry) == before
    assert events(log, "snapshot_opened")


async def test_a_server_with_few_records_writes_none(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    await written(settings)
    assert not list(tmp_path.glob("*-index")) + list(tmp_path.glob("*-erosion"))


async def test_a_log_that_grows_gets_another_snapshot(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_refresher, "_EVERY", 0.0)
    async with served(settings) as (registry, log):
        await send(registry, models=[{"name": "n", "version": "1", "config": {"n": 9}}])
        upto = await registry.sequence()
        async with asyncio.timeout(60):
            while not any(entry["sequence"] == upto for entry in events(log, "snapshot_written")):
                await asyncio.sleep(0)
        assert (await ask(registry, "Impact", of=["model:m@1"]))["counts"]
