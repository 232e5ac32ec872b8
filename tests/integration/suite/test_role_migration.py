"""The migration of the roles: on servers that have them, by users who may not make them, on old homes."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from alembic import command
from sqlalchemy.engine import make_url

from libs.stores.postgres import create_engine
from services.enrich.partitions.keeper import PartitionKeeper
from services.enrich.partitions.plan import Leaf
from services.enrich.partitions.postgres import PostgresPartitionStore
from suite import migrate
from suite.embedded import PostgresServer
from suite.migrate import DatabaseError, newest_revision, upgrade
from tests.support.clocks import FixedClock
from tests.support.partitions import finish
from tests.support.repository import REPOSITORY

NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
OLD_RULES = """\
# Written by Weir, which replaces any other contents at the next start.
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""
ROLES = ["weir_aggregate", "weir_enrich", "weir_ingest", "weir_privacy", "weir_read"]
MIGRATE = "import sys; from suite.migrate import upgrade; upgrade(sys.argv[1])"
MAKE_OLD_LEAF = """
    CREATE TABLE enrich.events_90d_{day:%Y%m%d} PARTITION OF enrich.events_90d
        FOR VALUES FROM ('{day:%Y-%m-%d}') TO ('{next:%Y-%m-%d}')
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgresServer]:
    """A server of its own, on which there are no roles yet."""
    server = PostgresServer(tmp_path / "postgres", 25432)
    server.start()
    yield server
    server.stop()


def _create(server: PostgresServer, *databases: str) -> list[str]:
    with psycopg.connect(server.url, autocommit=True) as connection:
        for name in databases:
            connection.execute(f"CREATE DATABASE {name}".encode())
    return [server.url_of(name) for name in databases]


def _roles(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'weir\\_%'")
        return sorted(row[0] for row in found.fetchall())


def test_databases_of_one_server_are_migrated_at_once(server: PostgresServer) -> None:
    urls = _create(server, "one", "two", "three", "four")
    command = [sys.executable, "-c", MIGRATE]
    # Processes, because Alembic is one migration's at a time within one.
    with ThreadPoolExecutor(len(urls)) as pool:
        ends = pool.map(
            lambda url: subprocess.run([*command, url], cwd=REPOSITORY, timeout=120, check=False),
            urls,
        )
        assert [end.returncode for end in ends] == [0] * len(urls)
    assert _roles(server.url) == ROLES
    server.let_in("weir_ingest")
    for name in ("one", "two", "three", "four"):
        with psycopg.connect(server.url_of(name, "weir_ingest")) as connection:
            assert connection.execute("SELECT count(*) FROM ingest.dead_letters").fetchone() == (0,)


def test_a_user_who_may_not_create_roles_is_told_what_to_run(server: PostgresServer) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE plain")
        connection.execute("GRANT plain TO weir")
        connection.execute("CREATE DATABASE managed OWNER plain")
    server.let_in("plain")
    url = server.url_of("managed", "plain")
    with pytest.raises(DatabaseError) as caught:
        upgrade(url)
    message = str(caught.value)
    assert "plain may not create the role weir_ingest" in message
    by_hand = message.partition("let an administrator run ")[2].partition(" Then migrate again")[0]
    assert by_hand.count("CREATE ROLE") == 5
    assert by_hand.endswith("GRANT weir_enrich TO plain;")
    with psycopg.connect(server.url, autocommit=True) as connection:
        for statement in by_hand.split(";")[:-1]:
            connection.execute(statement.encode())
    assert upgrade(url) == newest_revision()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM enrich.events").fetchone() == (0,)


def test_the_statements_of_the_operations_page_are_enough(server: PostgresServer) -> None:
    page = (REPOSITORY / "docs" / "operations.md").read_text()
    blocks = [part.partition("```")[0] for part in page.split("```sql\n")[1:]]
    [statements] = [block.splitlines() for block in blocks if "CREATE ROLE" in block]
    assert len(statements) == 8
    with psycopg.connect(server.url, autocommit=True) as connection:
        for statement in statements:
            if statement.startswith("CREATE DATABASE"):
                # What an administrator may without that; and one of this name is there.
                connection.execute("GRANT weir_owner TO weir")
                statement = statement.replace("weir OWNER", "documented OWNER")
            connection.execute(statement.encode())
    url = make_url(server.url_of("documented"))
    owner = url.set(username="weir_owner", password="secret").render_as_string(hide_password=False)
    assert upgrade(owner) == newest_revision()
    enrich = url.set(username="weir_enrich", password="secret")
    with psycopg.connect(enrich.render_as_string(hide_password=False)) as connection:
        assert connection.execute("SELECT count(*) FROM enrich.events").fetchone() == (0,)


def test_roles_that_are_there_need_only_a_member_of_enrichs(server: PostgresServer) -> None:
    upgrade(server.url)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE plain")
        connection.execute("GRANT plain TO weir")
        connection.execute("CREATE DATABASE managed OWNER plain")
    server.let_in("plain")
    with pytest.raises(DatabaseError, match="GRANT weir_enrich TO plain; Then migrate again"):
        upgrade(server.url_of("managed", "plain"))
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("GRANT weir_enrich TO plain")
    assert upgrade(server.url_of("managed", "plain")) == newest_revision()


async def test_a_database_of_an_earlier_release_becomes_enrichs_to_change(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its partitions belong to the user who migrated, and so do those that the earlier release makes while
    it still runs; enrich merges all of them as its own role."""
    config = migrate._config()
    with migrate._transaction(server.url) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0006_device_details")
    assert _roles(server.url) == []
    days = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(4)]

    def make_leaf(day: datetime) -> None:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(MAKE_OLD_LEAF.format(day=day, next=day + timedelta(days=1)).encode())
            connection.execute(
                "INSERT INTO enrich.events (event_uuid, occurred_at, received_at, app_id,"
                " retention_class, name, schema_version, producer, environment, properties)"
                " VALUES (gen_random_uuid(), %s, %s, 'chess', '90d', 'game.ended', '1.0.0',"
                " 'server', 'production', '{}')",
                [day, NOW],
            )

    for day in days[:3]:
        make_leaf(day)
    upgrade(server.url)
    make_leaf(days[3])
    upgrade(server.url)

    server.let_in("weir_enrich")
    engine = create_engine(server.url_of("weir", "weir_enrich"), service="enrich")
    try:
        store = PostgresPartitionStore(engine)
        keeper = PartitionKeeper(store, FixedClock(NOW))
        await finish(keeper)
        leaves = {leaf.name: leaf for leaf in (await store.leaves())["90d"]}
    finally:
        await engine.dispose()
    assert not [name for name in leaves if name.startswith("events_90d_2024")]
    assert isinstance(leaves["events_90d_older"], Leaf)
    with psycopg.connect(server.url) as reading:
        held = reading.execute("SELECT count(*) FROM enrich.events_90d_older").fetchone()
        assert held == (4,)


def test_an_old_home_lets_weir_create_roles(server: PostgresServer) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept (word text)")
    password = make_url(server.url).password
    server.stop()
    (server.data_dir / "cluster" / "pg_hba.conf").write_text(OLD_RULES)
    server._run_alone("ALTER ROLE weir NOCREATEROLE;\n")
    server.start()
    assert make_url(server.url).password == password
    upgrade(server.url)
    assert _roles(server.url) == ROLES
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
