"""A server that speaks S3, on this machine."""

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from suite.embedded.ports import HOST, reserve_port
from tests.support.waiting import eventually

BUCKET = "weir"
# As it knows no users, it takes any.
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "weir", "AWS_SECRET_ACCESS_KEY": "weir-secret"}


@contextmanager
def s3_server(folder: Path) -> Iterator[Mapping[str, str]]:
    """AWS's variables for a server with an empty bucket `weir`; it keeps objects in memory."""
    port = reserve_port(25900)
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "moto.server",
        "-H",
        HOST,
        "-p",
        str(port.port),
    ]
    with (folder / "s3.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=_environment())
    try:
        eventually(lambda: _accepts(port.port))
        url = f"http://{HOST}:{port.port}"
        urllib.request.urlopen(urllib.request.Request(f"{url}/{BUCKET}", method="PUT")).close()
        yield _CREDENTIALS | {"AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1"}
    finally:
        process.kill()
        process.wait()
        port.release()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), 1).close()
    except OSError:
        return False
    return True
