"""Who visits a page: by the session of their browser, by a token that a program sends, or `local` on this machine."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Scope

from descentd.app.auth.access_control import AccessControl
from descentd.app.auth.authentication import InvalidCredentials, Principal
from descentd.app.explorer.sessions import LOCAL_SESSION, Session, Sessions
from descentd.app.http.origins import is_own
from descentd.graph.model.errors import Unauthenticated


class SignInRequired(Unauthenticated):
    """The registry has tokens, and the browser has no session that is still valid; `ended` says that it had one."""

    def __init__(self, *, ended: bool) -> None:
        super().__init__("This registry requires that you sign in.")
        self.ended = ended


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who visits; `session` is what their forms are bound to, and `signed_in` says that they can sign out."""

    principal: Principal
    session: str
    signed_in: bool


class Visitors:
    """Finds who visits, as the API finds who asks."""

    def __init__(self, sessions: Sessions, access_control: AccessControl) -> None:
        self._sessions = sessions
        self._access_control = access_control

    async def of(self, request: Request, route: str) -> Visitor:
        """The visitor of a request.

        Raises SignInRequired where a browser has to sign in first, InvalidCredentials for an Authorization header that
        is not valid, and Unavailable while the store cannot be asked.
        """
        given = request.headers.getlist("authorization")
        session = self._sessions.of(request)
        if given or (session is None and not await self._access_control.closed()):
            return Visitor(await self._access_control.know(request.scope, route, given), LOCAL_SESSION, signed_in=False)
        if session is None:
            raise SignInRequired(ended=self._sessions.had(request))
        try:
            principal = await self._access_control.recall(request.scope, route, _credential(session))
        except InvalidCredentials:
            raise SignInRequired(ended=True) from None
        return Visitor(principal, session.id, signed_in=True)

    def session_of(self, scope: Scope) -> bytes | Principal | None:
        """By what the browser that sends a request to the API is signed in; None where its session does not count.

        It counts for what scripts of our own pages send: browsers name the page's origin. So no page of another one
        asks in somebody's name, whatever cookies go with it, also where it is among DESCENT_ORIGINS.
        """
        request = Request(scope)
        origin = request.headers.get("origin")
        own = origin is not None and is_own(origin, request.headers.get("host", ""))
        session = self._sessions.of(request) if own else None
        return None if session is None else _credential(session)


def _credential(session: Session) -> bytes | Principal:
    if session.hash is not None:
        return session.hash
    return Principal(session.person, session.roles, "oidc", expires_at=session.expires * 1_000_000)
