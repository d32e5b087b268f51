"""Snapshots of an index: what is answered from one is what is answered without, and what does not fit is not used."""

import errno
import os
import shutil
import stat
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from descentd.graph.index.columns import Columns, Misfit, Stored
from descentd.graph.index.lineage_index import LineageIndex
from descentd.graph.index.snapshot import file, index_snapshots, origin
from descentd.graph.index.snapshot.check import check, index_difference
from descentd.graph.index.snapshot.index_snapshots import CONTENTS, IndexSnapshots
from descentd.graph.index.snapshot.origin import Origin
from descentd.graph.index.topology import Topology
from descentd.graph.store.base import Store
from descentd.graph.store.sqlite.store import SQLiteStore
from tests.support.histories import Histories
from tests.support.snapshots import answers, filled, loaded

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.db-index"


@pytest.fixture
def history() -> Histories:
    """What is recorded in the registry."""
    return Histories(1, disclosing=True)


@pytest.fixture
async def registry(tmp_path: Path, history: Histories) -> Any:
    """A SQLite store with some records, open."""
    store = SQLiteStore(tmp_path / "registry.db")
    await store.open()
    await filled(store, history, 60)
    yield store
    await store.close()


@pytest.fixture
def reasons() -> list[str]:
    """Why snapshots were ignored."""
    return []


@pytest.fixture
async def snapshots(path: Path, registry: Store, reasons: list[str]) -> IndexSnapshots:
    """Those of the registry, one of which is in the file."""
    kept = IndexSnapshots(path, registry, reasons.append)
    assert await kept.write(await loaded(registry))
    return kept


async def test_a_restored_index_answers_as_one_that_was_loaded(
    path: Path, registry: Store, history: Histories, snapshots: IndexSnapshots, reasons: list[str]
) -> None:
    index = LineageIndex(registry)
    assert await snapshots.restore(index)
    expected = await loaded(registry)
    assert index.topology.size == expected.topology.size > 0
    assert answers(index.topology) == answers(expected.topology)
    await filled(registry, history, 40)
    upto = await registry.sequence()
    for one in (index, expected):
        await one.catch_up(upto)
    assert answers(index.topology) == answers((await loaded(registry)).topology) == answers(expected.topology)
    assert not reasons
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_what_one_process_appends_is_not_seen_by_another(
    registry: Store, history: Histories, snapshots: IndexSnapshots
) -> None:
    one, other = LineageIndex(registry), LineageIndex(registry)
    await snapshots.restore(one)
    await snapshots.restore(other)
    before = answers(other.topology)
    await filled(registry, history, 20)
    await one.catch_up(await registry.sequence())
    assert one.topology.size > other.topology.size
    assert answers(other.topology) == before


def torn(content: bytes) -> bytes:
    return content[: len(content) // 2]


def empty(_: bytes) -> bytes:
    return b""


def one_bit(content: bytes) -> bytes:
    """One bit of the first column is another: its header ends with the first page, and the rest is full of zeros."""
    found = bytearray(content)
    at = next(place for place in range(len(found) - 1, 0, -1) if found[place])
    found[at] ^= 1
    return bytes(found)


def newer_format(content: bytes) -> bytes:
    return content[:16] + struct.pack(">I", file.FORMAT + 1) + content[20:]


def something_else(_: bytes) -> bytes:
    return b"SQLite format 3\0" * 1_000


@pytest.mark.parametrize("change", [torn, empty, one_bit, newer_format, something_else])
async def test_what_was_changed_is_ignored_and_written_anew(
    path: Path,
    registry: Store,
    snapshots: IndexSnapshots,
    reasons: list[str],
    change: Callable[[bytes], bytes],
) -> None:
    path.write_bytes(change(path.read_bytes()))
    index = LineageIndex(registry)
    assert not await snapshots.restore(index)
    assert len(reasons) == 1
    found = await check(path, CONTENTS, registry, partial(index_difference, registry))
    assert found is not None
    assert found.problem == reasons[0]
    assert not found.wrong
    assert index.topology.size == 0
    assert await snapshots.renew(index)
    assert await snapshots.restore(LineageIndex(registry))
    assert len(reasons) == 1


async def test_one_of_another_release_is_ignored(
    registry: Store, snapshots: IndexSnapshots, reasons: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = origin.release()
    monkeypatch.setattr(origin, "release", lambda: "99.0")
    assert not await snapshots.restore(LineageIndex(registry))
    assert reasons == [f"it was written by release {release}, and this is 99.0"]


async def test_one_of_another_registry_is_ignored(
    path: Path, tmp_path: Path, snapshots: IndexSnapshots, reasons: list[str]
) -> None:
    other = SQLiteStore(tmp_path / "other.db")
    await other.open()
    await filled(other, Histories(1, disclosing=True), 60)  # the same records, recorded at another time
    assert not await IndexSnapshots(path, other, reasons.append).restore(LineageIndex(other))
    assert reasons == ["it is of another registry"]
    await other.close()


async def test_one_that_is_later_than_the_registry_is_ignored_and_so_is_one_of_what_was_undone(
    path: Path, tmp_path: Path, registry: Store, history: Histories, reasons: list[str]
) -> None:
    await registry.close()
    earlier = tmp_path / "earlier.db"
    shutil.copy(tmp_path / "registry.db", earlier)
    undone = deepcopy(history)
    undone.random.seed(3)
    await registry.open()
    await filled(registry, history, 10)
    assert await IndexSnapshots(path, registry, reasons.append).write(await loaded(registry))
    last = await registry.sequence()
    await registry.close()
    shutil.copy(earlier, tmp_path / "registry.db")
    await registry.open()
    snapshots = IndexSnapshots(path, registry, reasons.append)
    assert not await snapshots.restore(LineageIndex(registry))
    assert "brought back to an earlier state" in reasons.pop()
    await filled(registry, undone, 40)
    assert await registry.sequence() > last
    index = LineageIndex(registry)
    assert not await snapshots.restore(index)
    assert "its root is another" in reasons.pop()
    assert await snapshots.renew(index)
    assert answers(index.topology) == answers((await loaded(registry)).topology)


async def test_a_full_disk_leaves_the_snapshot_that_is_there(
    path: Path, registry: Store, snapshots: IndexSnapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    write, left = os.pwrite, [3]

    def full(descriptor: int, content: memoryview, place: int) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, content[:100], place)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        await snapshots.write(await loaded(registry))
    assert path.read_bytes() == before
    assert sorted(one.name for one in path.parent.glob("*-index*")) == [path.name]
    monkeypatch.undo()
    assert await snapshots.restore(LineageIndex(registry))


async def test_while_another_process_writes_one_none_is_written(
    path: Path, registry: Store, reasons: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_snapshots, "LEAST", 1)
    snapshots = IndexSnapshots(path, registry, reasons.append)
    index, upto = await loaded(registry), await registry.sequence()
    held = file._locked(path.with_name(f"{path.name}-part"))
    assert held is not None
    assert not await snapshots.renew(index)
    assert snapshots.due(upto)  # to go on from what the other writes
    os.close(held)
    assert await snapshots.renew(index)
    assert not snapshots.due(upto)


async def test_two_that_write_one_file_in_turn_never_mix(
    path: Path, tmp_path: Path, registry: Store, snapshots: IndexSnapshots, reasons: list[str]
) -> None:
    """Two servers with one folder, as two registries in Neo4j may have by mistake."""
    other = SQLiteStore(tmp_path / "other.db")
    await other.open()
    await filled(other, Histories(7, disclosing=True), 50)
    theirs = IndexSnapshots(path, other, reasons.append)
    for kept, store in ((theirs, other), (snapshots, registry)) * 2:
        index = LineageIndex(store)
        assert not await kept.restore(index)
        assert reasons.pop() == "it is of another registry"
        assert await kept.renew(index)
        assert answers(index.topology) == answers((await loaded(store)).topology)
    await other.close()


async def test_a_process_goes_on_from_what_another_wrote(
    path: Path,
    registry: Store,
    history: Histories,
    snapshots: IndexSnapshots,
    reasons: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = LineageIndex(registry)
    await snapshots.restore(index)
    await filled(registry, history, 20)
    await IndexSnapshots(path, registry, reasons.append).write(await loaded(registry))
    monkeypatch.setattr(file, "write", None)
    assert await snapshots.renew(index)
    assert index.topology.size == await registry.sequence()
    assert not reasons


async def test_verify_finds_an_index_that_says_what_the_log_does_not(
    path: Path, registry: Store, snapshots: IndexSnapshots
) -> None:
    found = file.read(path, CONTENTS)
    assert found is not None
    stored = {name: column.view().copy() for name, column in found.columns.items()}
    stored["kinds"][3] ^= 1
    file.write(path, CONTENTS, found.origin, stored)
    checked = await check(path, CONTENTS, registry, partial(index_difference, registry))
    assert checked is not None
    assert checked.wrong
    assert checked.problem == "its column kinds is not what follows from the log"


async def test_a_snapshot_of_something_else_is_not_taken_for_an_index(
    path: Path, registry: Store, snapshots: IndexSnapshots, reasons: list[str]
) -> None:
    file.write(path, "erosion", Origin("1", "", 0, ""), {"versions": np.zeros(3, np.int32)})
    assert not await snapshots.restore(LineageIndex(registry))
    assert reasons == ["it holds erosion and not index"]
    found = file.read(path, "erosion")
    assert found is not None
    with pytest.raises(Misfit, match="missing"):
        Topology(Columns(found.columns))


async def test_no_file_is_no_snapshot(tmp_path: Path, registry: Store, reasons: list[str]) -> None:
    assert not await IndexSnapshots(tmp_path / "none", registry, reasons.append).restore(LineageIndex(registry))
    assert await check(tmp_path / "none", CONTENTS, registry, partial(index_difference, registry)) is None
    assert not reasons


KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    import numpy as np
    from descentd.graph.index.snapshot import file
    from descentd.graph.index.snapshot.origin import Origin

    path, calls = Path(sys.argv[1]), int(sys.argv[2])
    done = 0

    def dies(call):
        def called(*arguments):
            global done
            done += 1
            if done > calls:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments)
        return called

    for name in ("pwrite", "truncate", "fsync", "close", "open"):
        setattr(os, name, dies(getattr(os, name)))
    Path.rename = dies(Path.rename)
    file.write(path, "index", Origin("new", "", 2, ""), {"a": np.ones(5_000, np.int32), "b": np.ones(3, np.uint8)})
    """
)


def test_a_kill_at_any_call_leaves_the_old_snapshot_or_the_new(path: Path) -> None:
    old: Stored = {"a": np.zeros(5_000, np.int32), "b": np.zeros(3, np.uint8)}
    outcomes = set()
    for calls in range(30):
        file.write(path, "index", Origin("old", "", 1, ""), old)
        ended = subprocess.run([sys.executable, "-c", KILLED, str(path), str(calls)], check=False)
        found = file.read(path, "index")
        assert found is not None
        expected = np.int32(0 if found.origin.release == "old" else 1)
        assert np.all(found.columns["a"].view() == expected)
        assert len(found.columns["a"]) == 5_000
        outcomes.add((ended.returncode == 0, found.origin.release))
        if ended.returncode == 0:
            break
    assert outcomes >= {(False, "old"), (False, "new"), (True, "new")}
