"""Writes that share a transaction share its look-ups too, and come out as if they had been alone."""

import asyncio
from typing import Any

import pytest
from neo4j import AsyncManagedTransaction

from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import DescentError
from descentd.graph.registration.register import Registered, register
from descentd.graph.store.committer import Committer
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.neo4j.store import Neo4jStore
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio


def manifests() -> list[ManifestInput]:
    """Children of one parent, with a repeat, a conflict, a build that is there under another label, and an orphan."""

    def child(version: str, seed: int, parent: str = "model:base@1") -> dict[str, Any]:
        parents = [{"ref": parent, "relation": "FINE_TUNE"}]
        return {"models": [{"name": "m", "version": version, "config": {"seed": seed}, "parents": parents}]}

    given = [child(str(number), number) for number in range(20)]
    given += [
        child("3", 3),
        child("3", 33),
        child("4.1", 4),
        child("21", 21, "model:m@5"),
        child("22", 22, "model:x@1"),
    ]
    suite = {"name": "s", "version": "1"}
    evaluated = {"subject": "model:m@7", "suite": suite, "metrics": [{"name": "acc", "value": 0.5}]}
    given.append({"evaluations": [evaluated]})
    return [ManifestInput.read(one) for one in given]


async def outcomes(committer: Committer) -> list[object]:
    base = ManifestInput.read({"models": [{"name": "base", "version": "1"}]})
    await register(committer, base, "ana")
    found = await asyncio.gather(*(register(committer, one, "ana") for one in manifests()), return_exceptions=True)
    return [
        (one.created, [record.id for record in one.records]) if isinstance(one, Registered) else str(one)
        for one in found
        if isinstance(one, Registered | DescentError)
    ]


async def test_few_statements_for_many_writes(neo4j_empty: Neo4jServer, monkeypatch: pytest.MonkeyPatch) -> None:
    statements: list[str] = []
    run = AsyncManagedTransaction.run

    async def counted(self: AsyncManagedTransaction, query: Any, *args: Any, **kwargs: Any) -> Any:
        statements.append(str(query))
        return await run(self, query, *args, **kwargs)

    store, plain = Neo4jStore(neo4j_empty.uri, neo4j_empty.auth), MemoryStore()
    await store.open()
    await plain.open()
    try:
        monkeypatch.setattr(AsyncManagedTransaction, "run", counted)
        found = await outcomes(Committer(store))
        monkeypatch.undo()
        expected = await outcomes(Committer(plain))
        assert found == expected
        assert len(found) == len(manifests())
        assert len([one for one in found if isinstance(one, str)]) == 3
        # The base alone, the first by itself, then all the others together: not some statements for each.
        assert len(statements) < 30
    finally:
        await store.close()
        await plain.close()
