"""Apps that tests add to a running suite."""

import os
import signal
from pathlib import Path

from libs.catalog import load_snapshot
from suite.supervisor import Suite
from tests.support.service_metrics import SERVICES, catalog_versions
from tests.support.waiting import eventually


def add_catalogs(suite: Suite, catalogs: dict[str, str]) -> None:
    """Writes catalogs, by the id of their app, into the suite's folder; returns when all services work with
    them."""
    folder = Path(suite.addresses.catalogs)
    for app_id, text in catalogs.items():
        (folder / f"{app_id}.yaml").write_text(text)
    version = load_snapshot(folder).version
    for service in SERVICES:
        os.kill(suite.pid(service), signal.SIGHUP)
    eventually(lambda: set(catalog_versions(suite).values()) == {version})
