"""The embedded servers keep data, find ports, survive kills and die with their parent."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from suite.embedded import PostgresServer, RedisServer, StartError
from suite.embedded.ports import reserve_port
from tests.support.repository import REPOSITORY
from tests.support.waiting import eventually

SUPERVISOR = """
import sys, time
from pathlib import Path
from suite.embedded import PostgresServer, RedisServer
home = Path(sys.argv[1])
postgres, redis = PostgresServer(home / "postgres", 25432), RedisServer(home / "redis", 26379)
postgres.start(), redis.start()
print(postgres.pid, redis.pid, flush=True)
time.sleep(3600)
"""


def _write(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('weir')")


def _read(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT word FROM kept").fetchall()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_postgres_keeps_what_was_committed(tmp_path: Path, end: str) -> None:
    server = PostgresServer(tmp_path, 25432)
    try:
        url = server.start()
        _write(url)
        getattr(server, end)()
        assert server.start() == url
        assert _read(url) == [("weir",)]
    finally:
        server.stop()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_redis_keeps_what_was_acknowledged(tmp_path: Path, end: str) -> None:
    server = RedisServer(tmp_path, 26379)
    try:
        with Redis.from_url(server.start()) as client:
            client.xadd("stream", {"word": "weir"})
        getattr(server, end)()
        with Redis.from_url(server.start()) as client:
            assert [fields for _, fields in client.xrange("stream")] == [{b"word": b"weir"}]
            assert client.config_get("appendfsync") == {"appendfsync": "always"}
    finally:
        server.stop()


def test_redis_keeps_no_arguments_of_slow_commands(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, 26379)
    try:
        with Redis.from_url(server.start()) as client:
            # Every command is slow.
            client.config_set("slowlog-log-slower-than", 0)
            client.hset("consent", "anna", "granted")
            assert client.slowlog_get() == []
    finally:
        server.stop()


def test_restart_keeps_the_port(deep_folder: Path) -> None:
    server = RedisServer(deep_folder, 26379)
    try:
        url, pid = server.start(), server.pid
        assert server.restart() == url
        assert server.pid != pid
    finally:
        server.stop()


def test_a_pid_file_that_names_somebody_else_does_not_stop_the_start(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path, 25432)
    try:
        _write(server.start())
        server.kill()
        file = tmp_path / "cluster" / "postmaster.pid"
        # This test's own process: alive, and no PostgreSQL.
        _, *rest = file.read_text().splitlines()
        file.write_text("\n".join([str(os.getpid()), *rest]))
        assert _read(server.start()) == [("weir",)]
    finally:
        server.stop()


def test_the_role_owns_its_database_and_is_no_superuser(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.url) as connection:
        row = connection.execute(
            "SELECT current_user, rolsuper, rolcreatedb,"
            " (SELECT pg_get_userbyid(datdba) || ' ' || pg_encoding_to_char(encoding) || ' ' ||"
            "  datcollate FROM pg_database WHERE datname = current_database())"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row == ("weir", False, True, "weir UTF8 C")


def test_two_suites_of_servers_run_side_by_side(tmp_path: Path) -> None:
    servers = [
        kind(tmp_path / f"{kind.__name__}{number}", port)
        for kind, port in ((PostgresServer, 25432), (RedisServer, 26379))
        for number in (1, 2)
    ]
    try:
        urls = [server.start() for server in servers]
        assert len(set(urls)) == 4
        _write(urls[0])
        with psycopg.connect(urls[1]) as connection:
            assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)
    finally:
        for server in servers:
            server.stop()


@pytest.mark.parametrize("kind", [PostgresServer, RedisServer])
def test_a_port_that_is_taken_is_stepped_over(
    deep_folder: Path, kind: type[PostgresServer] | type[RedisServer]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        server = kind(deep_folder, taken)
        try:
            server.start()
            assert server.port > taken
        finally:
            server.stop()


@pytest.mark.parametrize("kind", [PostgresServer, RedisServer])
def test_a_port_lost_between_picking_and_binding_is_stepped_over(
    deep_folder: Path, kind: type[PostgresServer] | type[RedisServer]
) -> None:
    server = kind(deep_folder, 27000)
    try:
        server.start()
        port = server.port
        server.kill()
        # The port is still ours by the reservation, which another process knows nothing about.
        with socket.create_server(("127.0.0.1", port)):
            server.start()
            assert server.port > port
    finally:
        server.stop()


def test_a_reserved_port_is_not_picked_again() -> None:
    first = reserve_port(28000)
    second = reserve_port(first.port)
    try:
        assert second.port > first.port
        third = reserve_port(first.port)
        third.release()
        assert third.port > second.port
    finally:
        first.release()
        second.release()
    again = reserve_port(first.port)
    again.release()
    assert again.port >= first.port


def test_kill_9_of_the_parent_leaves_no_server_behind(
    tmp_path: Path, gone: Callable[[int], bool]
) -> None:
    command = [sys.executable, "-c", SUPERVISOR, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert not any(gone(pid) for pid in pids)
        parent.send_signal(signal.SIGKILL)
    eventually(lambda: all(gone(pid) for pid in pids))
    # The next one waits for the last writes of the old, then finds the data in order.
    server = PostgresServer(tmp_path / "postgres", 25432)
    try:
        server.start()
    finally:
        server.stop()


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path, 25432, settings={"shared_buffers": "nonsense"})
    with pytest.raises(StartError, match=r"exit status 1.*\n.*shared_buffers"):
        server.start()
    assert not server.running


def test_a_missing_wheel_names_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("suite.embedded.binaries.find_spec", lambda name: None)
    with pytest.raises(StartError, match=r"install weir.embedded., or set WEIR_DATABASE_URL"):
        RedisServer(tmp_path, 26379).start()
