"""How much of an address is kept."""

import ipaddress
import socket
from functools import lru_cache

# The longest address is an IPv6 one that ends in an IPv4 one, with a zone.
MAX_ADDRESS_LENGTH = 64


def truncate_ip(address: str) -> str:
    """IPv4 without its last octet, IPv6 cut to its first 48 bits; empty if it is not an address."""
    # Long texts would fill the cache.
    return _truncate(address) if len(address) <= MAX_ADDRESS_LENGTH else ""


@lru_cache(maxsize=50_000)
def _truncate(address: str) -> str:
    try:
        socket.inet_pton(socket.AF_INET, address)
    except (OSError, ValueError):
        return _truncate_ipv6(address)
    return address[: address.rindex(".")] + ".0"


def _truncate_ipv6(address: str) -> str:
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return ""
    # The first 48 bits of a 6to4 address hold a whole IPv4 address.
    if inner := parsed.ipv4_mapped or parsed.sixtofour:
        return truncate_ip(str(inner))
    return str(ipaddress.ip_network((parsed, 48), strict=False).network_address)
