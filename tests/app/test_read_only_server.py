"""A server whose registry may only be read answers questions, and says why it records nothing."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from descentd.graph.store.sqlite import store as sqlite
from descentd.graph.store.sqlite.store import SQLiteStore
from tests.graph.samples import registry, send

pytestmark = pytest.mark.anyio

POLICY = """
environment: production
quorum: 1
rules:
  - name: accurate
    expression: metrics["accuracy"].all(m, m.value >= 0.8)
    message: Accuracy must be at least 0.8.
"""
REGISTER = "mutation ($m: ManifestInput!) { register(manifest: $m) { created } }"


@pytest.fixture
async def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of a registry in a file that may only be read, with a policy that is not in force."""
    file = tmp_path / "registry.db"
    store = SQLiteStore(file)
    await store.open()
    await send(store, registry())
    await store.close()
    # `tests.graph.test_read_only` takes the right away for good; here the rest of the process needs it.
    monkeypatch.setattr(sqlite, "may_write", lambda path: path != file)
    return Settings(store=f"sqlite:///{file}")


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
            found = await ask('{ entity(ref: "model:credit-risk@4.1") { ref } }')
            assert found["data"]["entity"] == {"ref": "model:credit-risk@4.1"}
            again = await ask(REGISTER, m={"models": [{"name": "new", "version": "1", "config": {"a": 1}}]})
            [error] = again["errors"]
            assert error["extensions"]["code"] == "UNAVAILABLE"
            assert "may only be read here: nothing is recorded until Descent may write to it" in error["message"]


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
