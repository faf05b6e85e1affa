"""Where a request comes from: the connection's own other end, or who a trusted proxy says is behind it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import Scope

LONGEST: Final = 45
"""Characters of an address: of IPv6 with an IPv4 address in it, all written out."""

PEER: Final = "peer"
"""In a request's state: (address, port) of the connection's other end, whatever headers say; None: it has none."""


def keep_only_addresses(scope: Scope) -> None:
    """Take back what a proxy has passed on if it is no address: X-Forwarded-For is any text that a client likes.

    What remains is counted, audited and logged, and must neither be invented without end nor hold what was pasted there.
    """
    peer, client = scope.get("state", {}).get(PEER), scope.get("client")
    if client is not None and client != peer and not (len(client[0]) <= LONGEST and _is_address(client[0])):
        scope["client"] = peer


@lru_cache(4096)
def _is_address(host: str) -> bool:
    try:
        return not getattr(ip_address(host), "scope_id", None)  # a scope is any text, too
    except ValueError:
        return False


def address_of(connection: HTTPConnection) -> str:
    """The client's address; an empty string where there is none, as on a Unix socket."""
    return connection.client.host if connection.client else ""


def network(address: str) -> str:
    """What counts as one address: of IPv6 the /64 network, which is the least that one customer is given."""
    if ":" not in address:
        return address
    try:
        long = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(long.ipv4_mapped or int(long) >> 64)
