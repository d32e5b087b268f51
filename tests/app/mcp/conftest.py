"""A server with a bank's registry, and the official client that asks it by real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from descentd.graph.store.sqlite.store import SQLiteStore
from tests.app.explorer.bank import fill
from tests.app.tokens import new_token
from tests.support.registries import opened, send
from tests.support.server_process import PLAIN, ServerProcess

Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A bank's registry, with a chain of 300 versions of another model, and one whose config is very long."""
    file = tmp_path_factory.mktemp("mcp") / "registry.db"

    async def fill_it() -> None:
        async with opened(SQLiteStore(file)) as registry:
            await fill(registry)
            chain: list[dict[str, Any]] = [
                {"name": "chain", "version": "0", "trainedOn": [{"ref": "dataset:loans@2024#train", "role": "TRAIN"}]}
            ]
            for number in range(1, 300):
                parents = [{"ref": f"model:chain@{number - 1}", "relation": "FINE_TUNE"}]
                chain.append({"name": "chain", "version": str(number), "parents": parents})
            long = {f"key_{number}": "läng" * 10 for number in range(2_000)}
            await send(registry, models=[*chain, {"name": "long", "version": "1", "config": long}])

    asyncio.run(fill_it())
    return f"sqlite:///{file}"


@pytest.fixture(scope="module")
def secrets(store: str) -> dict[str, str]:
    return {
        person: new_token(store, person, role)
        for person, role in {"vera": "viewer", "aud": "auditor", "rex": "registrar"}.items()
    }


@pytest.fixture(scope="module")
def server(store: str, secrets: dict[str, str]) -> Iterator[ServerProcess]:
    assert secrets  # made before, so that the server asks for them from the start
    with ServerProcess(store) as running:
        yield running


@pytest.fixture
def connect(server: ServerProcess, secrets: dict[str, str]) -> Connect:
    """Connects the official client, as vera unless another token is given, in its newest or its oldest way."""

    @asynccontextmanager
    async def connected(token: str | None = secrets["vera"], mode: str = "auto") -> AsyncIterator[Client]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(headers=headers, verify=PLAIN, timeout=300) as http:
            transport = streamable_http_client(f"{server.url}/mcp", http_client=http)
            async with Client(transport, mode=mode) as client:
                yield client

    return connected


async def answer(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """The answer of a tool."""
    result = await client.call_tool(tool, arguments)
    [content] = result.content
    assert content.type == "text"
    assert not result.is_error, content.text
    found: dict[str, Any] = json.loads(content.text)
    return found
