"""Apps that tests add to a running suite."""

import os
import signal
from pathlib import Path

from redis import Redis

from libs.catalog import load_snapshot
from libs.consent import READY_FIELD, consent_key
from suite.supervisor import Suite
from tests.support.service_metrics import SERVICES, catalog_versions
from tests.support.waiting import eventually


def add_catalogs(suite: Suite, catalogs: dict[str, str]) -> None:
    """Writes catalogs, by the id of their app, into the suite's folder; returns when all services work with
    them, and privacy has made the mirrors of consent that ingest reads. The suite has one shard."""
    folder = Path(suite.addresses.catalogs)
    for app_id, text in catalogs.items():
        (folder / f"{app_id}.yaml").write_text(text)
    version = load_snapshot(folder).version
    for service in SERVICES:
        os.kill(suite.pid(service), signal.SIGHUP)
    eventually(lambda: set(catalog_versions(suite).values()) == {version})
    with Redis.from_url(suite.addresses.redis_url) as redis:
        keys = [consent_key(app_id, 0) for app_id in catalogs]
        eventually(lambda: all(redis.hexists(key, READY_FIELD) for key in keys))
