"""Ports on the loopback interface: taken ones are stepped over, picked ones are held."""

import socket
import sys
from dataclasses import dataclass

HOST = "127.0.0.1"
_HIGHEST_PORT = 65535


@dataclass
class Reservation:
    """A port that no other Weir process picks until it is released, or this process ends."""

    port: int
    _claim: socket.socket | None

    def release(self) -> None:
        """Gives the port back; twice does no harm."""
        if self._claim is not None:
            self._claim.close()
            self._claim = None


def reserve_port(preferred: int) -> Reservation:
    """Picks the first port from `preferred` on that is free and not reserved.

    Between picking a port and a server's binding it, another suite could pick the same one, and
    gRPC servers can even share a port without noticing (SO_REUSEPORT). The reservation closes that
    gap among Weir processes of one machine; a foreign process can still come in between, and then
    the server fails to bind.
    """
    for port in range(max(preferred, 1), _HIGHEST_PORT + 1):
        if (reservation := _reserve(port)) is not None:
            return reservation
    raise OSError(f"no free port from {preferred} on")


def _reserve(port: int) -> Reservation | None:
    claim: socket.socket | None = None
    if sys.platform == "linux":
        # An abstract name: known to the kernel alone, in the same namespace as the ports, and gone
        # with the process that holds it. Nothing connects to it.
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            claim.bind(f"\0weir-port-{port}")
        except OSError:
            claim.close()
            return None
    if not can_bind(port):
        if claim is not None:
            claim.close()
        return None
    return Reservation(port, claim)


def can_bind(port: int) -> bool:
    """Whether no process listens on the port at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do, so that connections of an earlier run in TIME_WAIT do not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
