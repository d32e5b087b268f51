"""Access control of requests: the middleware that authenticates, authorizes by the tables and writes the access log."""

from collections.abc import Awaitable, Callable, Sequence
from textwrap import shorten
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from descentd.app.auth.audit_log import AuditLog
from descentd.app.auth.authentication import Authenticator, InvalidCredentials, Principal, with_request
from descentd.app.auth.authorization import PUBLIC, ROUTES, check_route
from descentd.app.http.errors import Shape, problem_response, problems
from descentd.graph.model.accounts import REFUSALS, Access
from descentd.graph.model.clock import now
from descentd.graph.model.errors import DescentError, Forbidden, Internal, Unauthenticated
from descentd.graph.turns import identify

log = structlog.get_logger()

_LONGEST: Final = 300
CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}

Refuse = Callable[[Scope, DescentError], Response]
"""Makes the answer to a request that is refused."""


class AccessControl:
    """Decides for each request who sends it and whether they may, and records that in the access log."""

    def __init__(self, authenticator: Authenticator, audit_log: AuditLog) -> None:
        self._authenticator = authenticator
        self.audit_log = audit_log

    async def admit(
        self, scope: Scope, route: str, authorization: Sequence[str], session: bytes | Principal | None = None
    ) -> Principal:
        """The principal of a request to a route, by its Authorization headers, or without any by its session.

        Raises what `know` and `permit` raise.
        """
        if authorization or session is None:
            principal = await self.know(scope, route, authorization)
        else:
            principal = await self.recall(scope, route, session)
        identify(principal.person)
        await self.permit(principal, "", lambda: check_route(route, principal.roles))
        return principal

    async def know(self, scope: Scope, route: str, authorization: Sequence[str]) -> Principal:
        """The principal that Authorization headers name, whatever they may do.

        Raises Unauthenticated, which is noted in the access log, and Unavailable.
        """
        return await self._found(scope, route, self._authenticator.find(authorization))

    async def recall(self, scope: Scope, route: str, credential: bytes | Principal) -> Principal:
        """The principal of a browser's session, see `Authenticator.recall`; raises as `know` does."""
        return await self._found(scope, route, self._authenticator.recall(credential))

    async def closed(self) -> bool:
        """Whether a token is required; raises Unavailable while the store cannot be asked."""
        return await self._authenticator.closed()

    async def _found(self, scope: Scope, route: str, finding: Awaitable[Principal]) -> Principal:
        client = (scope.get("client") or ("",))[0]
        try:
            return with_request(await finding, client, route)
        except Unauthenticated as error:
            token = error.token if isinstance(error, InvalidCredentials) else None
            person, id = (token.person, token.id) if token is not None else (None, None)
            self._note_refusal(Access(now(), person, id, client, route, "", error.code.value, error.message))
            raise

    async def permit(self, principal: Principal, operation: str, check: Callable[[], None]) -> None:
        """Raise what `check` raises, and Unauthenticated where the principal's token is not valid any more.

        Both are in the access log before they are raised.
        """
        try:
            await self._authenticator.confirm(principal)
            check()
        except DescentError as error:
            for problem in problems(error):
                if isinstance(problem, Forbidden | Unauthenticated):
                    await self._refused(_access(principal, operation, problem.code.value, problem.message))
                    break
            raise

    async def note(self, principal: Principal, operation: str, errors: Sequence[Shape] = ()) -> None:
        """Add an operation to the access log, with its errors in GraphQL's shape; refusals are durable on return."""
        refusals = [error for error in errors if error["extensions"]["code"] in REFUSALS]
        if refusals:
            await self._refused(
                _access(principal, operation, refusals[0]["extensions"]["code"], refusals[0]["message"])
            )
        elif errors:
            self.audit_log.note(_access(principal, operation, errors[0]["extensions"]["code"], _detail(errors[0])))
        else:
            self.audit_log.note(_access(principal, operation, "OK"))

    def refused_unknown(self, route: str, client: str, error: Unauthenticated) -> None:
        """Note that a request of nobody known was refused.

        It is durable within a second, not before the answer: strangers must not decide how often the store syncs.
        """
        self._note_refusal(Access(now(), None, None, client, route, "", error.code.value, error.message))

    def _note_refusal(self, access: Access) -> None:
        _warn(access)
        self.audit_log.note(access)

    async def _refused(self, access: Access) -> None:
        _warn(access)
        await self.audit_log.keep(access)


def _warn(access: Access) -> None:
    log.warning("refused", person=access.person, client=access.client, route=access.route, reason=access.detail)


def _detail(error: Shape) -> str:
    """The field and the message of an error in at most 300 characters: the log says who asked for what."""
    field = error["extensions"].get("field")
    return shorten(f"{field}: {error['message']}" if field else error["message"], _LONGEST, placeholder=" …")


def _access(principal: Principal, operation: str, outcome: str, detail: str = "") -> Access:
    return Access(
        now(), principal.person, principal.credential, principal.client, principal.route, operation, outcome, detail
    )


class AuthMiddleware:
    """Lets only those requests through to a route that may use it; `scope["descent.principal"]` is who sends them.

    WebSockets may authenticate later, because browsers cannot send the header with them: their endpoint has to admit
    those without a principal.
    """

    def __init__(
        self,
        app: ASGIApp,
        access_control: AccessControl,
        route: str,
        refuse: Refuse | None = None,
        session: Callable[[Scope], bytes | Principal | None] = lambda _: None,
    ) -> None:
        """`session` finds by which credential the browser of a request is signed in, where that counts for the route.

        Raises Internal for a route that is missing in `authorization.ROUTES`.
        """
        if route not in ROUTES:
            raise Internal(f"No roles are defined for the route {route}: add it to authorization.ROUTES.")
        self._app = app
        self._access_control = access_control
        self._route = route
        self._refuse = refuse or _problem
        self._session = session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Authenticate and authorize one request, then pass it on."""
        given = Headers(scope=scope).getlist("authorization")
        later = scope["type"] == "websocket" and not given
        if ROUTES[self._route] != PUBLIC and not later:
            try:
                session = self._session(scope)
                scope["descent.principal"] = await self._access_control.admit(scope, self._route, given, session)
            except DescentError as error:
                if scope["type"] == "websocket":
                    await receive()
                    await send({"type": "websocket.close", "code": 1008, "reason": ""})  # unaccepted: a 403
                else:
                    await self._refuse(scope, error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _problem(_scope: Scope, error: DescentError) -> Response:
    return problem_response(error, headers=CHALLENGE if isinstance(error, Unauthenticated) else None)


def principal_of(scope: Scope) -> Principal:
    """The principal that AuthMiddleware found; raises Internal where the request did not pass it."""
    principal = scope.get("descent.principal")
    if not isinstance(principal, Principal):
        raise Internal("The request was not authenticated.")
    return principal
