"""One gRPC service of ours as a child process, served when its health check says so."""

import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from libs.common.embedded.ports import HOST, Reservation, can_bind, reserve_port
from libs.common.embedded.process import (
    StartError,
    kill_child,
    log_size,
    log_tail,
    rotate_log,
    start_child,
    stop_child,
)

_BIND_ATTEMPTS = 5
_START_SECONDS = 60
_STOP_SECONDS = 20


class ServiceProcess:
    """`python -m module` with a gRPC port, a metrics port and a log file.

    The ports are wishes: taken ones are stepped over at the first start, and then kept.
    `environment` is the whole environment of the process but for the two ports.
    """

    def __init__(
        self,
        module: str,
        *,
        port: int,
        metrics_port: int,
        log: Path,
        environment: Mapping[str, str],
    ) -> None:
        self.module = module
        self.port = port
        self.metrics_port = metrics_port
        self.log = log
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._reservations: list[Reservation] = []
        self._log_start = 0

    @property
    def url(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The process id. Raises StartError where it does not run."""
        if self._process is None:
            raise StartError(f"{self.module} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process that was started is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> str:
        """Starts the process and returns `url` once it is SERVING. Raises StartError."""
        self.begin()
        return self.wait_until_serving()

    def begin(self) -> None:
        """Starts the process and does not wait for it."""
        if self.running:
            return
        if not self._reservations:
            self._reservations = [reserve_port(self.port), reserve_port(self.metrics_port)]
            self.port, self.metrics_port = (held.port for held in self._reservations)
        rotate_log(self.log)
        self._log_start = log_size(self.log)
        self._process = start_child(
            # -P: a folder named `services` in the working directory is not ours.
            [sys.executable, "-P", "-m", self.module],
            death_signal=signal.SIGTERM,
            log=self.log,
            environment={
                **self._environment,
                "WEIR_HOST": HOST,
                "WEIR_PORT": str(self.port),
                "WEIR_METRICS_PORT": str(self.metrics_port),
            },
        )

    def wait_until_serving(self) -> str:
        """Returns `url` once the overall health is SERVING.

        Where somebody took a port between picking and binding it, the next one is tried.
        Raises StartError.
        """
        for _ in range(_BIND_ATTEMPTS):
            if self._wait():
                return self.url
            if can_bind(self.port) and can_bind(self.metrics_port):
                break
            self._forget()
            self.begin()
        status, words = self.exit_status(), self.last_words()
        self.stop()
        raise StartError(f"{self.module} did not start ({status}); the end of {self.log}:\n{words}")

    def stop(self) -> None:
        """SIGTERM, time to drain, and SIGKILL for what is left then."""
        if self._process is not None:
            try:
                stop_child(self._process, signal_=signal.SIGTERM, grace_seconds=_STOP_SECONDS)
            finally:
                self._forget()

    def kill(self) -> None:
        """SIGKILL, as a crash would; `start` comes back on the same ports."""
        if self._process is not None:
            kill_child(self._process)
            self._process = None

    def exit_status(self) -> str:
        """How the process ended, for people: `exit status 1`, `killed by SIGKILL`."""
        status = self._process.poll() if self._process is not None else None
        if status is None:
            return "no answer to its health check"
        if status < 0:
            return f"killed by {signal.Signals(-status).name}"
        return f"exit status {status}"

    def last_words(self) -> str:
        """The end of what it wrote since its last start."""
        return log_tail(self.log, start=self._log_start)

    def _wait(self) -> bool:
        """False when the process ended, or did not serve in time."""
        deadline = time.monotonic() + _START_SECONDS
        while self.running and time.monotonic() < deadline:
            if is_serving(self.url) and self.running:
                return True
            time.sleep(0.05)
        return False

    def _forget(self) -> None:
        self._process = None
        for reservation in self._reservations:
            reservation.release()
        self._reservations = []


def is_serving(address: str, *, timeout_seconds: float = 2.0) -> bool:
    """Whether a gRPC server at `host:port` reports itself SERVING as a whole."""
    # A proxy from the environment has no business on the loopback interface.
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(address, options=options) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=timeout_seconds
            )
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
