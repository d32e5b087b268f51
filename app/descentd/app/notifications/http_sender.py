"""The HTTP sender: one attempt to deliver by POST; only the status of the answer is used."""

import asyncio
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import httpcore2

from descentd.app.notifications.ssrf_guard import RefusedAddress, SSRFGuard

_READ: Final = 16_384
"""Bytes of an answer's body that are read and discarded before the connection is closed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of an attempt: the HTTP status, or None and the reason why there is none."""

    status: int | None
    reason: str

    @property
    def taken(self) -> bool:
        """Whether the receiver accepted it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def final(self) -> bool:
        """Whether the receiver wants no more deliveries: 410 Gone."""
        return self.status == 410


class HTTPSender:
    """Sends to destinations, without the proxies of the environment and without following redirects."""

    def __init__(self, allowed: Collection[str], timeout: float) -> None:
        """`timeout`, in seconds, limits a whole attempt."""
        self._timeout = timeout
        self._pool = httpcore2.AsyncConnectionPool(
            network_backend=SSRFGuard(allowed), keepalive_expiry=15.0, max_keepalive_connections=20
        )

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST a body; errors become the answer's reason, which contains no text from the receiver."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._send(url, headers, body)
        except (TimeoutError, httpcore2.TimeoutException):
            return Answer(None, f"no answer within {self._timeout:g} seconds")
        except RefusedAddress as refused:
            return Answer(None, str(refused))
        except httpcore2.ConnectError as error:
            return Answer(None, _unconnected(error))
        except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError):
            return Answer(None, "the connection broke, or what answered does not speak HTTP")

    async def _send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        async with self._pool.stream("POST", url, headers=list(headers.items()), content=body) as response:
            read = 0
            async for chunk in response.aiter_stream():
                read += len(chunk)
                if read > _READ:
                    break
            redirected = ", a redirect, which is not followed" if 300 <= response.status < 400 else ""
            return Answer(response.status, f"HTTP {response.status}{redirected}")

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


def _unconnected(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "the receiver's certificate is not good"
        if isinstance(cause, ssl.SSLError):
            return "TLS could not be agreed on"
        cause = cause.__cause__ or cause.__context__
    return "the receiver cannot be connected to"
