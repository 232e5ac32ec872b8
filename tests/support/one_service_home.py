"""WEIR_HOME of a suite that has only the service under test, which is in this process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from suite.home import Addresses, Home


@contextmanager
def one_service_home(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **services: str
) -> Iterator[Path]:
    """The folder, while commands find these services' addresses there."""
    addresses = Addresses(
        services=services, metrics={}, database_url="", redis_url="", token="t", pid=os.getpid()
    )
    monkeypatch.setenv("WEIR_HOME", str(folder))
    # The service would write its log into the command's output.
    with Home(folder).lock(), capture_logs():
        Home(folder).write_addresses(addresses)
        yield folder
