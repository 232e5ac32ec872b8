"""What the tests of the embedded servers share."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from suite.table import SERVICES, Service
from tests.support.environment import without_settings
from tests.support.repository import REPOSITORY


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
def deep_folder(tmp_path: Path) -> Path:
    """A folder whose path is too long for a Unix socket: servers in it listen on a port."""
    return tmp_path / ("deep" * 27)


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
    return {**without_settings(), "PYTHONPATH": str(REPOSITORY), "FAKE_SERVICE_HOME": str(tmp_path)}
