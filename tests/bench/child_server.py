"""A server that the suite is measured beside: a child process at one port, started as the services are."""

import os
import signal
import subprocess
import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from suite.embedded.ports import HOST
from suite.embedded.process import start_child
from suite.embedded.server import ChildServer
from tests.support.repository import REPOSITORY


class PythonServer(ChildServer):
    """`python -m MODULE ARGUMENTS`, ended by SIGTERM. Who derives from it says when it is ready."""

    def __init__(
        self, title: str, folder: Path, port: int, environment: Mapping[str, str] | None = None
    ) -> None:
        """Logs to `TITLE.log` in `folder`; `environment` is added to this process' own."""
        super().__init__(
            title,
            folder / f"{title}.log",
            (port,),
            stop_signal=signal.SIGTERM,
            start_seconds=30,
            stop_seconds=10,
        )
        self._environment = {**os.environ, **(environment or {})}

    @property
    def url(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"{HOST}:{self.port}"

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """The module and its arguments."""

    def _launch(self) -> subprocess.Popen[bytes]:
        return start_child(
            [sys.executable, "-m", *self._command()],
            death_signal=signal.SIGTERM,
            log=self.log,
            cwd=REPOSITORY,
            environment=self._environment,
        )
