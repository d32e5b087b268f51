"""Visiting pages in process, as a browser does: with its cookies, its forms and their tokens."""

import contextlib
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import httpx2

from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.registration.register import register
from descentd.queries.registry import Registry

HOST = "http://localhost"
ABOUT_RECORDS = ("record", "lineage", "impact", "trend", "diff", "gate")
"""The views that are about a record, which their address names."""


class Visit:
    """A browser at a server in this process; `registry` is what the server serves."""

    def __init__(self, client: httpx2.AsyncClient, registry: Registry) -> None:
        self.client = client
        self.registry = registry

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.client.get(path, headers=headers)

    async def send(self, path: str, act: str, at: str | None = None, **fields: str) -> httpx2.Response:
        """Fill in the form of an act on a page, and send it; `at` is where it is sent, the page unless given."""
        token = token_of((await self.get(path)).text, act)
        return await self.post(at or path, act=act, token=token, **fields)

    async def post(self, path: str, **fields: str) -> httpx2.Response:
        return await self.client.post(path, data=fields, headers={"Origin": HOST})

    async def register(self, person: str = "ana", **sections: Any) -> None:
        await register(self.registry.committer, ManifestInput.read(sections), person)


@contextlib.asynccontextmanager
async def visiting(**settings: Any) -> AsyncIterator[Visit]:
    """A server over a store in memory, unless another is named, with a browser that follows no redirect."""
    app = create(Settings(**{"store": "memory:", **settings}))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx2.AsyncClient(transport=transport, base_url=HOST) as client:
            yield Visit(client, app.state.registry())


def token_of(page: str, act: str) -> str:
    """The token in the form of an act."""
    found = re.search(rf'name="act" value="{act}"><input type="hidden" name="token" value="([^"]+)"', page)
    assert found, f"the page has no form for {act}"
    return found[1]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def tags(page: str, *names: str) -> list[tuple[str, dict[str, str | None]]]:
    """The elements of a page with one of these names, all unless named, with their attributes."""
    reader = _Reader()
    reader.feed(page)
    return [(tag, attributes) for tag, attributes in reader.tags if not names or tag in names]


def links(page: str) -> list[str]:
    """Where a page leads."""
    return [str(a["href"]) for _, a in tags(page, "a")]


def text_of(page: str) -> str:
    """What a page says, with single spaces."""
    reader = _Reader()
    reader.feed(page)
    return " ".join(" ".join(reader.texts).split())
