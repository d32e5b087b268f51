"""The log as others follow it: tails for the influence graph, moments, and what is audited."""

import pytest

from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Head
from descentd.graph.model.merkle import merkle_root
from descentd.graph.model.reach import Tail
from descentd.graph.model.records import Record
from descentd.graph.store.base import Store
from tests.support.contract.model import Model
from tests.support.contract.reads import filled
from tests.support.histories import adding


def same_tail(some: Tail, other: Tail) -> None:
    """Assert that two tails say the same; edges of one record may come in any order."""
    assert some.after == other.after
    assert some.kinds.tolist() == other.kinds.tolist()
    assert some.sources.tolist() == other.sources.tolist()
    assert _edges(some) == _edges(other)
    assert some.twins.tolist() == other.twins.tolist()
    assert some.twins.shape[1:] == (2,)
    assert list(some.populations) == list(other.populations)
    assert list(some.disclosures) == list(other.disclosures)
    assert some.retractions.tolist() == other.retractions.tolist()
    assert some.trained.tolist() == other.trained.tolist()
    for part in ("retractions", "trained", "kinds", "sources", "roles", "targets", "learns", "twins"):
        assert getattr(some, part).dtype == getattr(other, part).dtype, part


def _edges(tail: Tail) -> list[tuple[int, ...]]:
    return sorted(zip(*(part.tolist() for part in (tail.sources, tail.roles, tail.targets, tail.learns)), strict=True))


class TailsContract:
    """Following the log. A subclass has a fixture `store`, open and empty."""

    async def test_leaf_hashes_are_those_of_the_entries(self, store: Store) -> None:
        """In log order, any span of them."""
        model = await filled(store)
        size = len(model.records)
        entries = await store.entries(range(1, size + 1))
        for after, limit in ((0, size), (0, 1), (5, 7), (size - 1, 9), (size, 1)):
            assert await store.hashes(after, limit) == [entry.hash for entry in entries[after : after + limit]]

    async def test_a_tail_of_nothing(self, store: Store) -> None:
        """There is one, and it is empty."""
        same_tail(await store.tail(0), Model().tail(0))

    async def test_short_tails_after_any_sequence(self, store: Store) -> None:
        """Record by record: edges with what they teach, twins with the earliest of them, population statements."""
        model = await filled(store, seed=16, transactions=40, disclosing=True)
        last = len(model.records)
        assert len(model.tail(0).twins) > 1
        assert len(model.tail(0).populations) > 3
        assert len(model.tail(0).disclosures) > 1
        for after in {*range(0, last, 5), last - 1, last}:
            same_tail(await store.tail(after), model.tail(after))
        assert not len((await store.tail(last)).kinds)

    async def test_long_tails(self, store: Store) -> None:
        """What is read in bulk is the same as what is read record by record."""
        model = await filled(store, seed=12, transactions=1100, together=275, disclosing=True)
        last = len(model.records)
        assert last > 1200
        for after in (0, 7, last - 1001, last - 1000, last - 999):
            same_tail(await store.tail(after), model.tail(after))

    async def test_a_long_tail_without_any_edge(self, store: Store) -> None:
        """Nothing but records."""
        records = [Record.of(Kind.CODE, {"repository": str(n), "commit": "1"}) for n in range(1100)]
        await store.write([adding(*records)])
        same_tail(await store.tail(0), Model(records).tail(0))

    async def test_the_head_is_the_root_of_all_entries(self, store: Store) -> None:
        """Hashes, totals and what is audited follow from the records."""
        assert await store.head() == Head()
        model = await filled(store)
        head, last = await store.head(), len(model.records)
        entries = await store.entries(range(1, last + 1))
        assert head.sequence == await store.sequence() == head.frontier.size == last
        assert head.frontier.root() == merkle_root([entry.hash for entry in entries])
        assert head.recorded_at == entries[-1].recorded_at
        assert await store.totals() == model.totals()
        for after, limit in ((0, last), (0, 1), (5, 7), (last - 1, 10), (last, 10)):
            kept = await store.audit(after, limit)
            assert [stored.entry for stored in kept] == entries[after : after + limit]
            for stored in kept:
                record = model.records[stored.entry.sequence - 1]
                assert (stored.id, stored.label, stored.keys, stored.words) == (
                    record.id,
                    record.label,
                    record.keys,
                    record.words,
                )
                assert sorted(stored.edges, key=str) == sorted(record.edges, key=str)
                assert (stored.hash, stored.fault) == (stored.entry.hash, None)

    @pytest.mark.parametrize("transactions", [1, 100])
    async def test_the_sequence_at_a_moment(self, store: Store, transactions: int) -> None:
        """The newest that was recorded by then, that microsecond included."""
        for number in range(transactions):
            await store.write(
                [adding(*(Record.of(Kind.CODE, {"repository": str(number), "commit": str(n)}) for n in range(3)))]
            )
        entries = await store.entries(range(1, transactions * 3 + 1))
        moments = [entry.recorded_at for entry in entries]
        assert moments == sorted(moments)
        wanted = {moments[0] - 1, moments[-1] + 1, 0, 2**60, -1}
        wanted |= {moment + shift for moment in moments[:: max(1, len(moments) // 8)] for shift in (-1, 0, 1)}
        for moment in wanted:
            assert await store.sequence_at(moment) == sum(1 for at in moments if at <= moment)
