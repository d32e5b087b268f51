"""A page at its address: who asks, whether they may, what is shown or done, and which page says what went wrong."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from descentd.app.auth.authorization import check_fields, check_page
from descentd.app.explorer.address import address, without
from descentd.app.explorer.forms import LARGEST_ACT, TOKEN, check_lengths, read_form
from descentd.app.explorer.page import Asked, Page, Sent
from descentd.app.explorer.past import Moments, moment_of_entry, registered_later, shown_as_of
from descentd.app.explorer.receipts import SIGN_IN
from descentd.app.explorer.rendering import HEADERS
from descentd.app.explorer.sending import PageInPieces
from descentd.app.explorer.table_as_csv import as_csv
from descentd.app.explorer.visitors import SignInRequired, Visitor
from descentd.app.http.errors import STATUS, Refusal, fault, shaped
from descentd.graph.model.errors import (
    DescentError,
    Internal,
    InvalidInput,
    NotFound,
    ReadOnly,
    Unauthenticated,
    Unavailable,
    VersionConflict,
)
from descentd.graph.turns import in_thread
from descentd.queries.registry import moment_of

if TYPE_CHECKING:
    from descentd.app.explorer.explorer import Explorer

_ENTRY: Final = "entry"
"""The parameter by which a slider asks for the moment of an entry of the log."""
_PATIENCE: Final = 10.0
"""Seconds that a page waits for the store's first answer, which usually takes milliseconds."""


class Endpoint:
    """The ASGI application of one page."""

    def __init__(self, explorer: "Explorer", page: Page) -> None:
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
            response = await self._sign_in(request, required)
        except Refusal as refusal:
            response = await self._problem(request, visitor, refusal.problem, refusal.status)
        except DescentError as error:
            response = await self._problem(request, visitor, error)
        except Exception as error:
            response = await self._problem(request, visitor, fault(error))
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
        self._explorer.receipts.take(response, request)
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
            request.state.acting = True
            where = await explorer.act(act, asked, {**fields, "key": key})
        except (Unauthenticated, Unavailable, Internal):
            raise
        except DescentError as refusal:
            request.state.acting = False
            error = _in_words_of_pages(refusal)
            await explorer.access_control.note(principal, act.field.partition(".")[2], shaped(refusal))
            sent = Sent(name, fields, error)
            return await self._shown(request, visitor, replace(asked, sent=sent), STATUS[error.code])
        await explorer.access_control.note(principal, act.field.partition(".")[2])
        response = RedirectResponse(where, 303, dict(HEADERS))
        explorer.receipts.give(response, request, visitor.session, name, request.scope["path"])
        return response

    async def _sign_in(self, request: Request, required: SignInRequired) -> Response:
        """To the page for signing in, which leads back to this one; of a form, what became of it is said first."""
        if request.method == "POST":
            return await self._problem(request, None, required)
        response = RedirectResponse(address("sign-in", next=without(request)), 303, dict(HEADERS))
        if required.ended:
            self._explorer.receipts.give(response, request, "", "ended", SIGN_IN)
        return response

    async def _problem(
        self, request: Request, visitor: Visitor | None, error: DescentError, status: int = 0
    ) -> Response:
        """The page that says what went wrong, with the form that was sent, so that nothing of it is lost."""
        sent = None
        if request.method == "POST" and self._page.acts:
            try:
                fields = await read_form(request, LARGEST_ACT)
            except (Refusal, DescentError):
                fields = {}
            # Where the store went away during the act, nobody knows what became of it.
            away = getattr(request.state, "acting", False) and not isinstance(error, Unauthenticated | ReadOnly)
            sent = Sent(fields.get("act", ""), fields, error, known=not away)
        return await self._explorer.problem(request, visitor, error, status, self._page, sent)


@contextlib.asynccontextmanager
async def _answered() -> AsyncIterator[None]:
    """Where a page asks the store first; raises Unavailable where that hangs instead of refusing to answer."""
    try:
        async with asyncio.timeout(_PATIENCE):
            yield
    except TimeoutError:
        raise Unavailable("The store does not answer at the moment: open the page again in a few seconds.") from None


def _in_words_of_pages(refusal: DescentError) -> DescentError:
    """Why an act was refused, where the API speaks of the key that a form has as its token."""
    if isinstance(refusal, VersionConflict) and refusal.field == "idempotencyKey":
        return VersionConflict(
            "This form was sent before and said something else, which was recorded, and this was not. Send it again "
            "from here to record this, too; open the page again to see what was recorded."
        )
    return refusal
