"""The explorer of a server: every page answered, with who visits, what they may, how long it takes and what went wrong.

Pages ask the questions themselves, as the resolvers of GraphQL do, with the same authorization and under the same
limits; none asks this server over HTTP.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from descentd.app.auth.access_control import AccessControl
from descentd.app.auth.authorization import check_fields, check_page, may
from descentd.app.explorer.address import address, path_of, without
from descentd.app.explorer.catalogue import MENU, PAGES
from descentd.app.explorer.forms import LARGEST_ACT, TOKEN, FormTokens, check_lengths, read_form
from descentd.app.explorer.near import instead, near, search_address, unknown_name
from descentd.app.explorer.page import NAMED, Act, Asked, Page, Sent, View
from descentd.app.explorer.pages import graphql
from descentd.app.explorer.pages.choose import choose
from descentd.app.explorer.past import Moments, moment_of_entry, registered_later, shown_as_of
from descentd.app.explorer.rendering import HEADERS, Rendering
from descentd.app.explorer.sending import PageInPieces, respond
from descentd.app.explorer.sessions import Sessions
from descentd.app.explorer.static import PATH as STATIC
from descentd.app.explorer.table_as_csv import as_csv
from descentd.app.explorer.visitors import SignInRequired, Visitor, Visitors
from descentd.app.graphql.http import EVENTS, JSON
from descentd.app.graphql.limits import Shares
from descentd.app.http.errors import STATUS, Refusal, fault, problems, shaped
from descentd.app.http.negotiation import accepted
from descentd.app.server.lifespan import Lifespan
from descentd.app.server.settings import Settings
from descentd.graph.model import clock
from descentd.graph.model.errors import (
    DescentError,
    Internal,
    InvalidInput,
    NotFound,
    TooCostly,
    Unauthenticated,
    Unavailable,
)
from descentd.graph.turns import in_thread
from descentd.queries.registry import Registry, moment_of

_SHARE: Final = 8
"""Pages of one person of which the questions are asked at a time in a process; further ones wait."""
_HTML: Final = "text/html"
_ENTRY: Final = "entry"
"""The parameter by which a slider asks for the moment of an entry of the log."""
_PATIENCE: Final = 10.0
"""Seconds that a page waits for the store's first answer, which usually takes milliseconds."""
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
        routes = (Route(route, _Endpoint(self, page)) for page in pages for route in page.routes)
        return [Route(STATIC, self.static.answer), *routes]

    def beside(self, api: ASGIApp, path: str) -> ASGIApp:
        """What answers at the address of the API: the page of that address for browsers that are led to it."""
        [page] = [_Endpoint(self, page) for page in PAGES if page.path == path]

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
            "done": request.query_params.get("done", ""),
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
    ) -> Response:
        """The page that says what went wrong, on which page where it was one; raises nothing."""
        wanted = unknown_name(error, request.path_params.get("ref", "")) if visitor is not None else ""
        values: dict[str, Any] = {
            "problems": problems(error),
            "code": error.code.value.lower(),
            "suggested": (),
            "search_for": search_address(request, page, wanted),
            "wanted": wanted,
            "without": without(request, error.field) if error.field in request.query_params else None,
            "again": _AGAIN if isinstance(error, Unavailable) else None,
        }
        if visitor is not None and wanted:
            async with self._shares.of(visitor.principal.person):
                found = await near(self.registry, wanted, self._timeout, page.kinds if page else NAMED)
            values["suggested"] = [(one, instead(request, page, wanted, one.ref)) for one in found]
        return self.page(request, visitor, "error.html", status or STATUS[error.code], values)


class _Endpoint:
    """The ASGI application of one page."""

    def __init__(self, explorer: Explorer, page: Page) -> None:
        self._explorer = explorer
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        request = Request(scope, receive)
        scope["descent.route"] = self._page.path
        visitor: Visitor | None = None
        try:
            async with _answered():
                visitor = await self._explorer.visitors.of(request, self._page.path)
            response = await self._answer(request, visitor)
        except ClientDisconnect:
            return
        except SignInRequired as required:
            response = self._sign_in(request, required)
        except Refusal as refusal:
            response = await self._explorer.problem(request, visitor, refusal.problem, refusal.status, self._page)
        except DescentError as error:
            response = await self._explorer.problem(request, visitor, error, page=self._page)
        except Exception as error:
            response = await self._explorer.problem(request, visitor, fault(error))
        await response(scope, receive, send)

    async def _answer(self, request: Request, visitor: Visitor) -> Response:
        page, principal = self._page, visitor.principal
        await self._explorer.access_control.permit(
            principal, f"page {page.name}", lambda: check_page(page.path, principal.roles)
        )
        if request.method == "POST" and page.acts:
            return await self._act(request, visitor)
        if request.method not in {"GET", "HEAD"}:
            raise Refusal(InvalidInput("This page accepts no form: open it by its address."), 405, {"Allow": "GET"})
        if self._page.as_of and (entry := request.query_params.get(_ENTRY)):
            return RedirectResponse(await self._then(request, entry), 303, dict(HEADERS))
        asked = await self._asked(request, visitor)
        response = await self._shown(request, visitor, asked, 200)
        await self._explorer.access_control.note(principal, f"page {page.name}")
        return response

    async def _asked(self, request: Request, visitor: Visitor) -> Asked:
        registry, words = self._explorer.registry, self._explorer.words
        query = {name: value for name, value in request.query_params.items() if value}
        self._page.check(query)
        as_of, given = shown_as_of(query.get("asOf"), self._page)
        ref = request.path_params.get("ref", "")
        path = address(self._page.path.split("/")[1], ref)
        async with _answered():
            upto = await registry.sequence(as_of)
        return Asked(registry, visitor.principal, words, path, ref, query, as_of, upto, moment_of(as_of), given)

    async def _then(self, request: Request, entry: str) -> str:
        """The address of the page as of the moment at which an entry of the log was recorded."""
        moment = await moment_of_entry(self._explorer.registry, entry)
        return without(request, _ENTRY, "asOf", **({"asOf": moment} if moment else {}))

    async def _shown(self, request: Request, visitor: Visitor, asked: Asked, status: int) -> Response:
        try:
            view = await self._explorer.view(self._page, asked)
        except NotFound as missing:
            later = await registered_later(asked, missing.ref)
            if later is None or "format" in asked.query:
                raise
            view, status = later, STATUS[missing.code]
        if isinstance(view, Response):
            for name, value in HEADERS.items():
                view.headers.setdefault(name, value)
            return view
        if asked.for_csv:
            return await as_csv(request, self._page, asked, view, partial(self._explorer.view, self._page))
        if wanted := asked.query.get("format"):
            raise InvalidInput(f"The page has no format {wanted[:40]!r}: ask for its tables by csv.", "format")
        tables = {table.name: table for table in view.tables}
        values = {
            "page": self._page,
            "asked": asked,
            "here": self._page.name,
            "title": view.title,
            "tables": tables,
            "sent": asked.sent,
            "slider": await asked.registry.cache(Moments).slider(asked.registry, asked.upto)
            if self._page.as_of
            else None,
        }
        template = view.template or f"{self._page.name}.html"
        values |= view.values
        if view.in_pieces and request.scope["http_version"] != "1.0":  # which knows of no chunks
            page = PageInPieces(request, self._explorer.texts(request, visitor, template, values), status)
            await page.begin()
            return page
        # In a thread: a page of thousands of cells takes as long to put together as a question to answer.
        return await in_thread(self._explorer.page, request, visitor, template, status, values)

    async def _act(self, request: Request, visitor: Visitor) -> Response:
        explorer, principal = self._explorer, visitor.principal
        fields = await read_form(request, LARGEST_ACT)
        key = explorer.tokens.check(visitor.session, fields.pop(TOKEN, ""))
        name = fields.pop("act", "")
        act = self._page.act(name)
        if act is None:
            raise InvalidInput("The form asks for something that this page does not do: open the page again.")
        await explorer.access_control.permit(
            principal, act.field.partition(".")[2], lambda: check_fields([act.field], principal.roles)
        )
        asked = await self._asked(request, visitor)
        if asked.is_past:
            raise InvalidInput(
                "Nothing was recorded: whatever is written or decided is so now, and the page showed the past.", "asOf"
            )
        try:
            check_lengths(fields)
            where = await explorer.act(act, asked, {**fields, "key": key})
        except (Unauthenticated, Unavailable, Internal):
            raise
        except DescentError as error:
            await explorer.access_control.note(principal, act.field.partition(".")[2], shaped(error))
            sent = Sent(name, fields, error)
            return await self._shown(request, visitor, replace(asked, sent=sent), STATUS[error.code])
        await explorer.access_control.note(principal, act.field.partition(".")[2])
        return RedirectResponse(where, 303)

    def _sign_in(self, request: Request, required: SignInRequired) -> Response:
        """To the page for signing in, which leads back to this one, to which a form is sent too."""
        query = f"?{request.url.query}" if request.url.query else ""
        why = ("sent" if request.method == "POST" else "ended") if required.ended else None
        return RedirectResponse(address("sign-in", next=path_of(request) + query, why=why), 303, dict(HEADERS))


@contextlib.asynccontextmanager
async def _answered() -> AsyncIterator[None]:
    """Where a page asks the store first; raises Unavailable where that hangs instead of refusing to answer."""
    try:
        async with asyncio.timeout(_PATIENCE):
            yield
    except TimeoutError:
        raise Unavailable("The store does not answer at the moment: open the page again in a few seconds.") from None
