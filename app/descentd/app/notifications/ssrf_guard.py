"""The SSRF guard: deliveries may go to addresses of the public internet, and to hosts that are allowed by name."""

import asyncio
import socket
from collections.abc import Collection, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

from httpcore2 import AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream, ConnectError, ConnectTimeout

Address = IPv4Address | IPv6Address

_SPECIAL: Final[Sequence[IPv4Network | IPv6Network]] = tuple(
    map(
        ip_network,
        (
            # IANA IPv4 Special-Purpose Address Registry (RFC 6890 and its updates), multicast and reserved space
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
            *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
            *("224.0.0.0/4", "240.0.0.0/4"),
            # answered by the host of a virtual machine in Azure, and in Oracle's and Alibaba's clouds
            *("168.63.129.16/32", "192.0.0.192/32", "100.100.100.200/32"),
            # of IPv6, all that is not global unicast, and what is special in that
            *("::/3", "4000::/2", "8000::/1", "2001::/23", "2001:db8::/32", "3fff::/20", "2620:4f:8000::/48"),
        ),
    )
)
"""Networks that are not public. An address in `64:ff9b::/96`, 6to4 or Teredo is judged by the IPv4 address in it."""

_NAT64: Final = IPv6Network("64:ff9b::/96")
_TRIED: Final = 3
"""The most addresses of a host that are tried."""


class RefusedAddress(Exception):
    """The host has an address that is not public, and is not allowed by name."""


def is_public(address: Address) -> bool:
    """Whether an address is public, by an explicit list of the networks that are not."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return not any(address.version == special.version and address in special for special in _SPECIAL)


class SSRFGuard(AsyncNetworkBackend):
    """Connects to exactly the addresses that it checked, and verifies the address of the peer.

    `allowed` hosts may have any address. Another host is refused if one of its addresses is not public.
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
        """Open a TCP connection to an address of the host that was checked; raises RefusedAddress."""
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
