"""Writing: what is added is durable and whole, in one order, whoever writes."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from descentd.graph.model.errors import DescentError, InvalidInput, VersionConflict
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.records import Record
from descentd.graph.store.base import Proposal, Reads, Store
from descentd.graph.verify import verify
from tests.support.contract.model import Model
from tests.support.contract.reads import filled
from tests.support.histories import Histories, adding

Handles = Callable[[], Store]
"""Makes another handle, not opened yet, on what the fixture `store` keeps things in."""


def code(name: str) -> Record:
    """A record that refers to nothing."""
    return Record.of(Kind.CODE, {"repository": name, "commit": "1"})


def about(subject: Record, text: str) -> Record:
    """A record that refers to another."""
    return Record.of(Kind.NOTE, {"subject": subject.id, "author": "ann", "text": text})


def raising(error: Exception) -> Proposal:
    """A proposal that reads something, and then raises."""

    async def draft(reads: Reads) -> Sequence[Record]:
        await reads.resolve(["model:m@1"])
        raise error

    return Proposal(draft, "eve")


async def records_of(store: Store) -> list[Record]:
    """All records, in log order."""
    return [entry.record for entry in await store.entries(range(1, await store.sequence() + 1))]


class WritesContract:
    """Transactions. A subclass has fixtures `store`, open and empty, and `handles`."""

    async def test_very_many_are_looked_up_at_once(self, store: Store) -> None:
        """However many records are asked for, and however many refer to one: all come, in order."""
        one = code("one")
        model = Model()
        model.records = [one, *(about(one, str(number)) for number in range(1_100))]
        assert await store.write([adding(*model.records)]) == [None]
        every, roles = range(1, len(model.records) + 1), [Role.ABOUT]
        for asked, inward in (([1], True), (every, False), (every[::-1], True)):
            assert await store.links(asked, roles, inward=inward) == model.links(asked, roles, inward=inward)
        assert [entry.record for entry in await store.entries(every)] == model.records
        assert [brief.id for brief in await store.briefs(every[::-1])] == [one.id for one in model.records[::-1]]
        assert await store.resolve([record.id for record in model.records]) == model.resolve(
            {record.id for record in model.records}
        )

    async def test_a_group_is_one_order_and_each_sees_those_before_it(self, store: Store) -> None:
        """Sequences follow each other; a transaction is what one proposal added; the person is its sender."""
        one, two, three = code("one"), code("two"), code("three")
        seen: list[set[str]] = []

        async def draft(reads: Reads) -> Sequence[Record]:
            seen.append(set(await reads.resolve([one.id, two.id, three.id])))
            return [three]

        outcomes = await store.write([adding(one, person="ann"), adding(two, one), Proposal(draft, "bo")])
        assert outcomes == [None, None, None]
        assert seen[-1] == {one.id, two.id}
        entries = await store.entries([1, 2, 3])
        assert [entry.record for entry in entries] == [one, two, three]
        assert [(e.transaction, e.recorded_by) for e in entries] == [(1, "ann"), (2, "tess"), (3, "bo")]
        await store.write([adding(code("four"), code("five"))])
        assert [entry.transaction for entry in await store.entries([4, 5])] == [4, 4]

    async def test_drafts_read_what_the_group_has_added(self, store: Store) -> None:
        """Every look-up of Reads answers over the store and the group as one."""
        groups = list(Histories(21).transactions(40))
        known = [record for records in groups[:20] for record in records]
        await store.write([adding(*records) for records in groups[:20]])
        checked = 0

        def checking(records: Sequence[Record]) -> Proposal:
            async def draft(reads: Reads) -> Sequence[Record]:
                nonlocal checked
                checked += 1
                await same_reads(reads, Model(expected[id(records)]))
                return records

            return Proposal(draft, "tess")

        def distinct(records: Sequence[Record]) -> list[Record]:
            return list({record.id: record for record in records}.values())

        expected = {}
        for records in groups[20:]:
            expected[id(records)] = distinct(known)
            known += records
        assert await store.write([checking(records) for records in groups[20:]]) == [None] * 20
        assert checked >= 20

    async def test_what_is_refused_adds_nothing_and_the_others_stay(self, store: Store) -> None:
        """A DescentError is that proposal's outcome alone."""
        first, second = InvalidInput("no"), VersionConflict("neither", "models[0]")
        outcomes = await store.write([adding(code("a")), raising(first), adding(code("b")), raising(second)])
        assert outcomes == [None, first, None, second]
        assert await records_of(store) == [code("a"), code("b")]
        assert (await verify(store)).problem is None

    async def test_anything_else_undoes_the_whole_transaction(self, store: Store) -> None:
        """Nothing of the group is there afterwards, and the next write works."""
        await store.write([adding(code("before"))])
        head = await store.head()
        with pytest.raises(ZeroDivisionError):
            await store.write([adding(code("a")), raising(ZeroDivisionError()), adding(code("b"))])
        assert await store.head() == head
        assert await store.resolve([code("a").id, code("b").id]) == {}
        assert await store.write([adding(code("b"))]) == [None]
        assert await records_of(store) == [code("before"), code("b")]
        assert (await verify(store)).problem is None

    async def test_a_reference_to_nothing_undoes_the_whole_transaction(self, store: Store) -> None:
        """No edge leads nowhere."""

        async def draft(_: Reads) -> Sequence[Record]:
            return [code("a"), about(code("absent"), "text")]

        with pytest.raises(KeyError):
            await store.write([adding(code("b")), Proposal(draft, "tess")])
        assert await records_of(store) == []
        assert await store.totals() == Model().totals()

    async def test_one_label_is_one_record_whatever_a_draft_says(self, store: Store) -> None:
        """A label or an id that is taken can not be taken once more by a draft that did not look."""
        await store.write([adding(Record.of(Kind.METRIC_DEFINITION, {"name": "m", "unit": "1"}))])

        def blind(*records: Record) -> Proposal:
            async def draft(_: Reads) -> Sequence[Record]:
                return records

            return Proposal(draft, "tess")

        other = Record.of(Kind.METRIC_DEFINITION, {"name": "m", "unit": "2"})
        for wrong in (blind(other), blind(code("a"), code("a")), blind(*await records_of(store))):
            for group in ([wrong], [adding(code("b")), wrong]):
                with pytest.raises(Exception, match=r"(?i)already|unique") as raised:
                    await store.write(group)
                assert not isinstance(raised.value, DescentError)
        assert await store.sequence() == 1
        assert (await verify(store)).problem is None

    async def test_nothing_to_write(self, store: Store) -> None:
        """No proposal, or one that adds nothing, leaves the log as it is."""
        await store.write([adding(code("a"))])
        head = await store.head()
        assert await store.write([]) == []
        assert await store.write([adding(), adding(code("a"))]) == [None, None]
        assert await store.head() == head

    async def test_the_same_in_parallel_is_recorded_once(self, store: Store, handles: Handles) -> None:
        """Writers on two handles, all with the same records: the log has each once and no gap."""
        other = handles()
        await other.open()
        try:
            records = [code(str(n)) for n in range(5)]
            groups = [store.write([adding(*records[n % 5 :], *records[: n % 5])]) for n in range(12)]
            groups += [other.write([adding(*records[n % 5 :], *records[: n % 5])]) for n in range(12)]
            assert await asyncio.gather(*groups) == [[None]] * 24
            assert await store.sequence() == await other.sequence() == 5
            assert {record.id for record in await records_of(other)} == {record.id for record in records}
            assert (await verify(store)).problem is None
        finally:
            await other.close()

    async def test_two_handles_see_each_others_writes(self, store: Store, handles: Handles) -> None:
        """What one has acknowledged, the other answers with, the log's tail included."""
        other = handles()
        await other.open()
        try:
            subject = code("a")
            for n in range(6):
                writer, reader = (store, other) if n % 2 else (other, store)
                await writer.write([adding(subject, about(subject, f"n{n}"))])
                assert await reader.sequence() == n + 2
                assert list(await reader.search([f"n{n}"], None)) == [n + 2]
                assert len((await reader.tail(n + 1)).kinds) == 1
                assert await reader.head() == await writer.head()
        finally:
            await other.close()

    async def test_everything_is_there_after_reopening(self, store: Store, handles: Handles) -> None:
        """Closing and opening again, with this handle or another, loses and changes nothing."""
        model = await filled(store, seed=31, transactions=30)
        head, entries = await store.head(), await store.entries(range(1, len(model.records) + 1))
        await store.close()
        other = handles()
        await other.open()
        assert await other.entries(range(1, len(model.records) + 1)) == entries
        await same_reads(other, model)
        await other.close()
        await store.open()
        assert await store.head() == head
        await store.write([adding(code("after"))])
        assert await store.sequence() == len(model.records) + 1
        assert (await verify(store)).problem is None

    async def test_several_open_what_is_not_there_yet_at_once(self, handles: Handles) -> None:
        """What is missing is created once."""
        others = [handles() for _ in range(3)]
        await asyncio.gather(*(other.open() for other in others))
        outcomes: list[list[DescentError | None]] = await asyncio.gather(
            *(other.write([adding(code(str(n)))]) for n, other in enumerate(others))
        )
        assert outcomes == [[None]] * 3
        for other in others:
            assert await other.sequence() == 3
            await other.close()


async def same_reads(reads: Reads, model: Model) -> None:
    """Assert that every look-up answers as the model does."""
    every = range(1, len(model.records) + 2)
    names = {name for record in model.records for name in (record.id, record.label) if name}
    assert await reads.resolve(names | {"model:nobody@1"}) == model.resolve(names)
    assert await reads.briefs(every) == [model.brief(s) for s in every[:-1]]
    assert [entry.record for entry in await reads.entries(every)] == model.records
    keys = {key for record in model.records for key in record.keys}
    held = model.find_by_keys(keys)
    assert await reads.find_by_keys(keys) == held
    chosen = await reads.any_by_keys(keys)
    assert chosen.keys() == held.keys()
    assert all(chosen[key] in held[key] for key in held)
    roles = {link.role for link in model.all_links()}
    for inward in (True, False):
        assert await reads.links(every, roles, inward=inward) == model.links(every, roles, inward=inward)
