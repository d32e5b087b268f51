"""Receipts: what was done, said once by the page that one is led to afterwards.

A receipt is a cookie of the browser that did it, which that page takes away. It is signed for its page and its session,
so that no address, and nobody else's receipt, makes a page say what was not done; addresses stay as they are shared.
Nothing is kept on the server, and each worker can read it.
"""

import hashlib
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from descentd.app.explorer.sessions import Sessions

SIGN_IN: Final = "/sign-in"
"""The page that says why one is led to it."""
_COOKIE: Final = "descent_done"
_LASTS: Final = 600
"""Seconds in which the page has to be shown: also where the registry is away for a moment after the act."""


class Receipts:
    """Gives, reads and takes receipts; a session is the one that forms are bound to, "" where nobody is signed in."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def give(self, response: Response, request: Request, session: str, done: str, path: str) -> None:
        """Let the page at a path, which is not escaped, say once what was done."""
        name = _name(path)
        sealed = self._sessions.sealed(name, {"done": done, "session": session})
        self._sessions.set(response, request, name, sealed, _LASTS)

    def of(self, request: Request, session: str) -> str:
        """What was done before this page is shown in a session; "" where there is nothing to say."""
        content = self._sessions.opened(_name(request.scope["path"]), request)
        done: str = content["done"] if content is not None and content["session"] == session else ""
        return done

    def take(self, response: Response, request: Request) -> None:
        """Take the receipt of a page that was shown, so that opening it again says nothing."""
        name = _name(request.scope["path"])
        if request.method == "GET" and name in request.cookies:
            self._sessions.set(response, request, name, "", 0)


def _name(path: str) -> str:
    """The name of the cookie: another one for each page, so that pages in other tabs keep theirs.

    Pages have long names with characters that cookies do not take.
    """
    return f"{_COOKIE}_{hashlib.sha256(path.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
