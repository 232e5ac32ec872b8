"""Only who can read the home's files is let in by the embedded stores."""

import json
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest
import redis.exceptions
from redis import Redis
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from cli.main import app
from suite.embedded import PostgresServer, RedisServer
from suite.home import Addresses, Home
from tests.support.repository import REPOSITORY

# Tries the stores as another user and prints how each attempt ends. What the attempts import is
# imported by a first round, because the other user may lack the right to read this environment.
INTRUDER = """
import os, sys
import psycopg, redis
def attempt(url):
    try:
        if url.startswith("postgresql"):
            psycopg.connect(url).execute("SELECT 1")
        else:
            redis.Redis.from_url(url).ping()
    except (psycopg.Error, redis.RedisError, PermissionError) as error:
        return " ".join(str(error).split())
    return "let in"
uid, gid, *urls = sys.argv[1:]
for url in urls:
    attempt(url)
os.setgroups([]), os.setgid(int(gid)), os.setuid(int(uid))
for url in urls:
    print(attempt(url))
"""
# What initdb wrote for an earlier Weir.
TRUSTING = "local all all trust\nhost all all 127.0.0.1/32 trust\n"


@dataclass
class Stores:
    """Both embedded stores in one folder."""

    folder: Path
    postgres: PostgresServer
    redis: RedisServer

    @property
    def passwords(self) -> list[str]:
        """Those in the folder's files."""
        return [(self.folder / name / "password").read_text().strip() for name in ("pg", "redis")]

    def without_password(self) -> list[str]:
        """Their URLs as another user could guess them."""
        urls = [self.postgres.url, self.redis.url]
        return [
            url.replace(f":{word}@", "@") for url, word in zip(urls, self.passwords, strict=True)
        ]


@pytest.fixture(params=["socket", "port"])
def stores(request: pytest.FixtureRequest, tmp_path: Path, deep_folder: Path) -> Iterator[Stores]:
    """Running, on Unix sockets and on ports of the loopback interface."""
    folder = tmp_path if request.param == "socket" else deep_folder
    found = Stores(
        folder, PostgresServer(folder / "pg", 25432), RedisServer(folder / "redis", 26379)
    )
    try:
        found.postgres.start()
        found.redis.start()
        yield found
    finally:
        found.postgres.stop()
        found.redis.stop()


def _listening(pid: int) -> set[str]:
    connections = psutil.Process(pid).net_connections("inet")
    return {c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN}


def test_a_short_path_is_a_socket_and_a_long_one_a_loopback_port(
    stores: Stores, tmp_path: Path
) -> None:
    listening = _listening(stores.postgres.pid) | _listening(stores.redis.pid)
    assert listening == (set() if stores.folder == tmp_path else {"127.0.0.1"})


def test_without_the_password_both_refuse(stores: Stores) -> None:
    database_url, redis_url = stores.without_password()
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(database_url)
    with pytest.raises(redis.exceptions.AuthenticationError), Redis.from_url(redis_url) as client:
        client.ping()
    right, _ = stores.passwords
    for url in (
        stores.postgres.url.replace(right, "wrong"),
        # The superuser has no password, so none is right.
        stores.postgres.url.replace("://weir:", "://postgres:"),
    ):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url)


def test_another_user_is_refused(stores: Stores, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can try it as another user")
    unprivileged = pwd.getpwnam("nobody")
    # On a socket, even one who knows the password.
    known = [stores.postgres.url, stores.redis.url] if stores.folder == tmp_path else []
    urls = [*stores.without_password(), *known]
    answers = subprocess.run(
        [sys.executable, "-c", INTRUDER, str(unprivileged.pw_uid), str(unprivileged.pw_gid), *urls],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.splitlines()
    reasons = ("Permission denied",) if known else ("no password supplied", "authenticated")
    assert len(answers) == len(urls)
    for answer in answers:
        assert any(reason in answer for reason in reasons), answer


def test_the_passwords_are_in_private_files_and_nowhere_else(stores: Stores) -> None:
    for file in (
        stores.folder / "pg" / "password",
        stores.folder / "redis" / "password",
        stores.folder / "redis" / "redis.conf",
    ):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with psycopg.connect(stores.postgres.url) as connection:
        [(hashed,)] = connection.execute("SHOW password_encryption").fetchall()
        assert hashed == "scram-sha-256"
        servers = [psutil.Process(server.pid) for server in (stores.postgres, stores.redis)]
        processes = [*servers, *servers[0].children(recursive=True)]
        said = [word for process in processes for word in process.cmdline()]
        said += [word for process in processes for word in process.environ().values()]
    said += [server.log.read_text() for server in (stores.postgres, stores.redis)]
    for password in stores.passwords:
        assert len(bytes.fromhex(password)) == 32
        assert not [word for word in said if password in word]


def test_what_doctor_says_holds_no_password(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    database_url, redis_url = stores.postgres.url, stores.redis.url
    addresses = Addresses(
        {}, {}, database_url, redis_url, "t", os.getpid(), str(REPOSITORY / "catalogs")
    )
    monkeypatch.setenv("WEIR_HOME", str(home.path))
    with home.lock():
        home.write_addresses(addresses)
        for _ in ("while they run", "while they do not"):
            for words in (["doctor"], ["doctor", "--json"], ["migrate"]):
                said = CliRunner().invoke(app, words).output
                assert not [password for password in stores.passwords if password in said]
            stores.postgres.stop()
            stores.redis.stop()


def test_doctor_says_where_the_sockets_are(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WEIR_DATABASE_URL", stores.postgres.url)
    monkeypatch.setenv("WEIR_REDIS_URL", stores.redis.url)
    findings = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    details = {finding["name"]: finding["detail"] for finding in findings}
    if stores.postgres.on_socket:
        where = [str(stores.folder / "pg" / "cluster"), str(stores.folder / "redis" / "redis.sock")]
    else:
        where = [f"127.0.0.1:{stores.postgres.port}", f"127.0.0.1:{stores.redis.port}"]
    assert where[0] in details["database"]
    assert where[1] in details["redis"]


def _make_old(stores: Stores) -> None:
    """Makes of the folder what a Weir without passwords left behind."""
    with psycopg.connect(stores.postgres.url) as connection:
        connection.execute("ALTER ROLE weir PASSWORD NULL")
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('weir')")
    with Redis.from_url(stores.redis.url) as client:
        client.set("kept", "weir")
    for server in (stores.postgres, stores.redis):
        server.stop()
        (server.data_dir / "password").unlink()
    (stores.redis.data_dir / "redis.conf").unlink()
    (stores.postgres.data_dir / "cluster" / "pg_hba.conf").write_text(TRUSTING)


def _check_kept(stores: Stores) -> None:
    with psycopg.connect(stores.postgres.url) as connection:
        assert connection.execute("SELECT word FROM kept").fetchall() == [("weir",)]
    with Redis.from_url(stores.redis.url) as client:
        assert client.get("kept") == b"weir"


def test_an_old_home_gets_passwords_and_keeps_its_data(stores: Stores) -> None:
    _make_old(stores)
    stores.postgres.start()
    stores.redis.start()
    _check_kept(stores)
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(stores.without_password()[0])
    passwords = stores.passwords
    stores.postgres.restart()
    stores.redis.restart()
    assert stores.passwords == passwords
    _check_kept(stores)


@pytest.mark.parametrize("lost", ["password", "cluster/pg_hba.conf"])
def test_an_upgrade_that_was_interrupted_is_finished(stores: Stores, lost: str) -> None:
    with psycopg.connect(stores.postgres.url) as connection:
        connection.execute("ALTER ROLE weir PASSWORD NULL")
    stores.postgres.kill()
    (stores.postgres.data_dir / lost).write_text("")
    with psycopg.connect(stores.postgres.start()) as connection:
        assert connection.info.dbname == make_url(stores.postgres.url).database == "weir"
