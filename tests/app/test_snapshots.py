"""A server that starts again goes on from its snapshots, and says in its log what it cannot use or write."""

import asyncio
import errno
import json
import os
import stat
import subprocess
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from descentd.app.server import erosion_refresher, index_refresher
from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from descentd.graph.index.snapshot import file, index_snapshots
from descentd.graph.index.snapshot.check import check
from descentd.graph.index.snapshot.origin import Origin
from descentd.graph.model.reach import Tail
from descentd.graph.store.sqlite import store as sqlite
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.queries.erosion import assessment_snapshots, registry_refresh
from descentd.queries.erosion.assessment_check import assessment_difference
from descentd.queries.erosion.registry_ranking import Ranking
from descentd.queries.erosion.version_assessment import VersionAssessment
from descentd.queries.registry import Registry
from tests.support import preloaded
from tests.support.registries import opened, send
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio

Log = list[MutableMapping[str, Any]]

MODELS = [
    {"name": "m", "version": "1", "config": {"n": 1}},
    {"name": "m", "version": "2", "config": {"n": 2}, "parents": [{"ref": "model:m@1", "relation": "FINE_TUNE"}]},
]
RESULTS = [
    {
        "subject": f"model:m@{version}",
        "suite": {"name": "s", "version": "1"},
        "metrics": [{"name": "robust_accuracy", "value": value, "n": 10_000}],
    }
    for version, value in ((1, 0.8), (2, 0.6))
]


@pytest.fixture(autouse=True)
def small_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_snapshots, "LEAST", 1)
    monkeypatch.setattr(index_snapshots, "AT_END", 1)
    monkeypatch.setattr(assessment_snapshots, "LEAST", 1)
    monkeypatch.setattr(erosion_refresher, "_EVERY", 0.0)


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """Of a registry in which one version is worse than what it came from."""
    async with opened(SQLiteStore(tmp_path / "registry.db")) as registry:
        await send(registry, models=MODELS, evaluations=RESULTS)
    return Settings(store=f"sqlite:///{tmp_path / 'registry.db'}")


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[tuple[Registry, Log]]:
    """The registry of a server, in this process, and what it logs."""
    app = create(settings)
    with capture_logs() as log:
        async with app.router.lifespan_context(app):
            yield app.state.registry(), log


async def assessed(registry: Registry) -> None:
    upto = await registry.sequence()
    async with asyncio.timeout(60):
        while registry.cache(Ranking).upto < upto:
            await asyncio.sleep(0)


async def answers(registry: Registry) -> tuple[Any, Any]:
    return await ask(registry, "Impact", of=["model:m@1"]), await ask(registry, "Erosions")


def events(log: Log, name: str) -> Log:
    return [entry for entry in log if entry["event"] == name]


async def written(settings: Settings) -> tuple[Any, Any]:
    """What a server answers that wrote both snapshots, and has ended."""
    async with served(settings) as (registry, _):
        await assessed(registry)
        return await answers(registry)


async def verified(*options: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(preloaded.run, preloaded.SERVER, "verify", *options)


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


async def cut_off(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The versions that a server assessed, step by step, which was ended before the last of them was."""
    steps = list[list[int]]()
    assess = registry_refresh._assessed

    async def first_alone(registry: Registry, versions: Sequence[int], upto: int) -> list[VersionAssessment]:
        if steps:
            await asyncio.Event().wait()
        steps.append(list(versions))
        return await assess(registry, versions, upto)

    with monkeypatch.context() as patched:
        patched.setattr(registry_refresh, "_assessed", first_alone)
        async with served(settings) as (registry, _), asyncio.timeout(60):
            while registry.cache(Ranking).progress != "1 of 2":
                await asyncio.sleep(0)
    return steps


async def test_an_assessment_of_all_goes_on_where_a_restart_cut_it_off(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(SQLiteStore(tmp_path / "registry.db")) as registry:
        expected = await answers(registry)
    steps = await cut_off(settings, monkeypatch)
    ran = await verified("--store", settings.store)
    assert ran.returncode == 0
    assess = registry_refresh._assessed

    async def noted(registry: Registry, versions: Sequence[int], upto: int) -> list[VersionAssessment]:
        steps.append(list(versions))
        return await assess(registry, versions, upto)

    monkeypatch.setattr(registry_refresh, "_assessed", noted)
    async with served(settings) as (registry, log):
        assert not registry.cache(Ranking).restored, "there is no list yet that could be shown at once"
        await assessed(registry)
        assert await answers(registry) == expected
    assert not events(log, "snapshot_ignored")
    assert sorted(steps) == [[one] for one in sorted({one for step in steps for one in step})]


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("coming.verdicts", 2, "its assessment of model:m@1"),
        ("coming.versions", 5, "its list of versions"),
        ("coming.ends", 7, "the order of its details"),
        ("pending", 5, "its list of versions"),
        ("upto", 10**6, "the moment of its list"),
    ],
)
async def test_verify_fails_where_half_an_assessment_of_all_is_forged(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str, value: int, what: str
) -> None:
    await cut_off(settings, monkeypatch)
    path = tmp_path / "registry.db-erosion"
    origin, stored = read_copy(path, assessment_snapshots.CONTENTS)
    assert stored[column][0] != value
    stored[column][0] = value
    file.write(path, assessment_snapshots.CONTENTS, origin, stored)
    ran = await verified("--store", settings.store)
    assert ran.returncode == 1
    assert f"-erosion is wrong: {what}" in ran.stdout


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


def read_copy(path: Path, contents: str) -> tuple[Origin, dict[str, np.ndarray[Any, Any]]]:
    """The origin of a snapshot, and its columns, to be changed."""
    found = file.read(path, contents)
    assert found is not None
    return found.origin, {name: column.view().copy() for name, column in found.columns.items()}


async def test_what_was_assessed_by_an_earlier_edition_of_the_statistics_is_assessed_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await written(settings)
    path = tmp_path / "registry.db-erosion"
    origin, stored = read_copy(path, assessment_snapshots.CONTENTS)
    stored["held.p"][:] = 0.5
    file.write(path, assessment_snapshots.CONTENTS, origin, stored)
    monkeypatch.setattr(erosion_refresher, "_EVERY", 1e9)
    async with served(settings) as (registry, _):
        assert (await answers(registry))[1] != before[1]
    file.write(path, "erosion by edition 4 of the statistics", origin, stored)
    ran = await verified("--store", settings.store)
    assert ran.returncode == 0
    assert "is not used: it holds erosion by edition 4 of the statistics and not erosion by edition" in ran.stdout
    async with served(settings) as (registry, log):
        [ignored] = events(log, "snapshot_ignored")
        assert Path(ignored["file"]) == path
        await assessed(registry)
        assert await answers(registry) == before


async def test_verify_fails_where_an_index_says_what_the_log_does_not(settings: Settings, tmp_path: Path) -> None:
    await written(settings)
    path = tmp_path / "registry.db-index"
    origin, stored = read_copy(path, "index")
    stored["influence.targets"][0] += 1
    file.write(path, "index", origin, stored)
    ran = await verified("--store", settings.store)
    assert ran.returncode == 1
    assert "is wrong: its column influence." in ran.stdout


async def test_assessments_that_were_changed_with_their_checksum_are_found(settings: Settings, tmp_path: Path) -> None:
    await written(settings)
    path, contents = tmp_path / "registry.db-erosion", assessment_snapshots.CONTENTS
    origin, right = read_copy(path, contents)
    first, second = "its assessment of model:m@1", "its assessment of model:m@2"
    async with opened(SQLiteStore(tmp_path / "registry.db")) as registry:
        compare = partial(assessment_difference, registry.store)
        checked = await check(path, contents, registry.store, compare)
        assert checked is not None
        assert checked.problem is None
        for column, place, value, what in (
            *(("verdicts", 0, 2, first), ("verdicts", 1, 2, second), ("p", 0, 0.5, first), ("p", 1, 0.5, second)),
            *(("text", 30, ord("x"), second), ("versions", 1, 3, "its list of versions"), ("ends", 0, 1, first)),
            ("ends", 0, 10**6, "the order of its details"),
        ):
            stored = {name: column.copy() for name, column in right.items()}
            assert stored[f"held.{column}"][place] != value
            stored[f"held.{column}"][place] = value
            file.write(path, contents, origin, stored)
            checked = await check(path, contents, registry.store, compare)
            assert checked is not None
            assert checked.problem == f"{what} is not what follows from the log"
            assert checked.wrong


async def test_verify_fails_where_an_assessment_is_forged(settings: Settings, tmp_path: Path) -> None:
    await written(settings)
    path = tmp_path / "registry.db-erosion"
    origin, stored = read_copy(path, assessment_snapshots.CONTENTS)
    stored["held.verdicts"][:] = 0
    file.write(path, assessment_snapshots.CONTENTS, origin, stored)
    ran = await verified("--store", settings.store)
    assert ran.returncode == 1
    assert "-erosion is wrong: its assessment of model:m@" in ran.stdout


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
