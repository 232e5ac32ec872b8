"""Run as a module: stands for one of Weir's services where only its process matters.

Serves gRPC health at WEIR_PORT, holds WEIR_METRICS_PORT, writes a line when it drains, and ends at
once where a file called `broken` lies in the folder that FAKE_SERVICE_HOME names.
"""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


async def main() -> None:
    if (Path(os.environ["FAKE_SERVICE_HOME"]) / "broken").exists():
        sys.exit("asked to break")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    host = os.environ["WEIR_HOST"]
    server.add_insecure_port(f"{host}:{os.environ['WEIR_PORT']}")
    with socket.create_server((host, int(os.environ["WEIR_METRICS_PORT"]))):
        await server.start()
        await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        await stop.wait()
        print("drained", flush=True)
        await server.stop(0)


if __name__ == "__main__":
    asyncio.run(main())
