"""Where deliveries may go: to addresses of the public internet, and to hosts that are allowed by name."""

import asyncio
import socket
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

from httpcore2 import AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream, ConnectError, ConnectTimeout

Address = IPv4Address | IPv6Address

_METADATA: Final = frozenset({ip_address("168.63.129.16")})
"""Public by its number, and answered by the machine's own host; the others of its kind are link-local or private."""

_NAT64: Final = IPv6Network("64:ff9b::/96")
_TRIED: Final = 3
"""Of the addresses of a host, so many."""


class RefusedAddress(Exception):
    """A host that is not at public addresses, and is not allowed by name."""


def is_public(address: Address) -> bool:
    """Whether an address, and the one that it may have within, is one of the public internet."""
    if isinstance(address, IPv6Address):
        within = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if within is None and address in _NAT64:
            within = IPv4Address(int(address) & 0xFFFFFFFF)
        if within is not None:
            return is_public(within)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved and address not in _METADATA


class SSRFGuard(AsyncNetworkBackend):
    """Connects to hosts at the very addresses that were judged, and looks at whom it reached.

    `allowed` hosts may be anywhere. A host with a single address that is refused is refused whole.
    """

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = frozenset(allowed)
        self._backend = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """See AsyncNetworkBackend; raises RefusedAddress."""
        addresses = await self._judged(host, port)
        failed: Exception = ConnectError("no address")
        for address in addresses[:_TRIED]:
            try:
                stream = await self._backend.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (ConnectError, ConnectTimeout) as error:
                failed = error
                continue
            peer = ip_address(stream.get_extra_info("server_addr")[0])
            if peer != address:
                await stream.aclose()
                raise RefusedAddress("another address answered than was asked")
            return stream
        raise failed

    async def _judged(self, host: str, port: int) -> list[Address]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            raise ConnectError("the host's name cannot be resolved") from None
        addresses = list(dict.fromkeys(ip_address(one[4][0]) for one in found))
        if host not in self._allowed and not all(map(is_public, addresses)):
            raise RefusedAddress(
                "the host is at an address that is not public: allow it by name in DESCENT_NOTIFY_ALLOW if it is meant"
            )
        return addresses
