"""A log that was exported, imported into empty stores: the same log, or refused with its line and a reason."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from descentd.graph import log_import
from descentd.graph.log_import import InvalidLog, check_log, import_log
from descentd.graph.model.errors import InvalidInput, Unavailable
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry, Head
from descentd.graph.model.log_lines import LogLine, end_line, entry_line, read_line
from descentd.graph.model.merkle import Frontier
from descentd.graph.model.records import Record
from descentd.graph.store.base import Store
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.graph.verify import verify
from tests.graph.samples import registry as sample
from tests.graph.samples import send
from tests.support.contract.model import Model
from tests.support.contract.tails import same_tail
from tests.support.contract.writes import same_reads
from tests.support.effort import some_of
from tests.support.histories import Histories, adding
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


async def written(store: Store) -> bytes:
    """The whole log of a store, as a file has it."""
    head = await store.head()
    entries = await store.entries(range(1, head.sequence + 1))
    return b"".join(map(entry_line, entries)) + end_line(head)


@pytest.fixture(scope="module")
def exported() -> tuple[MemoryStore, bytes]:
    """A registry with records of many kinds, and its log."""

    async def fill() -> tuple[MemoryStore, bytes]:
        store = MemoryStore()
        await send(store, sample())
        for records in Histories(11, digests=5, disclosing=True).transactions(60):
            await store.write([adding(*records)])
        return store, await written(store)

    return asyncio.run(fill())


@cache
def small() -> list[bytes]:
    """The lines of a short log, each with its line feed."""

    async def fill() -> bytes:
        store = MemoryStore()
        await send(store, sample())
        await send(store, {"notes": [{"subject": "model:credit-risk@4.1", "author": "bo", "text": "1e2 ünd"}]}, "bo")
        return await written(store)

    return asyncio.run(fill()).splitlines(keepends=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log.ndjson"


@pytest.fixture
def new(store_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Makes handles, not opened yet, on one store of each kind in turn that is empty at first."""
    if store_kind == "memory":
        one = MemoryStore()
        return lambda: one
    if store_kind == "sqlite":
        return lambda: SQLiteStore(tmp_path / "registry.db")
    server: Neo4jServer = request.getfixturevalue("neo4j_empty")
    return lambda: Neo4jStore(server.uri, server.auth)


async def test_every_store_holds_the_same_afterwards(
    new: Callable[[], Store], file: Path, exported: tuple[MemoryStore, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_import, "_BATCH", 37)  # so that what belongs together comes in different batches
    source, log = exported
    file.write_bytes(log)
    seen: list[tuple[int, int]] = []
    end = await import_log(new(), file, lambda done, all: seen.append((done, all)))
    head = await source.head()
    assert (end.sequence, end.root) == (head.sequence, head.frontier.root())
    assert seen[0] == (37, head.sequence)
    assert seen[-1] == (head.sequence, head.sequence)
    store = new()
    await store.open()
    try:
        assert await store.head() == head
        every = range(1, head.sequence + 1)
        assert await store.entries(every) == await source.entries(every)
        model = Model([entry.record for entry in await source.entries(every)])
        await same_reads(store, model)
        same_tail(await store.tail(0), await source.tail(0))
        report = await verify(store)
        assert (report.records, report.problem) == (head.sequence, None)
        assert await written(store) == log
        await send(store, {"models": [{"name": "later", "version": "1", "config": {"lr": 1}}]})
        assert await store.sequence() == head.sequence + 2
        assert (await verify(store)).problem is None
    finally:
        await store.close()


async def test_an_empty_log_makes_an_empty_registry(new: Callable[[], Store], file: Path) -> None:
    file.write_bytes(end_line(Head()))
    assert (await import_log(new(), file)).sequence == 0
    store = new()
    await store.open()
    assert await store.sequence() == 0
    assert (await verify(store)).problem is None
    await store.close()


async def test_only_an_empty_store_takes_a_log(new: Callable[[], Store], file: Path) -> None:
    file.write_bytes(b"".join(small()))
    store = new()
    await store.open()
    await send(store, {"datasets": [{"name": "d", "version": "1"}]})
    before = await written(store)
    await store.close()
    with pytest.raises(InvalidInput, match="holds 1 records already"):
        await import_log(new(), file)
    store = new()
    await store.open()
    assert await written(store) == before
    await store.close()


class BrokenOff(Exception):
    pass


def broken_off(log: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """The beginning of a log in two batches, as if the process had been killed in the third."""
    yield log[:3]
    yield log[3:8]
    raise BrokenOff


def entries_of(lines: Sequence[bytes]) -> list[Entry]:
    return [read.entry for read in map(read_line, lines) if isinstance(read, LogLine)]


async def test_nothing_of_an_import_that_was_broken_off_is_there(tmp_path: Path, file: Path) -> None:
    for store in (MemoryStore(), SQLiteStore(tmp_path / "registry.db")):
        with pytest.raises(BrokenOff):
            await store.import_log(broken_off(entries_of(small())))
        await store.open()
        assert (await store.head(), (await verify(store)).problem) == (Head(), None)
        await store.close()
        file.write_bytes(b"".join(small()))
        await import_log(store, file)


async def test_an_import_into_neo4j_that_was_broken_off_goes_on_and_is_not_opened_before(
    neo4j_empty: Neo4jServer, file: Path, exported: tuple[MemoryStore, bytes]
) -> None:
    def new() -> Neo4jStore:
        return Neo4jStore(neo4j_empty.uri, neo4j_empty.auth)

    with pytest.raises(BrokenOff):
        await new().import_log(broken_off(entries_of(small())))
    for repair in (True, False):
        with pytest.raises(Unavailable, match="is not whole yet: finish it by `descentd import-log`"):
            await new().open(repair=repair)
    file.write_bytes(exported[1])
    with pytest.raises(InvalidInput, match="the beginning of another log"):
        await import_log(new(), file)
    await new().import_log(iter([entries_of(small())[:8]]))  # it is whole where it was broken off
    store = new()
    await store.open()
    assert await store.sequence() == 8
    await store.close()
    neo4j_empty.clear()
    with pytest.raises(BrokenOff):
        await new().import_log(broken_off(entries_of(small())))
    file.write_bytes(b"".join(small()))
    end = await import_log(new(), file)
    store = new()
    await store.open()
    assert (await store.head()).frontier.root() == end.root
    assert (await verify(store)).problem is None
    await store.close()


def changed(line: bytes, **fields: Any) -> bytes:
    return json.dumps(json.loads(line) | fields, ensure_ascii=False).encode() + b"\n"


def rehashed(lines: list[bytes]) -> list[bytes]:
    """Lines with the sequences, hashes and root that they would have as a log of their own, a transaction each."""
    entries = [Entry(i, i, entry.record, 0, entry.recorded_by) for i, entry in enumerate(entries_of(lines), 1)]
    frontier = Frontier().append(entry.hash for entry in entries)
    return [*map(entry_line, entries), end_line(Head(len(entries), 0, frontier))]


def rehashed_as(lines: list[bytes], kind: Kind) -> list[bytes]:
    """The first line as one of another kind, with the id and the hash that it would have."""
    entry = entries_of(lines)[0]
    return [entry_line(replace(entry, record=Record(kind, entry.record.body))), *lines[1:]]


WRONG: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int, str]] = {
    "empty": (lambda _: [], 1, "is cut off"),
    "without its end": (lambda s: s[:-1], len(small()), "is cut off"),
    "torn in a line": (lambda s: [*s[:4], s[4][:50]], 5, "not JSON"),
    "reordered": (lambda s: [s[1], s[0], *s[2:]], 1, "Record 1 is missing: the next one is 2"),
    "without a line": (lambda s: s[:5] + s[6:], 6, "Record 6 is missing: the next one is 7"),
    "with a line twice": (lambda s: [*s[:5], s[4], *s[5:]], 6, "Record 6 is missing: the next one is 5"),
    "with an empty line": (lambda s: [s[0], b"\n", *s[1:]], 2, "not JSON"),
    "with another person": (lambda s: [changed(s[0], recordedBy="eve"), *s[1:]], 1, "entry hash"),
    "with another time": (lambda s: [changed(s[0], recordedAt="2025-01-01T00:00:00Z"), *s[1:]], 1, "entry hash"),
    "at another moment than its transaction": (
        lambda s: [s[0], changed(s[1], recordedAt="2999-01-01T00:00:00Z"), *s[2:]],
        2,
        "recordedAt",
    ),
    "with another transaction": (lambda s: [s[0], changed(s[1], transaction=2), *s[2:]], 2, "entry hash"),
    "with a transaction of no entry": (lambda s: [*s[:2], changed(s[2], transaction=2), *s[3:]], 3, "transaction"),
    "with another kind": (lambda s: [changed(s[0], kind="NOTE"), *s[1:]], 1, "have the id sha256:"),
    "of no kind": (lambda s: [changed(s[0], kind="THING"), *s[1:]], 1, "no kind 'THING'"),
    "with other content": (lambda s: [changed(s[0], content={}), *s[1:]], 1, "have the id sha256:"),
    "with content of another kind": (lambda s: rehashed_as(s, Kind.NOTE), 1, "not that of a record of the kind NOTE"),
    "with null in its content": (
        lambda s: [changed(s[0], content=json.loads(s[0])["content"] | {"unit": None}), *s[1:]],
        1,
        "have the id sha256:",
    ),
    "with a field more": (lambda s: [changed(s[0], note="!"), *s[1:]], 1, "no field 'note'"),
    "with a text for a number": (lambda s: [changed(s[0], sequence="1"), *s[1:]], 1, "sequence is not a whole number"),
    "with another root": (lambda s: [*s[:-1], changed(s[-1], root="0" * 64)], len(small()), "should have the root"),
    "with another length": (lambda s: [*s[:-1], changed(s[-1], sequence=3)], len(small()), "should have 3 entries"),
    "of a later format": (lambda s: [*s[:-1], changed(s[-1], end="descent.log.v2")], len(small()), "'descent.log.v2'"),
    "with lines after its end": (lambda s: [*s, s[0]], len(small()) + 1, "nothing follows"),
    "with a reference forward": (lambda s: rehashed(s[-2::-1]), 1, "refers to sha256:"),
    "with a record twice": (lambda s: rehashed([*s[:2], s[1]]), 3, "another record sha256:"),
    "of manifests": (lambda _: [b'{"models": [{"name": "m", "version": "1"}]}\n'], 1, "has no sequence"),
    "of numbers": (lambda _: [b"1\n"], 1, "not a JSON object"),
    "of bytes": (lambda _: [b"\xff\xfe\x00\x01"], 1, "not UTF-8"),
    "of a key twice": (lambda _: [b'{"end": "descent.log.v1", "end": 1}\n'], 1, "twice"),
    "nested deeply": (lambda _: [b"[" * 200_000], 1, "nested too deeply"),
    "with NaN": (lambda s: [s[0].replace(b'"content":{', b'"content":{"x":NaN,'), *s[1:]], 1, "NaN and infinities"),
}


@pytest.mark.parametrize(("change", "line", "reason"), WRONG.values(), ids=WRONG)
async def test_a_wrong_file_is_refused(
    change: Callable[[list[bytes]], list[bytes]], line: int, reason: str, file: Path, tmp_path: Path
) -> None:
    file.write_bytes(b"".join(change(list(small()))))
    store = SQLiteStore(tmp_path / "registry.db")
    with pytest.raises(InvalidLog) as raised:
        await import_log(store, file)
    assert f"log.ndjson, line {line}: " in raised.value.message
    assert reason in raised.value.message
    assert raised.value.message.endswith("export the log again with `descent export ndjson --all`.")
    assert not (tmp_path / "registry.db").exists()


async def test_a_file_that_is_spelled_otherwise_is_the_same_log(file: Path) -> None:
    lines = [json.dumps(json.loads(line), indent=None, ensure_ascii=True).encode() for line in small()]
    file.write_bytes(b"\r\n".join(lines))
    store = MemoryStore()
    await import_log(store, file)
    assert await written(store) == b"".join(small())


@given(st.data())
@settings(max_examples=some_of(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_byte_is_changed_or_cut_off_the_file_is_refused_or_the_same_log(
    tmp_path: Path, data: st.DataObject
) -> None:
    log = b"".join(small())
    place = data.draw(st.integers(0, len(log) - 2))
    if data.draw(st.booleans()):
        wrong = log[:place]
    else:
        wrong = log[:place] + bytes([data.draw(st.integers(0, 255))]) + log[place + 1 :]
    file = tmp_path / "wrong.ndjson"
    file.write_bytes(wrong)
    store = MemoryStore()
    try:
        await import_log(store, file)
    except InvalidLog:
        assert await store.sequence() == 0
    else:
        assert await written(store) == log


async def test_a_file_that_changes_between_the_two_readings_is_refused(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(b"".join(small()))
    checked = check_log

    def then_changed(path: Path) -> Any:
        end = checked(path)
        path.write_bytes(b"".join([*small()[:-2], changed(small()[-2], recordedBy="eve"), small()[-1]]))
        return end

    monkeypatch.setattr(log_import, "check_log", then_changed)
    store = SQLiteStore(tmp_path / "registry.db")
    with pytest.raises(InvalidLog, match="was changed while"):
        await import_log(store, file)
    await store.open()
    assert await store.sequence() == 0
    await store.close()
