"""`weir doctor` and `weir migrate` tell what is broken, and never a secret."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import typer
from redis import Redis
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from cli.main import app
from suite.embedded import PostgresServer
from suite.home import Addresses, Home
from suite.migrate import newest_revision

SECRET = "s3cret-canary"


@pytest.fixture
def cli() -> typer.Typer:
    return app


@pytest.fixture
def environment(tmp_path: Path, database_url: str, redis_url: str) -> dict[str, str | None]:
    return {
        "WEIR_HOME": str(tmp_path / "home"),
        "WEIR_DATABASE_URL": database_url,
        "WEIR_REDIS_URL": redis_url,
        "WEIR_CATALOGS": None,
    }


@pytest.fixture
def unmigrated_url(postgres: PostgresServer, databases: object) -> Iterator[str]:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE unmigrated")
        yield postgres.url_of("unmigrated")
        connection.execute("DROP DATABASE unmigrated WITH (FORCE)")


def _states(cli: typer.Typer, environment: dict[str, str | None]) -> tuple[int, dict[str, str]]:
    result = CliRunner().invoke(cli, ["doctor", "--json"], env=environment)
    return result.exit_code, {row["name"]: row["state"] for row in json.loads(result.stdout)}


def test_all_is_well_with_migrated_and_durable_stores(
    cli: typer.Typer, environment: dict[str, str | None]
) -> None:
    code, states = _states(cli, environment)
    assert code == 0
    assert states == {
        "python": "ok",
        "embedded postgres": "ok",
        "embedded redis": "ok",
        "home": "note",
        "suite": "note",
        "database": "ok",
        "redis": "ok",
        "catalogs": "ok",
    }


def test_a_database_that_was_never_migrated_is_broken_until_weir_migrate(
    cli: typer.Typer, environment: dict[str, str | None], unmigrated_url: str
) -> None:
    environment["WEIR_DATABASE_URL"] = unmigrated_url
    code, states = _states(cli, environment)
    assert (code, states["database"]) == (1, "broken")
    result = CliRunner().invoke(cli, ["migrate"], env=environment)
    assert result.stdout == f"at revision {newest_revision()}\n"
    assert _states(cli, environment)[1]["database"] == "ok"


@pytest.mark.parametrize(
    ("setting", "value", "state"), [("appendonly", "no", "broken"), ("appendfsync", "no", "note")]
)
def test_a_redis_whose_acks_are_not_durable_is_noticed(
    cli: typer.Typer, environment: dict[str, str | None], setting: str, value: str, state: str
) -> None:
    with Redis.from_url(str(environment["WEIR_REDIS_URL"])) as client:
        before = client.config_get(setting)[setting]
        client.config_set(setting, value)
        try:
            _, states = _states(cli, environment)
        finally:
            client.config_set(setting, before)
    assert states["redis"] == state


def test_a_service_that_does_not_serve_is_broken(
    cli: typer.Typer, environment: dict[str, str | None], tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    addresses = Addresses(
        services={"ingest": "127.0.0.1:1"},
        metrics={},
        database_url=str(environment["WEIR_DATABASE_URL"]),
        redis_url=str(environment["WEIR_REDIS_URL"]),
        token=SECRET,
        pid=1,
    )
    with home.lock():
        home.write_addresses(addresses)
        code, states = _states(cli, environment)
    assert (code, states["suite"], states["ingest"]) == (1, "ok", "broken")


@pytest.mark.parametrize(
    "database_url",
    [
        f"postgresql://weir:{SECRET}@127.0.0.1:1/weir",
        f"postgresql://weir@127.0.0.1:1/weir?password={SECRET}",
        f"password={SECRET} host=127.0.0.1",
        SECRET,
        # Characters that a password has to have percent-encoded.
        f"postgresql://weir:p@{SECRET}@127.0.0.1:1/weir",
        f"postgresql://weir:p@h:{SECRET}@127.0.0.1:1/weir",
    ],
)
@pytest.mark.parametrize(
    "redis_url",
    [f"redis://:{SECRET}@127.0.0.1:1/0", SECRET, f"redis://:{SECRET}#@127.0.0.1:1/0"],
)
def test_secrets_are_never_printed(
    cli: typer.Typer, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    environment = {
        "WEIR_HOME": str(tmp_path / "home"),
        "WEIR_DATABASE_URL": database_url,
        "WEIR_REDIS_URL": redis_url,
        "WEIR_AUTH_TOKEN": SECRET,
    }
    for words in (["doctor"], ["doctor", "--json"], ["migrate"], ["up"]):
        result = CliRunner().invoke(cli, words, env=environment)
        assert result.exit_code == 1
        assert SECRET not in result.output


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("user", "database", "words"),
    [
        ("weir", "nowhere", 'database "nowhere" does not exist'),
        (f"intruder:{SECRET}", "weir", 'password authentication failed for user "intruder"'),
    ],
)
def test_a_database_that_refuses_is_one_line(
    cli: typer.Typer,
    environment: dict[str, str | None],
    postgres: PostgresServer,
    user: str,
    database: str,
    words: str,
) -> None:
    url = make_url(postgres.url_of(database))
    name, _, password = user.partition(":")
    url = url.set(username=name, password=password or url.password)
    environment["WEIR_DATABASE_URL"] = url.render_as_string(hide_password=False)
    for said in _said(cli, environment):
        assert words in said


def test_a_database_that_is_not_there_or_says_nothing_is_one_line(
    cli: typer.Typer,
    environment: dict[str, str | None],
    silent_server: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("suite.migrate._CONNECT_SECONDS", "2")
    for address, words in (("127.0.0.1:1", "Connection refused"), (silent_server, "timeout")):
        environment["WEIR_DATABASE_URL"] = f"postgresql://weir:{SECRET}@{address}/weir"
        for said in _said(cli, environment):
            assert said.startswith(f"postgresql://weir:***@{address}/weir: ")
            assert words in said


def test_a_database_of_a_newer_weir_is_one_line(
    cli: typer.Typer, environment: dict[str, str | None], database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'newer'")
    result = CliRunner().invoke(cli, ["migrate"], env=environment)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "'newer'" in result.stderr


def _said(cli: typer.Typer, environment: dict[str, str | None]) -> Iterator[str]:
    """What `migrate`, `up` and `doctor` say of the database, without the line's end."""
    for command in ("migrate", "up"):
        result = CliRunner().invoke(cli, [command], env=environment)
        assert result.exit_code == 1
        assert result.stderr.count("\n") == 1
        yield result.stderr.removesuffix("\n")
    findings = json.loads(CliRunner().invoke(cli, ["doctor", "--json"], env=environment).stdout)
    [database] = [finding for finding in findings if finding["name"] == "database"]
    assert (database["state"], database["detail"].count("\n")) == ("broken", 0)
    yield database["detail"]
