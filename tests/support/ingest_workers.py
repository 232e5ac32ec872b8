"""A suite whose ingest has two workers, and connections that the kernel spreads over them."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import orjson
import psutil

from suite.home import Home
from suite.supervisor import Suite
from tests.support.environment import without_settings
from tests.support.waiting import eventually

WORKERS = 2
# One of two workers gets none of so many connections once in 500 million times.
CONNECTIONS = 30


@contextmanager
def suite_with_workers(folder: Path, settings: Mapping[str, str]) -> Iterator[Suite]:
    """The real suite, with all workers of ingest serving."""
    environment = {**without_settings(), "WEIR_INGEST_WORKERS": str(WORKERS), **settings}
    with Suite(Home(folder), environment) as running:
        eventually(lambda: len(serving(running)) == WORKERS)
        yield running
    shutil.rmtree(folder)


def workers(suite: Suite) -> list[psutil.Process]:
    """The processes that ingest's parent has started."""
    return psutil.Process(suite.pid("ingest")).children()


def connections(suite: Suite, status: str) -> dict[int, int]:
    """How many sockets at ingest's port each worker has in this state, as the kernel shows them, without
    privacy's connection to ingest."""
    port = int(suite.addresses.services["ingest"].rpartition(":")[2])
    others = {
        held.laddr.port for held in psutil.Process(suite.pid("privacy")).net_connections("tcp")
    }
    found = dict[int, int]()
    for worker in workers(suite):
        with worker.oneshot():
            sockets = [
                held
                for held in worker.net_connections("tcp")
                if held.status == status
                and held.laddr.port == port
                and not (held.raddr and held.raddr.port in others)
            ]
        found[worker.pid] = len(sockets)
    return found


def serving(suite: Suite) -> list[int]:
    """The process ids of all workers that have served so far, as the parent's log says, oldest first."""
    lines = map(orjson.loads, suite.part("ingest").log.read_bytes().splitlines())
    return [line["pid"] for line in lines if line["event"] == "a worker serves"]


@contextmanager
def spread_channels(suite: Suite) -> Iterator[list[grpc.Channel]]:
    """Channels with a connection each; by default, those of one process to one address share it."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                grpc.insecure_channel(
                    suite.addresses.services["ingest"],
                    options=[("grpc.use_local_subchannel_pool", 1)],
                )
            )
            for _ in range(CONNECTIONS)
        ]
