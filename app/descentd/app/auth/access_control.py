"""The door that every request passes: who asks is found out, what they may do is looked up, and both are noted."""

from collections.abc import Callable, Sequence
from textwrap import shorten
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from descentd.app.auth.audit_log import Accesses, now
from descentd.app.auth.authentication import Caller, Callers, Rejected, at_door
from descentd.app.auth.authorization import PUBLIC, ROUTES, check_route
from descentd.app.http.errors import Shape, problem_response, problems
from descentd.graph.model.accounts import REFUSALS, Access
from descentd.graph.model.errors import DescentError, Forbidden, Internal, Unauthenticated

log = structlog.get_logger()

_LONGEST: Final = 300
CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}

Refuse = Callable[[Scope, DescentError], Response]
"""Makes the answer to a request that is not let through."""


class Door:
    """Everybody's way in."""

    def __init__(self, callers: Callers, accesses: Accesses) -> None:
        self._callers = callers
        self.accesses = accesses

    async def admit(self, scope: Scope, route: str, authorization: Sequence[str]) -> Caller:
        """Who comes with Authorization headers, and may come to a route; raises as `know` and `permit` do."""
        caller = await self.know(scope, route, authorization)
        await self.permit(caller, "", lambda: check_route(route, caller.roles))
        return caller

    async def know(self, scope: Scope, route: str, authorization: Sequence[str]) -> Caller:
        """Who comes with Authorization headers, whatever they may do.

        Raises Unauthenticated, which is in the log of accesses by then, and Unavailable.
        """
        client = (scope.get("client") or ("",))[0]
        try:
            return at_door(await self._callers.find(authorization), client, route)
        except Unauthenticated as error:
            token = error.token if isinstance(error, Rejected) else None
            person, id = (token.person, token.id) if token is not None else (None, None)
            await self._refused(Access(now(), person, id, client, route, "", error.code.value, error.message))
            raise

    async def permit(self, caller: Caller, operation: str, check: Callable[[], None]) -> None:
        """Raise what `check` raises, and Unauthenticated where the caller's token is no longer good; both are noted."""
        try:
            await self._callers.confirm(caller)
            check()
        except DescentError as error:
            for problem in problems(error):
                if isinstance(problem, Forbidden | Unauthenticated):
                    await self._refused(_access(caller, operation, problem.code.value, problem.message))
                    break
            raise

    async def note(self, caller: Caller, operation: str, errors: Sequence[Shape] = ()) -> None:
        """Note what somebody did, with the errors in GraphQL's shape that came of it; a refusal is kept then."""
        refusals = [error for error in errors if error["extensions"]["code"] in REFUSALS]
        if refusals:
            await self._refused(_access(caller, operation, refusals[0]["extensions"]["code"], refusals[0]["message"]))
        elif errors:
            self.accesses.note(_access(caller, operation, errors[0]["extensions"]["code"], _detail(errors[0])))
        else:
            self.accesses.note(_access(caller, operation, "OK"))

    async def _refused(self, access: Access) -> None:
        log.warning("refused", person=access.person, client=access.client, route=access.route, reason=access.detail)
        await self.accesses.keep(access)


def _detail(error: Shape) -> str:
    """What an error is about, and says, shortly: the log is for finding out who asked for what."""
    field = error["extensions"].get("field")
    return shorten(f"{field}: {error['message']}" if field else error["message"], _LONGEST, placeholder=" …")


def _access(caller: Caller, operation: str, outcome: str, detail: str = "") -> Access:
    return Access(now(), caller.person, caller.credential, caller.client, caller.route, operation, outcome, detail)


class Guarded:
    """A route behind the door; `scope["descent.caller"]` says who came in.

    WebSockets may say who they are later, because browsers cannot send the header with them: whoever serves them has to
    admit those without a caller.
    """

    def __init__(self, app: ASGIApp, door: Door, route: str, refuse: Refuse | None = None) -> None:
        """Raises Internal for a route that is not in the table of who may do what."""
        if route not in ROUTES:
            raise Internal(f"The route {route} is in no table of who may do what: add it to authorization.ROUTES.")
        self._app = app
        self._door = door
        self._route = route
        self._refuse = refuse or _problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        given = Headers(scope=scope).getlist("authorization")
        later = scope["type"] == "websocket" and not given
        if ROUTES[self._route] != PUBLIC and not later:
            try:
                scope["descent.caller"] = await self._door.admit(scope, self._route, given)
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


def caller_of(scope: Scope) -> Caller:
    """Who came in by the door."""
    caller = scope.get("descent.caller")
    if not isinstance(caller, Caller):
        raise Internal("The request did not come in by the door.")
    return caller
