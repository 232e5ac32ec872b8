"""The port of workers: theirs alone, and a service that comes second does not get it."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from libs.common.errors import ConfigurationError
from libs.runtime.workers.shared_port import shared_port

HOST = "127.0.0.1"


@contextmanager
def listening(port: int, *, shared: bool) -> Iterator[int]:
    """Listens as a gRPC server of Weir does; yields the port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        listener.bind((HOST, port))
        listener.listen()
        yield listener.getsockname()[1]


def test_workers_share_it_and_others_do_not() -> None:
    with shared_port(HOST, 0) as port, ExitStack() as workers:
        for _ in range(3):
            workers.enter_context(listening(port, shared=True))
        with pytest.raises(OSError, match="in use"), listening(port, shared=False):
            pass


def test_a_port_on_which_another_process_listens_is_refused() -> None:
    with listening(0, shared=False) as port, pytest.raises(ConfigurationError, match="in use"):
        shared_port(HOST, port).__enter__()


@pytest.mark.parametrize("has_workers", [False, True])
def test_a_second_parent_is_refused(has_workers: bool) -> None:
    with shared_port(HOST, 0) as port, ExitStack() as workers:
        if has_workers:
            workers.enter_context(listening(port, shared=True))
        with pytest.raises(ConfigurationError, match="in use"):
            shared_port(HOST, port).__enter__()


def test_it_is_free_again_afterwards_with_connections_still_open() -> None:
    with ExitStack() as connections:
        with shared_port(HOST, 0) as port, listening(port, shared=True):
            connections.enter_context(socket.create_connection((HOST, port)))
        with shared_port(HOST, port) as again:
            assert again == port


def test_an_address_that_this_machine_does_not_have() -> None:
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1 cannot be taken"):
        shared_port("192.0.2.1", 0).__enter__()
