"""The lines of a body, however it comes and whenever they are taken."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.app.http.bulk_lines import BATCH, Lines
from descentd.graph.model.errors import TooCostly

pytestmark = pytest.mark.anyio

bodies = st.lists(st.sampled_from([b"", b"a", b"bc", b"x" * 20])).map(b"\n".join)


async def stream(body: bytes, cuts: Sequence[int]) -> AsyncIterator[bytes]:
    ends = [*sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    for start, end in zip([0, *ends], ends, strict=False):
        await asyncio.sleep(0)
        yield body[start:end]


async def taken(lines: Lines) -> list[list[bytes]]:
    async with asyncio.TaskGroup() as group:
        group.create_task(lines.read())
        batches: list[list[bytes]] = []
        while batch := await lines.take():
            batches.append(batch)
            await asyncio.sleep(0)
    return batches


@given(bodies, st.lists(st.integers(0, 10_000), max_size=6))
async def test_all_lines_come_in_order(body: bytes, cuts: list[int]) -> None:
    expected = body.split(b"\n")
    if not expected[-1]:
        expected.pop()  # after the last line break, or of an empty body
    assert [line for batch in await taken(Lines(stream(body, cuts), 20)) for line in batch] == expected


async def test_those_that_have_come_are_taken_together() -> None:
    body = b"a\n" * (2 * BATCH + 1)
    assert [len(batch) for batch in await taken(Lines(stream(body, []), 10))] == [500, 500, 1]


async def test_nobody_waits_for_more_than_a_line() -> None:
    more = asyncio.Event()

    async def one_by_one() -> AsyncIterator[bytes]:
        yield b"first\n"
        await more.wait()
        yield b"second\n"

    lines = Lines(one_by_one(), 10)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(lines.read())
        assert await lines.take() == [b"first"]
        more.set()
        assert await lines.take() == [b"second"]
        assert await lines.take() == []


async def test_no_more_is_read_than_has_room() -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"a\n" * 100

    lines = Lines(endless(), 10)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        reading = group.create_task(lines.read())
        for _ in range(10):
            assert set(await lines.take()) == {b"a"}
            await asyncio.sleep(0)
        reading.cancel()
    assert read <= 10 * BATCH // 100 + 2 * BATCH // 100


async def test_a_line_that_is_too_long_comes_after_those_before_it() -> None:
    lines = Lines(stream(b"a\nb\n" + b"x" * 100, [2, 20, 60]), 10)
    async with asyncio.TaskGroup() as group:
        group.create_task(lines.read())
    assert await lines.take() == [b"a", b"b"]
    with pytest.raises(TooCostly):
        await lines.take()
