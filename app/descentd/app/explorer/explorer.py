"""The explorer of a server: every page answered, with who visits, what they may, how long it takes and what went wrong.

Pages ask the questions themselves, as the resolvers of GraphQL do, with the same authorization and under the same
limits; none asks this server over HTTP.
"""

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from descentd.app.auth.access_control import AccessControl
from descentd.app.auth.authorization import may
from descentd.app.explorer.address import without
from descentd.app.explorer.catalogue import MENU, PAGES
from descentd.app.explorer.endpoint import Endpoint
from descentd.app.explorer.forms import FormRefused, FormTokens
from descentd.app.explorer.near import instead, near, search_address, unknown_name
from descentd.app.explorer.page import NAMED, Act, Asked, Page, Sent, View
from descentd.app.explorer.pages import graphql
from descentd.app.explorer.pages.choose import choose
from descentd.app.explorer.receipts import Receipts
from descentd.app.explorer.rendering import Rendering
from descentd.app.explorer.sending import respond
from descentd.app.explorer.sessions import Sessions
from descentd.app.explorer.static import PATH as STATIC
from descentd.app.explorer.visitors import Visitor, Visitors
from descentd.app.graphql.http import EVENTS, JSON
from descentd.app.graphql.limits import Shares
from descentd.app.http.errors import STATUS, problems
from descentd.app.http.negotiation import accepted
from descentd.app.server.lifespan import Lifespan
from descentd.app.server.settings import Settings
from descentd.graph.model import clock
from descentd.graph.model.errors import (
    DescentError,
    TooCostly,
    Unavailable,
)
from descentd.queries.registry import Registry

_SHARE: Final = 8
"""Pages of one person of which the questions are asked at a time in a process; further ones wait."""
_HTML: Final = "text/html"
_AGAIN: Final = 3
"""Seconds after which a page that the store was away for is loaded again."""


class Explorer:
    """All pages. `routes` are theirs, and those of the files that they load."""

    def __init__(self, settings: Settings, lifespan: Lifespan, access_control: AccessControl) -> None:
        """Raises InvalidInput where the session key cannot be read."""
        key = settings.session_secret() or secrets.token_bytes(32)
        self.rendering = Rendering.of()
        self.static = self.rendering.static
        self.words = self.rendering.words
        self.tokens = FormTokens(key)
        self.sessions = Sessions(key, settings.session_lasts, secure=settings.https)
        self.receipts = Receipts(self.sessions)
        self.visitors = Visitors(self.sessions, access_control)
        self.access_control = access_control
        self._public_url = (settings.public_url or "").rstrip("/")
        self._lifespan = lifespan
        self._timeout = settings.request_timeout
        self._shares = Shares(_SHARE)
        self._compiling: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Compile the templates beside whatever else the server does."""
        self._compiling = asyncio.create_task(asyncio.to_thread(self.rendering.compile))

    async def stop(self) -> None:
        """Wait for that."""
        if self._compiling is not None:
            await self._compiling

    @property
    def registry(self) -> Registry:
        """The registry; raises Unavailable while it is not open."""
        return self._lifespan.registry

    @property
    def routes(self) -> list[Route]:
        """The routes of all pages, and of their files."""
        pages = [page for page in PAGES if page is not graphql.PAGE]
        routes = (Route(route, Endpoint(self, page)) for page in pages for route in page.routes)
        return [Route(STATIC, self.static.answer), *routes]

    def beside(self, api: ASGIApp, path: str) -> ASGIApp:
        """What answers at the address of the API: the page of that address for browsers that are led to it."""
        [page] = [Endpoint(self, page) for page in PAGES if page.path == path]

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            headers = Headers(scope=scope)
            by_browser = scope["method"] in {"GET", "HEAD"} and accepted(headers, (JSON, EVENTS, _HTML)) == _HTML
            await (page if by_browser else api)(scope, receive, send)

        return answer

    def absolute(self, request: Request, path: str) -> str:
        """The whole address of a path, as browsers reach it."""
        return (self._public_url or f"{request.url.scheme}://{request.headers['host']}") + path

    async def view(self, page: Page, asked: Asked) -> View | Response:
        """What a page shows, within the limits; raises TooCostly where it takes too long, and what the page raises."""
        async with self._shares.of(asked.principal.person):
            try:
                async with asyncio.timeout(self._timeout):
                    chosen = asked.ref or not page.of_record
                    return await (page.show(asked) if chosen else choose(asked, page))
            except TimeoutError:
                raise TooCostly(
                    f"The page took longer than {self._timeout:g} seconds: narrow what it is about, or ask for less."
                ) from None

    async def act(self, act: Act, asked: Asked, fields: Mapping[str, str]) -> str:
        """Do what a form asks for, and return the address that shows it; raises what the act raises."""
        async with self._shares.of(asked.principal.person):
            return await act.do(asked, fields)

    def page(
        self, request: Request, visitor: Visitor | None, template: str, status: int, values: Mapping[str, Any]
    ) -> Response:
        """A page as it is sent."""
        body = "".join(self.texts(request, visitor, template, values)).encode()
        return respond(request, body, "text/html; charset=utf-8", status)

    def texts(
        self, request: Request, visitor: Visitor | None, template: str, values: Mapping[str, Any]
    ) -> Iterator[str]:
        """A page part by part, with what all of them show."""
        roles = visitor.principal.roles if visitor else frozenset()
        common = {
            "visitor": visitor,
            "me": visitor.principal if visitor else None,
            "may": partial(may, held=roles),
            "token": lambda: self.tokens.new(visitor.session if visitor else ""),
            "menu": MENU,
            "here": "",
            "asked": None,
            "done": self.receipts.of(request, visitor.session if visitor else ""),
            "again": None,
            "slider": None,
            "sent": None,
            "search": request.query_params.get("q", ""),
            "answered": clock.now(),
            "origin": self._public_url or str(request.base_url).rstrip("/"),
        }
        return self.rendering.texts(template, {**common, **values})

    async def problem(
        self,
        request: Request,
        visitor: Visitor | None,
        error: DescentError,
        status: int = 0,
        page: Page | None = None,
        sent: Sent | None = None,
    ) -> Response:
        """The page that says what went wrong, on which page where it was one, and with which form; raises nothing."""
        wanted = unknown_name(error, request.path_params.get("ref", "")) if visitor is not None else ""
        values: dict[str, Any] = {
            "problems": problems(error),
            "code": error.titled if isinstance(error, FormRefused) else error.code.value.lower(),
            "sent": sent,
            "here_again": without(request),
            "suggested": (),
            "search_for": search_address(request, page, wanted),
            "wanted": wanted,
            "without": without(request, error.field) if error.field in request.query_params else None,
            "again": _AGAIN if isinstance(error, Unavailable) and sent is None else None,
        }
        if visitor is not None and wanted:
            async with self._shares.of(visitor.principal.person):
                found = await near(self.registry, wanted, self._timeout, page.kinds if page else NAMED)
            values["suggested"] = [(one, instead(request, page, wanted, one.ref)) for one in found]
        return self.page(request, visitor, "error.html", status or STATUS[error.code], values)
