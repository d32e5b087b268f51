"""Sessions of browsers: a signed cookie that says by which credential somebody signed in, and until when.

The cookie holds the hash of a token and never the token, so that revoking that ends the session; a session by an
identity provider holds the person and the roles that it vouched for. Nothing of it is kept on the server, and one key
for all workers signs it.
"""

import base64
import binascii
import hmac
import json
import secrets
import time
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from descentd.graph.model.accounts import AccessRole

COOKIE: Final = "descent_session"
LOCAL_SESSION: Final = "local"
"""What forms are bound to where a registry is open and nobody signs in."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who signed in: by the token with `hash`, or else the `person` with `roles` that an identity provider named.

    expires: seconds since 1970; id: random, what its forms are bound to.
    """

    id: str
    expires: int
    hash: bytes | None = None
    person: str = ""
    roles: frozenset[AccessRole] = frozenset()


_KNOWN_TO_BE_OVER: Final = 7 * 24 * 3600
"""Seconds for which a browser keeps the cookie of a session that is over, so that it is told why it has to sign in."""


class Sessions:
    """Makes and reads the cookies; `lasts` is in seconds, `secure` says that browsers come by https."""

    def __init__(self, key: bytes, lasts: float, *, secure: bool) -> None:
        self._key = key
        self._lasts = lasts
        self._secure = secure

    def begin(self, response: Response, request: Request, session: Session) -> None:
        """Give a browser a session; it ends no later than `session.expires`, where that is not 0."""
        ends = int(time.time() + self._lasts)
        session = replace(session, id=secrets.token_hex(12), expires=min(session.expires or ends, ends))
        content: dict[str, Any] = {"id": session.id, "exp": session.expires}
        if session.hash is not None:
            content["hash"] = session.hash.hex()
        else:
            content |= {"person": session.person, "roles": sorted(session.roles)}
        lasts = max(0, session.expires - int(time.time()))
        self.set(response, request, COOKIE, self.sealed(COOKIE, content), lasts + _KNOWN_TO_BE_OVER)

    def of(self, request: Request) -> Session | None:
        """The session of a request; None where it has none, or one that is over or that nobody here signed."""
        content = self.opened(COOKIE, request)
        if content is None or content["exp"] <= time.time():
            return None
        hash = bytes.fromhex(content["hash"]) if "hash" in content else None
        roles = frozenset(AccessRole(role) for role in content.get("roles", ()))
        return Session(content["id"], content["exp"], hash, content.get("person", ""), roles)

    def had(self, request: Request) -> bool:
        """Whether a browser comes with a session that may be over."""
        return bool(request.cookies.get(COOKIE))

    def end(self, response: Response, request: Request) -> None:
        """Take the session from a browser."""
        self.set(response, request, COOKIE, "", 0)

    def set(self, response: Response, request: Request, name: str, value: str, seconds: int, path: str = "/") -> None:
        """Set a cookie that no script reads and no other site's form sends; 0 seconds take it away."""
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=path,
            secure=self._secure or request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )

    def sealed(self, name: str, content: dict[str, Any]) -> str:
        """A content as the value of the cookie `name`: readable, and signed."""
        body = base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode()
        return f"{body}.{self._signed(name, body)}"

    def opened(self, name: str, request: Request) -> dict[str, Any] | None:
        """The content of a request's cookie `name`; None where nobody here sealed it under this name."""
        body, _, signature = request.cookies.get(name, "").partition(".")
        if not hmac.compare_digest(signature.encode(), self._signed(name, body).encode()):
            return None
        try:
            content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body))
        except (binascii.Error, ValueError):
            return None
        return content

    def _signed(self, name: str, body: str) -> str:
        return hmac.digest(self._key, f"cookie\n{name}\n{body}".encode(), "sha256").hex()
