"""How much of an address is kept."""

import socket
from functools import lru_cache

# The longest address is an IPv6 one that ends in an IPv4 one, with a zone.
MAX_ADDRESS_LENGTH = 64
_MAPPED_IPV4 = bytes(10) + b"\xff\xff"
_SIX_TO_FOUR = b"\x20\x02"


def truncate_ip(address: str) -> str:
    """IPv4 without its last octet, IPv6 cut to its first 48 bits; empty if it is not an address."""
    # Long texts would fill the cache.
    return _truncate(address) if len(address) <= MAX_ADDRESS_LENGTH else ""


# Enough for the visits under way.
@lru_cache(maxsize=8192)
def _truncate(address: str) -> str:
    try:
        socket.inet_pton(socket.AF_INET, address)
    except (OSError, ValueError):
        return _truncate_ipv6(address)
    return address[: address.rindex(".")] + ".0"


def _truncate_ipv6(address: str) -> str:
    unzoned, percent, zone = address.partition("%")
    if percent and (not zone or "%" in zone):
        return ""
    try:
        packed = socket.inet_pton(socket.AF_INET6, unzoned)
    except (OSError, ValueError):
        return ""
    # Two kinds of addresses hold a whole IPv4 address: mapped ones, and 6to4 ones in their first 48 bits.
    if packed.startswith(_MAPPED_IPV4):
        return truncate_ip(socket.inet_ntop(socket.AF_INET, packed[12:]))
    if packed.startswith(_SIX_TO_FOUR):
        return truncate_ip(socket.inet_ntop(socket.AF_INET, packed[2:6]))
    return socket.inet_ntop(socket.AF_INET6, packed[:6] + bytes(10))
