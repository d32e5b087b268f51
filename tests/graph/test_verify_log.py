"""The rules of the log are verified whatever the hashes say, also while it grows."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from descentd.graph.model.log import Head
from descentd.graph.store.base import Stored, Totals
from descentd.graph.store.memory import MemoryStore
from descentd.graph.verify import Report, verify
from tests.graph.samples import adding, note

pytestmark = pytest.mark.anyio


class Forged(MemoryStore):
    """A store whose owner rewrote everything, root included, and kept to no rule of the log."""

    async def forge(self, changes: Mapping[int, Callable[[Stored], Stored]]) -> None:
        kept = await MemoryStore.audit(self, 0, 1000)
        self.kept = [changes[n](stored) if n in changes else stored for n, stored in enumerate(kept, 1)]
        frontier = Head().frontier.append(stored.entry.hash for stored in self.kept)
        self.kept_head = Head(len(kept), self.kept[-1].entry.recorded_at, frontier)

    async def head(self) -> Head:
        return self.kept_head

    async def audit(self, after: int, limit: int) -> list[Stored]:
        return [stored for stored in self.kept if stored.entry.sequence > after][:limit]


def entry(**changes: Any) -> Callable[[Stored], Stored]:
    def change(stored: Stored) -> Stored:
        other = replace(stored.entry, **changes)
        return replace(stored, entry=other, hash=other.hash)

    return change


@pytest.fixture
async def forged() -> Forged:
    store = Forged()
    for number in range(3):
        await store.write([adding(note(f"{number}a"), note(f"{number}b"))])
    return store


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({4: entry(transaction=1)}, "the transaction 1, but should have 3 or 4"),
        ({4: entry(transaction=2)}, "the transaction 2, but should have 3 or 4"),
        ({4: entry(transaction=5)}, "the transaction 5"),
        ({1: entry(transaction=0)}, "the transaction 0, but should have 1"),
        ({3: entry(recorded_at=5)}, "the recordedAt 5, but should have at least"),
        ({6: entry(recorded_at=2**60)}, "as in all of its transaction"),
        ({3: entry(sequence=4)}, "Record 3 is missing: the next one is 4."),
        ({3: lambda stored: replace(stored, fault="it is made of cheese")}, "(sha256:"),
    ],
)
async def test_the_rules_of_the_log_hold_whatever_the_hashes_say(
    forged: Forged, changes: dict[int, Callable[[Stored], Stored]], expected: str | None
) -> None:
    await forged.forge(changes)
    problem = (await verify(forged)).problem
    assert (problem is None) if expected is None else (expected in str(problem))


async def test_an_id_leads_to_its_record() -> None:
    class Misleading(MemoryStore):
        async def resolve(self, names: Any) -> Any:
            found = await super().resolve(names)
            return {name: replace(brief, sequence=1) for name, brief in found.items()}

    store = Misleading()
    await store.write([adding(note("one"), note("two"))])
    assert "leads to record 1, and not to this record" in str((await verify(store)).problem)


async def test_what_is_written_meanwhile_is_verified_too() -> None:
    class Busy(MemoryStore):
        async def totals(self) -> Totals:
            if self._head.sequence < 5:
                await self.write([adding(note(f"n{self._head.sequence}"))])
            return await super().totals()

    store = Busy()
    await store.write([adding(note("first"))])
    seen: list[tuple[int, int]] = []
    report = await verify(store, lambda done, of: seen.append((done, of)))
    assert report == Report(5, (await store.head()).frontier.root().hex(), None)
    assert seen == [(number, number) for number in range(1, 6)]


async def test_an_empty_registry_is_right() -> None:
    report = await verify(MemoryStore())
    assert report == Report(0, Head().frontier.root().hex(), None)


async def test_long_logs_are_verified_chunk_by_chunk() -> None:
    store = MemoryStore()
    await store.write([adding(*(note(str(number)) for number in range(2500)))])
    seen: list[int] = []
    report = await verify(store, lambda done, _: seen.append(done))
    assert (report.records, report.problem) == (2500, None)
    assert seen == [1000, 2000, 2500]
    assert report.root == (await store.head()).frontier.root().hex()
