"""Which pages in browsers may ask: those of this server, and for programs' addresses those of origins that are named.

Pages of named origins send a token in the Authorization header, which a browser never adds by itself. Cookies are not
for them (no `Access-Control-Allow-Credentials`): a session counts for the server's own pages alone, at /graphql too.
The pages of the explorer are closed to them, whatever is named.
"""

from collections.abc import Collection, Sequence
from typing import Final

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from descentd.graph.model.errors import Forbidden

API: Final = frozenset({"/graphql", "/mcp", "/bulk", "/records", "/checkpoint", "/version", "/livez", "/readyz"})
"""What named origins may ask."""

_SHOWN: Final = 100


def is_own(origin: str, host: str) -> bool:
    """Whether an origin is that of the server's own pages, as whoever asks calls it: they differ in scheme at most."""
    return origin.partition("://")[2].lower() == host.lower()


class Origins:
    """Decides by the Origin of a request; `named` are those that may ask beside this server itself."""

    def __init__(self, named: Collection[str]) -> None:
        self._named = frozenset(named)

    @property
    def middleware(self) -> Sequence[Middleware]:
        """What answers preflights of named origins, and lets their pages read answers; nothing where none is named."""
        if not self._named:
            return []
        return [
            Middleware(
                CORSMiddleware,
                allow_origins=self._named,
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
                allow_private_network=True,
                expose_headers=["X-Request-Id", "Retry-After", "WWW-Authenticate"],
            )
        ]

    def refusal(self, given: str | None, host: str, path: str) -> Forbidden | None:
        """Why a request is refused that comes from a page of the origin `given` (None: from no page); None if not."""
        if given is None or is_own(given, host):
            return None
        shown = given[:_SHOWN]
        if path not in API:
            return Forbidden(
                f"The request comes from a page of {shown}, and here only pages of this server may ask: open it at the "
                "server's own address. A proxy has to pass on the Host of the browser."
            )
        if given == "null":
            return Forbidden(
                "The request comes from a page without an origin (null): serve the page from an address, and add its "
                "origin to DESCENT_ORIGINS."
            )
        if given in self._named:
            return None
        return Forbidden(f"Pages of {shown} may not ask this server: add this origin to DESCENT_ORIGINS.")
