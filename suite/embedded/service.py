"""One gRPC service of ours as a child process, ready when its health check says so."""

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from libs.rpc.health_probe import is_serving
from suite.embedded.ports import HOST
from suite.embedded.process import start_child
from suite.embedded.server import ChildServer


class ServiceProcess(ChildServer):
    """`python -m module` with a gRPC port, a metrics port and a log file.

    `environment` is the whole environment of the process but for its own address; `peers` says at each start
    where the other services are.
    """

    def __init__(
        self,
        module: str,
        *,
        port: int,
        metrics_port: int,
        log: Path,
        environment: Mapping[str, str],
        peers: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        super().__init__(
            module,
            log,
            (port, metrics_port),
            stop_signal=signal.SIGTERM,
            start_seconds=60,
            stop_seconds=20,
        )
        self._environment = dict(environment)
        self._peers = peers

    @property
    def url(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"{HOST}:{self.port}"

    @property
    def metrics_url(self) -> str:
        """Where Prometheus finds its metrics."""
        return f"http://{HOST}:{self._ports[1]}/metrics"

    def _launch(self) -> subprocess.Popen[bytes]:
        port, metrics_port = self._ports
        return start_child(
            # -P: a folder named `services` in the working directory is not ours.
            [sys.executable, "-P", "-m", self.title],
            death_signal=signal.SIGTERM,
            log=self.log,
            environment={
                **self._environment,
                **self._peers(),
                "WEIR_HOST": HOST,
                "WEIR_PORT": str(port),
                "WEIR_METRICS_PORT": str(metrics_port),
            },
        )

    def _is_ready(self) -> bool:
        return is_serving(self.url)
