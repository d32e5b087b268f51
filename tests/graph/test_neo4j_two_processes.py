"""What two processes see of one registry in Neo4j, of which each keeps what it has looked up while the other writes.

Whoever knows of a sequence misses nothing up to it. The oracle is a memory store with the same log.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from descentd.graph.model.kinds import Role
from descentd.graph.model.records import Record
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.verify import verify
from tests.graph.kept_reads import (
    FEW,
    FIRST,
    LOOK_UPS,
    Question,
    any_by_keys,
    by_keys,
    child,
    links,
    located,
    oracle_of,
    resolve,
)
from tests.support.histories import Histories, adding

pytestmark = pytest.mark.anyio

Stores = tuple[Neo4jStore, Neo4jStore]


_WALKED = frozenset({Role.DERIVED_FROM, Role.TRAINED_ON, Role.INCLUDES, Role.DESCRIBES, Role.ABOUT, Role.SAME_DATA})


def drawn(rng: random.Random, records: list[Record]) -> Question:
    """A question about some of the records, whether they are there yet or not."""
    some = rng.sample(records, 3)
    ends = [rng.randint(1, len(records)) for _ in range(3)]
    keys = [key for record in some for key in record.keys]
    questions = [
        by_keys(*keys),
        any_by_keys(*keys),
        links(*ends, roles=_WALKED, inward=True),
        links(*ends, roles=_WALKED, inward=False),
        resolve(*(record.label or record.id for record in some)),
        located(*ends),
    ]
    return rng.choice(questions)


@pytest.mark.parametrize("seed", range(2))
async def test_what_is_read_while_others_write_is_all_there_was(stores: Stores, seed: int) -> None:
    rng = random.Random(seed)
    transactions = list(Histories(seed, digests=4, disclosing=True).transactions(20))
    records = list({record.id: record for records in transactions for record in records}.values())
    asked: list[tuple[Question, int, Any]] = []
    writing = True

    async def read(store: Neo4jStore) -> None:
        while writing:
            upto, question = await store.sequence(), drawn(rng, records)
            asked.append((question, upto, await question(store, upto)))

    async def write() -> None:
        nonlocal writing
        try:
            for transaction in transactions:
                assert await rng.choice(stores).write([adding(*transaction)]) == [None]
                await asyncio.sleep(0)
        finally:
            writing = False

    await asyncio.gather(write(), *(read(store) for store in stores))
    oracle = await oracle_of(stores[0])
    assert await oracle.sequence() == len(records)
    for question, upto, answer in asked:
        assert answer == await question(oracle, upto)
    assert len(asked) > len(transactions)
    assert (await verify(stores[1])).problem is None


async def last_found(store: Neo4jStore) -> int:
    return int((await store.search(["n"], None))[-1])


async def last_named(store: Neo4jStore) -> int:
    return max(brief.sequence for brief in (await store.resolve([child(number).id for number in FEW])).values())


async def last_placed(store: Neo4jStore) -> int:
    return (await store.entries(FEW))[-1].sequence


async def last_looked_up(store: Neo4jStore) -> int:
    return (await store.look_up("model:m@1"))[0]


async def last_of_head(store: Neo4jStore) -> int:
    return (await store.head()).sequence


async def last_of_time(store: Neo4jStore) -> int:
    return await store.sequence_at(1 << 52)


async def last_of_prefix(store: Neo4jStore) -> int:
    return int((await store.find_by_prefix("model:"))[-1])


async def last_of_tail(store: Neo4jStore) -> int:
    return len((await store.tail(0)).kinds)


async def last_of_verify(store: Neo4jStore) -> int:
    return (await verify(store)).records


NOTICING: list[Callable[[Neo4jStore], Awaitable[int]]] = [
    Neo4jStore.sequence,
    last_looked_up,
    last_of_head,
    last_of_time,
    last_of_prefix,
    last_found,
    last_named,
    last_placed,
    last_of_tail,
    last_of_verify,
]


@pytest.mark.parametrize("asked_for", LOOK_UPS)
async def test_whoever_knows_of_a_sequence_misses_nothing_up_to_it(stores: Stores, asked_for: str) -> None:
    (ours, theirs), ask, oracle = stores, LOOK_UPS[asked_for], MemoryStore()
    await oracle.open()

    async def write(store: Neo4jStore, record: Record) -> None:
        assert await store.write([adding(record)]) == await oracle.write([adding(record)]) == [None]

    await write(ours, FIRST)
    for number, notice in enumerate(NOTICING, 1):
        before = await ours.sequence()
        kept = await ask(ours, before)
        assert kept == await ask(oracle, before)
        await write(theirs, child(number))
        assert await ask(ours, before) == kept
        assert await notice(ours) == before + 1
        assert await ask(ours, before + 1) == await ask(oracle, before + 1)
        if number % 3 == 0:
            await write(ours, child(-number))
            assert await ask(ours, before + 2) == await ask(oracle, before + 2)
