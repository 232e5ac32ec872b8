"""A port that the workers of one parent share, and no other process.

With SO_REUSEPORT any process of the same user that asks for it gets a share of a port's connections,
unnoticed. So the parent takes the port as a process without workers does, which fails if another process
listens on it, and permits sharing afterwards.
"""

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from libs.common.errors import ConfigurationError


@contextmanager
def shared_port(host: str, port: int) -> Iterator[int]:
    """Holds a port (0: any free one) inside the block, so that this process's workers alone can share it;
    yields its number.

    Raises ConfigurationError if another process has it, or if this machine has no such address.
    """
    with ExitStack() as stack:
        try:
            family, kind, _, _, address = socket.getaddrinfo(
                host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            held = stack.enter_context(socket.socket(family, kind))
            # Connections of an earlier run in TIME_WAIT do not count as taken.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(address)
            number = int(held.getsockname()[1])
            if sys.platform == "linux":
                # Until the first worker listens, the kernel would let a second parent bind as well. An
                # abstract name is known to the kernel alone, and gone with the process that holds it.
                claim = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                claim.bind(f"\0weir-workers-{host}-{number}")
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        except OSError as error:
            raise ConfigurationError(
                f"port {port} of {host} cannot be taken: {error.strerror}"
            ) from None
        yield number
