"""What the tests of the embedded servers share."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from libs.common.settings import REPOSITORY
from services.local import SERVICES, Service

_PATIENCE_SECONDS = 60


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Waits until a condition holds, however long this machine takes for it within reason."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.02)

    return wait


@pytest.fixture
def gone() -> Callable[[int], bool]:
    """Tells whether a process has ended."""

    def is_gone(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return is_gone


@pytest.fixture
def fake_services() -> tuple[Service, ...]:
    """The table of services with a stand-in behind each name, and ports that others do not use."""
    return tuple(
        Service(
            row.name, "tests.support.fake_service", row.port - 20_000, row.metrics_port + 20_000
        )
        for row in SERVICES
    )


@pytest.fixture
def fake_environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a suite of stand-ins."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
    return {**ours, "PYTHONPATH": str(REPOSITORY), "FAKE_SERVICE_HOME": str(tmp_path)}
