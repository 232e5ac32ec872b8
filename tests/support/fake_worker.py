"""Run as a module: one of several workers, of which only the process matters.

Counts its start, listens at the shared port, and serves until SIGTERM or until its parent has gone. The words
of FAKE_WORKER make it end with status 3: `broken` before it serves, `mortal` when it serves.
"""

import asyncio
import os
import signal
import socket
import sys

import structlog
from prometheus_client import Counter, Gauge

from libs.runtime.logs import configure_logs
from libs.runtime.workers.worker import this_worker

STARTS = Counter("fake_starts", "Processes that were started")
ALIVE = Gauge("fake_alive", "Processes that live", multiprocess_mode="livesum")
VERSION = Gauge("fake_info", "Always 1", ["version"], multiprocess_mode="livemax")


async def main() -> None:
    how = os.environ.get("FAKE_WORKER", "")
    worker = this_worker(sys.argv[1:])
    assert worker is not None
    configure_logs("fake", "INFO", worker.number)
    if how == "broken":
        sys.exit(3)
    STARTS.inc()
    ALIVE.set(1)
    # A version that was replaced by another one.
    VERSION.labels("old").set(0)
    VERSION.labels("new").set(1)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGHUP, structlog.get_logger().info, "hung up")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", worker.port))
        listener.listen()
        worker.report_serving()
        worker.watch_parent(loop, stop.set)
        if how == "mortal":
            sys.exit(3)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
