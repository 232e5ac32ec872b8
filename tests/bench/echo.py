"""The yardstick of CheckConsent: a bare grpc.aio server that answers as many bytes as it does.

    python -m tests.bench.echo PORT RESPONSE_BYTES

No interceptor, no message classes, no token check: what grpc.aio itself costs and nothing else.
"""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import grpc

from libs.rpc.channels import open_channel
from suite.embedded.ports import HOST
from suite.embedded.process import start_child
from suite.embedded.server import ChildServer
from tests.support.repository import REPOSITORY

METHOD = "/weir.bench.Echo/Call"
_PORT = 50071


class EchoServer(ChildServer):
    """The server as a child process, started as the services are."""

    def __init__(self, folder: Path, response_bytes: int) -> None:
        super().__init__(
            "tests.bench.echo",
            folder / "echo.log",
            (_PORT,),
            stop_signal=signal.SIGTERM,
            start_seconds=30,
            stop_seconds=5,
        )
        self._response_bytes = response_bytes

    @property
    def url(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"{HOST}:{self.port}"

    def _launch(self) -> subprocess.Popen[bytes]:
        return start_child(
            [sys.executable, "-m", self.title, str(self.port), str(self._response_bytes)],
            death_signal=signal.SIGTERM,
            log=self.log,
            cwd=REPOSITORY,
            environment=dict(os.environ),
        )

    def _is_ready(self) -> bool:
        with open_channel(self.url, retry=False) as channel:
            try:
                channel.unary_unary(METHOD)(b"", timeout=2.0)
            except grpc.RpcError:
                return False
        return True


async def serve(port: int, response_bytes: int) -> None:
    """Answers every call with the same bytes until SIGTERM."""
    answer = b"\x00" * response_bytes

    async def call(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        return answer

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    service, method = METHOD[1:].split("/")
    handlers = {method: grpc.unary_unary_rpc_method_handler(call)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(f"{HOST}:{port}")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await server.start()
    await stop.wait()
    await server.stop(0)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
