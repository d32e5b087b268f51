"""Assessments of erosion are kept over a restart, half done too, and are found where they are not right."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from descentd.app.server import erosion_refresher
from descentd.app.server.settings import Settings
from descentd.graph.index.snapshot import file
from descentd.graph.index.snapshot.check import check
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.queries.erosion import assessment_snapshots, registry_refresh
from descentd.queries.erosion.assessment_check import assessment_difference
from descentd.queries.erosion.registry_ranking import Ranking
from descentd.queries.erosion.version_assessment import VersionAssessment
from descentd.queries.registry import Registry
from tests.app.snapshots.serving import (
    answers,
    assessed,
    events,
    read_copy,
    served,
    verified,
    written,
)
from tests.support.registries import opened

pytestmark = pytest.mark.anyio


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


async def test_half_an_assessment_does_not_take_the_place_of_a_whole_one(settings: Settings, tmp_path: Path) -> None:
    """Each worker of a registry assesses by itself, and one may lag behind the other."""
    path = tmp_path / "snapshot"
    async with opened(SQLiteStore(tmp_path / "registry.db")) as registry:
        workers = [Registry(registry.store, registry.walk, registry.committer) for _ in range(3)]
        ahead, behind, later = (assessment_snapshots.AssessmentSnapshots(path, pytest.fail) for _ in workers)
        assert not await behind.restore(workers[1])
        assert not await registry_refresh.advance(workers[1])
        assert await behind.write(workers[1])
        await registry_refresh.catch_up(workers[0])
        assert await ahead.write(workers[0])
        written = file.identity(path)
        assert not await behind.write(workers[1])
        assert file.identity(path) == written
        assert await later.restore(workers[2])
        assert workers[2].cache(Ranking).upto == await registry.sequence()
        assert list(workers[2].cache(Ranking).ranked) == list(workers[0].cache(Ranking).ranked)
        path.write_bytes(b"Put there by somebody.")
        await registry_refresh.catch_up(workers[1])
        assert await behind.write(workers[1]), "what cannot be used is not kept"


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("coming.verdicts", 2, "its assessment of model:m@1"),
        ("coming.versions", 5, "its list of versions"),
        ("coming.ends", 7, "the order of its details"),
        ("pending", 5, "its list of versions that are to be assessed"),
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
