"""HTTP to addresses that a model or a person chose: never into the operator's own network.

Each name is resolved here, once, and the connection goes to the address that was checked: a name
that means another address the next moment gains nothing. A redirect is a request like any other.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Any

Resolve = Callable[[str, int], Awaitable[list[str]]]

_PORTS = (80, 443, 8080, 8443)


class Forbidden(Exception):
    """The address may not be asked; the message says why."""


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the public internet."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            return is_public(str(inner))
        if ip in ipaddress.ip_network("64:ff9b::/96"):  # IPv4 behind a translator
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


async def resolve(host: str, port: int) -> list[str]:
    """Return a name's addresses."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


async def pin(request: Any, resolver: Resolve = resolve) -> None:
    """Let a request of httpx, or of httpx2, go to an address that was checked.

    Raises:
        Forbidden: The address is not of the public internet, or no web address.
    """
    url = request.url
    host, port = url.host, url.port or (443 if url.scheme == "https" else 80)
    if url.scheme not in ("http", "https") or not host:
        raise Forbidden("Only addresses that begin with http or https can be read.")
    if port not in _PORTS:
        raise Forbidden(f"Port {port} is not asked.")
    try:
        found = await resolver(host, port)
    except OSError:
        raise Forbidden(f"There is no server of the name {host}.") from None
    if not found or not all(map(is_public, found)):
        raise Forbidden(f"{host} is not on the public internet, so it is not asked.")
    request.extensions = {**request.extensions, "sni_hostname": host}
    request.url = url.copy_with(host=found[0])
