"""The yardstick of CheckConsent: a bare grpc.aio server that answers as many bytes as it does.

    python -m tests.bench.echo PORT RESPONSE_BYTES

No interceptor, no message classes, no token check: what grpc.aio itself costs and nothing else.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import grpc

from libs.rpc.channels import open_channel
from suite.embedded.ports import HOST
from tests.bench.child_server import PythonServer

METHOD = "/weir.bench.Echo/Call"
_PORT = 50071


class EchoServer(PythonServer):
    """The server as a child process."""

    def __init__(self, folder: Path, response_bytes: int) -> None:
        super().__init__("echo", folder, _PORT)
        self._response_bytes = response_bytes

    def _command(self) -> Sequence[str]:
        return ["tests.bench.echo", str(self.port), str(self._response_bytes)]

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
