"""Signing in and out: by a token of this registry, or at an identity provider."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from descentd.app.auth.access_control import AccessControl
from descentd.app.explorer.address import address, local
from descentd.app.explorer.explorer import Explorer
from descentd.app.explorer.forms import TOKEN, FormRefused, filled_in, read_form
from descentd.app.explorer.receipts import SIGN_IN
from descentd.app.explorer.rendering import HEADERS
from descentd.app.explorer.sessions import Session
from descentd.app.http.errors import STATUS, Refusal, fault
from descentd.graph.model.errors import DescentError, InvalidInput, Unauthenticated

if TYPE_CHECKING:
    from descentd.app.auth.oidc_login import OIDCLogin

PATHS = (SIGN_IN, "/sign-in/provider", "/sign-in/callback", "/sign-out")
_FORM = "sign-in"
"""What the form for signing in is bound to: there is no session yet."""
_LOGIN = "descent_login"
"""The cookie of a browser that is at the identity provider."""
_MINUTES = 10


class SigningIn:
    """The pages for signing in and out."""

    def __init__(self, explorer: Explorer, access_control: AccessControl, provider: "OIDCLogin | None") -> None:
        self._explorer = explorer
        self._access_control = access_control
        self._provider = provider

    @property
    def routes(self) -> list[Route]:
        """Their routes."""
        answers = (self._sign_in, self._to_provider, self._from_provider, self._sign_out)
        return [
            Route(path, _ErrorPages(self._explorer, path, answer)) for path, answer in zip(PATHS, answers, strict=True)
        ]

    async def _sign_in(self, request: Request) -> Response:
        if request.method != "POST":
            return self._form(request, request.query_params.get("next"))
        fields = await read_form(request)
        self._explorer.tokens.check(_FORM, fields.get(TOKEN, ""))
        secret = filled_in(fields, "secret") or ""
        try:
            principal = await self._access_control.know(request.scope, PATHS[0], [f"Bearer {secret}"])
        except Unauthenticated as error:
            return self._form(request, fields.get("next"), error)
        response = RedirectResponse(local(fields.get("next")), 303, dict(HEADERS))
        expires = 0 if principal.expires_at is None else principal.expires_at // 1_000_000
        session = Session("", expires, principal.hash, principal.person, principal.roles)
        self._explorer.sessions.begin(response, request, session)
        return response

    def _form(self, request: Request, then: str | None, error: DescentError | None = None) -> Response:
        response = self._explorer.page(
            request,
            None,
            "sign-in.html",
            200 if error is None else STATUS[error.code],
            {
                "then": local(then),
                "problem": error,
                "provider": self._provider and address("sign-in/provider", next=local(then)),
                "token": lambda: self._explorer.tokens.new(_FORM),
            },
        )
        self._explorer.receipts.take(response, request)
        return response

    async def _to_provider(self, request: Request) -> Response:
        provider = self._provider_of()
        login = await provider.begin(self._callback(request))
        response = RedirectResponse(login.address, 303, dict(HEADERS))
        content = {
            "state": login.state,
            "nonce": login.nonce,
            "verifier": login.verifier,
            "next": local(request.query_params.get("next")),
        }
        sessions = self._explorer.sessions
        sessions.set(response, request, _LOGIN, sessions.sealed(_LOGIN, content), _MINUTES * 60, "/sign-in")
        return response

    async def _from_provider(self, request: Request) -> Response:
        provider = self._provider_of()
        sessions, given = self._explorer.sessions, request.query_params
        known = sessions.opened(_LOGIN, request)
        if known is None or given.get("state") != known["state"]:
            raise FormRefused("old_sign_in", "This sign-in was not begun in this browser, or long ago: begin again.")
        if "code" not in given:
            why = f"The identity provider did not sign you in ({given.get('error', 'no code')[:80]})."
            return self._form(request, known["next"], Unauthenticated(why))
        identity = await provider.end(given["code"], known["verifier"], known["nonce"], self._callback(request))
        response = RedirectResponse(local(known["next"]), 303, dict(HEADERS))
        # Its ID token says who came, and ends within minutes with some providers: the session lasts by itself.
        sessions.begin(response, request, Session("", 0, None, identity.person, identity.roles))
        sessions.set(response, request, _LOGIN, "", 0, "/sign-in")
        return response

    async def _sign_out(self, request: Request) -> Response:
        if request.method == "POST":
            fields = await read_form(request)
            session = self._explorer.sessions.of(request)
            if session is not None:
                self._explorer.tokens.check(session.id, fields.get(TOKEN, ""))
        response = RedirectResponse(SIGN_IN if request.method == "POST" else "/", 303, dict(HEADERS))
        if request.method == "POST":
            self._explorer.sessions.end(response, request)
            self._explorer.receipts.give(response, request, "", "out", SIGN_IN)
        return response

    def _provider_of(self) -> "OIDCLogin":
        if self._provider is None:
            raise InvalidInput("This registry has no identity provider: sign in with a token.")
        return self._provider

    def _callback(self, request: Request) -> str:
        return self._explorer.absolute(request, PATHS[2])


class _ErrorPages:
    """The ASGI application of one of these pages: what goes wrong is a page too."""

    def __init__(self, explorer: Explorer, path: str, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self._explorer = explorer
        self._path = path
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        request = Request(scope, receive)
        scope["descent.route"] = self._path
        try:
            response = await self._answer(request)
        except Refusal as refusal:
            response = await self._explorer.problem(request, None, refusal.problem, refusal.status)
        except DescentError as error:
            response = await self._explorer.problem(request, None, error)
        except Exception as error:
            response = await self._explorer.problem(request, None, fault(error))
        await response(scope, receive, send)
