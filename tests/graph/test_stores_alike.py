"""One history of manifests, told to every store: the same is accepted, refused and kept."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given, settings

from descentd.graph.model.errors import DescentError, Invalid
from descentd.graph.store.base import Store
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.graph.verify import verify
from tests.graph.samples import send
from tests.support.contract.model import Model
from tests.support.contract.tails import same_tail
from tests.support.contract.writes import records_of, same_reads
from tests.support.effort import some_of
from tests.support.manifests import HISTORIES, Manifest
from tests.support.neo4j_server import Neo4jServer

CONFLICT: list[Manifest] = [
    {"datasets": [{"name": "a", "version": "1", "description": text}]} for text in ("This.", "That.")
]
"""One label, two contents: chance alone seldom comes to that."""


async def told(store: Store, history: Sequence[Manifest]) -> list[Any]:
    """What came of each manifest, and then what is kept, but for when."""
    await store.open()
    try:
        outcomes: list[Any] = []
        for manifest in history:
            try:
                done = await send(store, manifest)
                outcomes.append(([record.id for record in done.records], sorted(done.created)))
            except DescentError as error:
                problems = error.problems if isinstance(error, Invalid) else [error]
                outcomes.append([(problem.code, problem.field, problem.message) for problem in problems])
        model = Model(await records_of(store))
        await same_reads(store, model)
        same_tail(await store.tail(0), model.tail(0))
        assert await store.totals() == model.totals()
        assert (await verify(store)).problem is None
        entries = await store.entries(range(1, len(model.records) + 1))
        kept = [(entry.sequence, entry.transaction, entry.record.id, entry.recorded_by) for entry in entries]
        return [outcomes, kept]
    finally:
        await store.close()


def test_memory_and_sqlite() -> None:
    seen = Counter[str]()

    @given(HISTORIES)
    @example(CONFLICT)
    @settings(max_examples=some_of(400))
    def alike(history: list[Manifest]) -> None:
        with TemporaryDirectory() as folder:
            expected = asyncio.run(told(MemoryStore(), history))
            assert asyncio.run(told(SQLiteStore(Path(folder) / "registry.db"), history)) == expected
        for outcome in expected[0]:
            seen.update(["accepted"] if isinstance(outcome, tuple) else {code for code, *_ in outcome})

    alike()
    assert seen["accepted"] > 30
    assert {"UNKNOWN_REFERENCE", "VERSION_CONFLICT", "INVALID_INPUT"} <= seen.keys(), seen


def test_memory_and_neo4j(neo4j_empty: Neo4jServer) -> None:
    @given(HISTORIES)
    @settings(max_examples=some_of(8))
    def alike(history: list[Manifest]) -> None:
        neo4j_empty.clear()
        expected = asyncio.run(told(MemoryStore(), history))
        assert asyncio.run(told(Neo4jStore(neo4j_empty.uri, neo4j_empty.auth), history)) == expected

    alike()
