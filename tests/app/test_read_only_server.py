"""A server whose registry may only be read answers questions, and says why it records nothing."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from descentd.graph.store.base import Store
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.sqlite import store as sqlite
from descentd.graph.store.sqlite.store import SQLiteStore
from tests.graph.samples import registry, send
from tests.support.neo4j_java import JavaNeo4j

pytestmark = pytest.mark.anyio

POLICY = """
environment: production
quorum: 1
rules:
  - name: accurate
    expression: metrics["accuracy"].all(m, m.value >= 0.8)
    message: Accuracy must be at least 0.8.
"""
NDJSON = "application/x-ndjson"
READ = """{
  entity(ref: "model:credit-risk@4.1") { ref }
  impact(of: ["dataset:loans@2024-12#train"]) { affected(first: 1) { totalCount } }
  search(text: "credit") { totalCount }
}"""
FLAG = """mutation {
  flag(input: { subjects: ["model:credit-risk@4.1"], action: QUARANTINE, reason: "Leaks." }) { record { id } }
}"""
END = """mutation {
  endDeployment(input: { environment: "production", endpoint: "/score", reason: "Over." }) { id }
}"""
REGISTER = "mutation ($m: ManifestInput!) { register(manifest: $m) { created } }"


@pytest.fixture(params=["sqlite", "neo4j"])
async def settings(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Settings]:
    """Of a registry that may only be read, with a policy that is not in force."""
    if request.param == "neo4j":
        server = request.getfixturevalue("neo4j_empty")
        if not isinstance(server, JavaNeo4j):
            pytest.skip("the Neo4j of this session cannot be told that it may only be read")
        await fill(Neo4jStore(server.uri, server.auth))
        with server.read_only():
            yield Settings(store=server.uri, folder=tmp_path)
        return
    file = tmp_path / "registry.db"
    await fill(SQLiteStore(file))
    # `tests.graph.test_read_only` takes the right away for good; here the rest of the process needs it.
    monkeypatch.setattr(sqlite, "may_write", lambda path: path != file)
    yield Settings(store=f"sqlite:///{file}")


async def fill(store: Store) -> None:
    await store.open()
    await send(store, registry())
    await store.close()


async def test_it_is_ready_to_read_and_says_that_it_records_nothing(settings: Settings) -> None:
    app = create(settings)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:

            async def ask(query: str, **variables: Any) -> Any:
                return (await client.post("/graphql", json={"query": query, "variables": variables})).json()

            ready = await client.get("/readyz")
            assert ready.status_code == 200
            assert ready.json() == {"ready": True, "sequence": ready.json()["sequence"], "readOnly": True}
            assert ready.json()["sequence"] > 10
            found = await ask(READ)
            assert found["data"]["entity"] == {"ref": "model:credit-risk@4.1"}
            assert found["data"]["impact"]["affected"]["totalCount"] > 1
            assert found["data"]["search"]["totalCount"] > 1
            given = {"models": [{"name": "new", "version": "1", "config": {"a": 1}}]}
            for write in (ask(REGISTER, m=given), ask(FLAG), ask(END)):
                [error] = (await write)["errors"]
                assert error["extensions"]["code"] == "UNAVAILABLE"
                assert error["message"].endswith(
                    "may only be read here: nothing is recorded until Descent may write to it."
                )
            bulk = await client.post("/records", content=json.dumps(given) + "\n", headers={"content-type": NDJSON})
            assert "may only be read here" in bulk.text
            alert = {"title": "Drift", "severity": "HIGH", "environment": "production", "endpoint": "/score"}
            assert (await client.post("/webhooks/alerts", json=alert)).status_code in (401, 503)
            assert (await client.get("/readyz")).json() == ready.json()


async def test_a_policy_that_cannot_come_into_force_does_not_keep_it_from_being_read(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "p.yaml").write_text(POLICY)
    app = create(settings.model_copy(update={"policies": folder}))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            assert (await client.get("/readyz")).json()["readOnly"]
    written = capsys.readouterr()
    assert "may only be read here" in written.out + written.err
