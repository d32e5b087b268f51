"""An identity provider on the loopback: it names its keys, and signs in whomever a test wants signed in."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

RSA: Final = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC: Final = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig", "alg": "ES256"})


class IdentityProvider:
    """What a provider's URLs answer: its JWKS at `url`, the discovery document of `issuer`, tokens at its endpoint.

    `fetched` counts how often it was read. Whoever comes with a code is signed in as `claims` say, and `asked` is what
    the token endpoint was sent last. Every other address is redirected to the keys.
    """

    def __init__(self, port: int) -> None:
        origin = f"http://127.0.0.1:{port}"
        self.keys: list[Key] = [RSA, EC]
        self.fetched = 0
        self.claims: dict[str, Any] = {}
        self.asked: dict[str, list[str]] = {}
        self.url = f"{origin}/jwks"
        self.issuer = f"{origin}/realm"
        self.document = {
            "issuer": self.issuer,
            "jwks_uri": self.url,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
        }

    def read(self, path: str) -> tuple[int, Any]:
        """The status and the content of what is there to read."""
        self.fetched += 1
        if path.endswith("/.well-known/openid-configuration"):
            return 200, self.document
        return 200 if path == "/jwks" else 302, {"keys": [key.as_dict(private=False) for key in self.keys]}

    def token(self, form: str) -> dict[str, str]:
        """What the token endpoint gives for a code."""
        self.asked = parse_qs(form)
        token = jwt.encode({"alg": "RS256", "kid": RSA.kid}, self.claims, RSA)
        return {"id_token": token, "access_token": "unused", "token_type": "Bearer"}


@contextmanager
def running_provider() -> Iterator[IdentityProvider]:
    """A provider that answers on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(*provider.read(self.path))

        def do_POST(self) -> None:
            self._answer(200, provider.token(self.rfile.read(int(self.headers["Content-Length"])).decode()))

        def _answer(self, status: int, content: Any) -> None:
            self.send_response(status)
            self.send_header("Location", "/jwks")
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = IdentityProvider(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
