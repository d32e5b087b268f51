"""Manifests and deliveries that people are known to send to a server: the cases of `test_cases` that need one."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from tests.app.conftest import found

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def served() -> AsyncIterator[httpx2.AsyncClient]:
    app = create(Settings(store="memory:"))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client


def message(file: Path) -> Any:
    return json.loads(file.read_text("utf-8").partition("```json")[2].partition("```")[0])


INCIDENTS = "{ incidents { edges { node { title status labels } } } }"


async def incidents(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
    answer = (await client.post("/graphql", json={"query": INCIDENTS})).json()
    return [edge["node"] for edge in answer["data"]["incidents"]["edges"]]


async def test_14_firing_that_comes_after_resolved(cases: Path) -> None:
    """One alert is one incident, and over; with another start it is another."""
    body = message(found(cases, "14"))
    [alert] = body["alerts"]
    async with served() as client:
        for status, ends in (("firing", alert["endsAt"]), ("resolved", "2026-06-01T00:00:00Z"), ("firing", None)):
            sent = body | {"status": status, "alerts": [alert | {"status": status, "endsAt": ends or alert["endsAt"]}]}
            assert (await client.post("/webhooks/alertmanager", json=sent)).status_code == 200
        assert [one["status"] for one in await incidents(client)] == ["RESOLVED"]
        anew = body | {"alerts": [alert | {"startsAt": "2026-06-02T00:00:00Z"}]}
        assert (await client.post("/webhooks/alertmanager", json=anew)).status_code == 200
        assert sorted(one["status"] for one in await incidents(client)) == ["OPEN", "RESOLVED"]


async def test_15_an_artifact_without_a_digest(cases: Path) -> None:
    body = message(found(cases, "15"))
    async with served() as client:
        assert (await client.post("/webhooks/cloudevents", json=body)).status_code == 200
        [incident] = await incidents(client)
    assert body["data"]["subject"]["content"]["artifactId"] in incident["title"]
