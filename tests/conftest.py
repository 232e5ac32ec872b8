"""Fixtures of the tests that need real stores or the real suite.

Servers are started when the first test asks for one, once per pytest-xdist worker, and leave
nothing behind, neither processes nor files.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
import structlog
from hypothesis import settings
from redis import Redis

from suite.embedded import PostgresServer, RedisServer
from tests.support.databases import Databases
from tests.support.memory_folder import memory_folder
from tests.support.s3_server import s3_server

# How long an example may take depends on what else the machine does; tests have a time limit as a whole.
settings.register_profile("weir", deadline=None)
settings.load_profile("weir")

# Tables are as wide here as in a file, whatever terminal runs the tests: pytest loads readline, which sets
# COLUMNS for pytest-xdist's workers. A test of a narrow terminal sets it itself.
os.environ.pop("COLUMNS", None)

# Without this, structlog prints the locals of each frame: catalogs are among them, and take half a minute.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)


# Hundreds of databases of 10 MB are made and dropped, none of which outlives this run, nor the machine. No
# process of the superuser is in one when it is dropped; fewer pages of memory are new to each connection; of
# the log, which may be in memory itself, little is kept. Three quarters of the client's time for a connection
# went into the hashing of its password.
_SMALL_DATABASES = {
    "autovacuum": "off",
    "fsync": "off",
    "shared_buffers": "64MB",
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
    "scram_iterations": "1",
}


@pytest.fixture(scope="session")
def server_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for data of servers; removed at the end, because that is a lot of data."""
    with memory_folder(tmp_path_factory.mktemp("servers")) as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres(server_home: Path) -> Iterator[PostgresServer]:
    """A running PostgreSQL; a test that kills it may leave it so."""
    server = PostgresServer(server_home / "postgres", 25432, settings=_SMALL_DATABASES)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis(server_home: Path) -> Iterator[RedisServer]:
    """A running Redis; a test that kills it may leave it so."""
    server = RedisServer(server_home / "redis", 26379)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def s3(server_home: Path) -> Iterator[Mapping[str, str]]:
    """AWS's variables for a running server with a bucket `weir`, which tests share."""
    with s3_server(server_home) as variables:
        yield variables


@pytest.fixture(scope="session")
def databases(postgres: PostgresServer) -> Iterator[Databases]:
    """Makes migrated databases, for fixtures of a wider scope than `database_url`."""
    made = Databases(postgres)
    yield made
    made.close()


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """An empty migrated database for this test alone."""
    url = databases.create()
    yield url
    databases.drop(url)


@pytest.fixture
def role_url(databases: Databases, database_url: str) -> Callable[[str], str]:
    """The URL of `database_url` for a service's role, as `weir_enrich`."""
    return partial(databases.as_role, database_url)


@pytest.fixture
def redis_url(redis: RedisServer) -> str:
    """An empty Redis for this test alone."""
    redis.start()
    with Redis.from_url(redis.url) as client:
        client.flushall()
    return redis.url
