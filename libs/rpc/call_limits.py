"""How many calls may be open at once, so that no caller can hold all of a server's memory.

Streams count as long as they are open; of unary calls only those without a token, while they wait for
their message. The two are counted apart: callers who watch health do not keep probes from asking for it.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_network
from urllib.parse import unquote

from libs.common.errors import LimitExceeded
from libs.rpc import metrics
from libs.rpc.access import ANONYMOUS

# Streams end when a producer ends: soon enough to try again, and not all the time.
RETRY_AFTER_SECONDS = 1.0


class OpenCalls:
    """Counts the calls that are open: by connection, by credential and, without a token, by address.

    A `connection` is a peer as gRPC writes it, such as `ipv4:192.0.2.7:50123`.
    """

    def __init__(self, *, per_connection: int, per_credential: int, per_address: int) -> None:
        self._limits = {
            "max_streams_per_connection": per_connection,
            "max_streams_per_credential": per_credential,
            "max_anonymous_calls_per_address": per_address,
        }
        self._open: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def hold(self, *, connection: str, credential: str) -> Iterator[None]:
        """Counts a stream as open inside the block. Raises LimitExceeded at a limit."""
        keys = [
            ("max_streams_per_connection", connection),
            ("max_streams_per_credential", credential),
        ]
        if credential == ANONYMOUS.name:
            keys.append(("max_anonymous_calls_per_address", _address(connection)))
        with self._counted(keys):
            yield

    @contextmanager
    def hold_waiting(self, *, connection: str) -> Iterator[None]:
        """Counts a unary call without a token as one that waits for its message inside the block. Raises
        LimitExceeded at a limit."""
        keys = [
            ("max_streams_per_credential", f"{ANONYMOUS.name} and waiting"),
            ("max_anonymous_calls_per_address", f"{_address(connection)} and waiting"),
        ]
        with self._counted(keys):
            yield

    @contextmanager
    def _counted(self, keys: list[tuple[str, str]]) -> Iterator[None]:
        for key in keys:
            self._check(key)
        self._open.update(keys)
        try:
            yield
        finally:
            for key in keys:
                self._open[key] -= 1
                if not self._open[key]:
                    del self._open[key]

    def _check(self, key: tuple[str, str]) -> None:
        name = key[0]
        limit = self._limits[name]
        if self._open[key] >= limit:
            metrics.REFUSED_CALLS.labels(name).inc()
            raise LimitExceeded(
                f"{limit} calls are open already; the limit is {name}",
                limit=name,
                value=limit,
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )


def _address(peer: str) -> str:
    """The address of a peer without its port; of IPv6 the /64 network, which one caller has to itself."""
    kind, _, rest = peer.partition(":")
    host = unquote(rest).rpartition(":")[0].strip("[]")
    if kind != "ipv6":
        return host
    address = IPv6Address(host)
    return str(address.ipv4_mapped or ip_network((int(address) >> 64 << 64, 64)))
