"""The suite starts, supervises and drains, with stand-ins for the services."""

import json
import os
import shlex
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest
from google.protobuf import json_format
from weir.ingest.v1.ingest_service_pb2 import TrackEventRequest
from weir.privacy.v1.privacy_service_pb2 import CheckConsentRequest

from libs.catalog import load_catalogs
from libs.rpc.health_probe import is_serving
from suite.embedded import StartError
from suite.home import Home, HomeError
from suite.migrate import current_revision, newest_revision
from suite.supervisor import Suite
from suite.table import SERVICES, Service
from tests.support.repository import REPOSITORY
from tests.support.waiting import PATIENCE_SECONDS, eventually
from tests.support.weir_command import read_until, started

UP = """
import sys
from pathlib import Path
from cli.commands import suite as suite_commands
from suite.table import SERVICES, Service
table = tuple(
    Service(row.name, "tests.support.fake_service", row.port - 20_000, row.metrics_port + 20_000)
    for row in SERVICES
)
original = suite_commands.Suite
suite_commands.Suite = lambda *words, **names: original(*words, services=table, **names)
suite_commands.up(None)
"""
UP_CALL = UP.splitlines(keepends=True)[-1]
# Makes the terminal at its standard input the one that sends SIGHUP when it is closed.
ON_TERMINAL = "import fcntl, termios\nfcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
DRAINED = ["ingest", "enrich", "aggregate", "privacy", "redis", "postgres"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_a_suite_starts_publishes_and_leaves_nothing(
    home: Home,
    fake_services: tuple[Service, ...],
    fake_environment: dict[str, str],
    gone: Callable[[int], bool],
) -> None:
    said: list[str] = []
    suite = Suite(home, fake_environment, services=fake_services, report=said.append)
    with suite:
        addresses = home.read_addresses()
        assert addresses == suite.addresses
        assert stat.S_IMODE(home.addresses_file.stat().st_mode) == 0o600
        assert list(addresses.services) == [row.name for row in SERVICES]
        assert all(is_serving(address) for address in addresses.services.values())
        assert addresses.pid == os.getpid()
        assert current_revision(addresses.database_url) == newest_revision()
        names = [*addresses.services, "postgres", "redis"]
        pids = [suite.pid(name) for name in names]
        with pytest.raises(HomeError, match=rf"already running .*pid {os.getpid()}"):
            Suite(home, fake_environment, services=fake_services).start()
        # The refused one must not take away what is the first one's.
        assert home.read_addresses() == addresses
    assert all(gone(pid) for pid in pids)
    assert not home.addresses_file.exists()
    with pytest.raises(HomeError, match=r"no running suite .* start one with `weir up`"):
        home.read_addresses()
    stops = [line.removeprefix("stopping ") for line in said if line.startswith("stopping")]
    assert stops == ["ingest", "enrich", "aggregate", "privacy", "redis", "postgres"]
    for name in addresses.services:
        assert (home.logs / f"{name}.log").read_text() == "drained\n"
    with suite:
        assert suite.addresses.token == addresses.token


def test_what_the_user_brings_is_used(
    home: Home,
    fake_services: tuple[Service, ...],
    fake_environment: dict[str, str],
    database_url: str,
    redis_url: str,
) -> None:
    environment = {
        **fake_environment,
        "WEIR_DATABASE_URL": database_url,
        "WEIR_REDIS_URL": redis_url,
        "WEIR_AUTH_TOKEN": "mine",
        "WEIR_CATALOGS": "docs/of/mine",
    }
    with Suite(home, environment, services=fake_services) as suite:
        assert suite.addresses.database_url == database_url
        assert suite.addresses.read_database_url == database_url
        assert suite.addresses.redis_url == redis_url
        assert suite.addresses.token == "mine"
        # Its reader may work in another folder.
        assert suite.addresses.catalogs == str(Path.cwd() / "docs/of/mine")
        assert not (home.path / "postgres").exists()
        with pytest.raises(KeyError):
            suite.pid("postgres")


def test_a_killed_part_comes_back_where_it_was(
    home: Home,
    fake_services: tuple[Service, ...],
    fake_environment: dict[str, str],
) -> None:
    said: list[str] = []
    with Suite(home, fake_environment, services=fake_services, report=said.append) as suite:
        before = suite.addresses
        for name in ("enrich", "redis"):
            suite.kill(name)
            suite.restart(name)
        assert suite.addresses == before
        with psycopg.connect(before.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)

        # From outside, with supervision on: in this thread, as it must be.
        old = [suite.pid("ingest"), suite.pid("postgres")]
        stop = threading.Event()

        def break_things() -> None:
            try:
                for pid in old:
                    os.kill(pid, signal.SIGKILL)
                eventually(lambda: said.count("ingest is back") == 1 and "postgres is back" in said)
            finally:
                stop.set()

        breaker = threading.Thread(target=break_things)
        breaker.start()
        suite.supervise(until=stop.is_set)
        breaker.join()
        assert suite.addresses == before
        assert is_serving(before.services["ingest"])
        assert suite.pid("ingest") not in old
        assert any("ingest died (killed by SIGKILL); starting it in 0.5 s" in line for line in said)


def test_a_service_that_does_not_start_fails_the_suite_with_its_words(
    home: Home, fake_services: tuple[Service, ...], fake_environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "broken").touch()
    suite = Suite(home, fake_environment, services=fake_services)
    with pytest.raises(StartError, match=r"exit status 1(?s:.*)asked to break"):
        suite.start()
    assert not home.addresses_file.exists()
    with home.lock():
        pass


def test_secrets_are_private_and_stay_the_same(home: Home) -> None:
    first = home.secret("pseudonym.key")
    assert home.secret("pseudonym.key") == first
    assert len(bytes.fromhex(first)) == 32
    assert stat.S_IMODE((home.path / "pseudonym.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


def test_what_a_killed_suite_left_behind_is_not_a_running_suite(home: Home) -> None:
    home.path.mkdir()
    home.addresses_file.write_text(
        json.dumps(
            {
                "services": {},
                "metrics": {},
                "database_url": "",
                "redis_url": "",
                "token": "",
                # Of a process that runs: numbers are used again.
                "pid": os.getpid(),
            }
        )
    )
    with pytest.raises(HomeError, match="no running suite"):
        home.read_addresses()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_weir_up_ends_in_good_order(
    home: Home,
    fake_environment: dict[str, str],
    gone: Callable[[int], bool],
    number: signal.Signals,
) -> None:
    environment = {**fake_environment, "WEIR_HOME": str(home.path)}
    with started([sys.executable, "-c", UP], environment) as weir:
        # To the last line of the welcome and no further.
        welcome = read_until(weir, "CheckConsent")
        addresses = home.read_addresses()
        pids = [child.pid for child in psutil.Process(weir.pid).children(recursive=False)]
        weir.send_signal(number)
        output, _ = weir.communicate(timeout=PATIENCE_SECONDS)
    assert weir.returncode == 0, output
    assert len(pids) == 6
    assert all(gone(pid) for pid in pids)
    assert f"export TOKEN={addresses.token}" in welcome
    calls = [shlex.split(line) for line in welcome.splitlines() if line.startswith("grpcurl")]
    track, check = (words[words.index("-d") + 1 :] for words in calls)
    assert track[1:] == [addresses.services["ingest"], "weir.ingest.v1.IngestService/TrackEvent"]
    assert check[1:] == [
        addresses.services["privacy"],
        "weir.privacy.v1.PrivacyService/CheckConsent",
    ]
    event = json_format.Parse(track[0], TrackEventRequest()).event
    assert load_catalogs(REPOSITORY / "catalogs")["unofficial_communities"].events[event.name]
    json_format.Parse(check[0], CheckConsentRequest())
    assert "stopping postgres" in output
    assert not home.addresses_file.exists()


def last_written(home: Home) -> list[int]:
    """When the log of each part was written last, in the order of DRAINED."""
    folders = {"redis": home.path / "redis", "postgres": home.path / "postgres"}
    logs = [folders.get(part, home.logs) / f"{part}.log" for part in DRAINED]
    return [log.stat().st_mtime_ns for log in logs]


def test_weir_up_ends_in_good_order_where_its_terminal_is_closed(
    home: Home, fake_environment: dict[str, str], gone: Callable[[int], bool]
) -> None:
    master, slave = os.openpty()
    with (
        open(master, "rb", buffering=0) as terminal,
        started(
            [sys.executable, "-c", ON_TERMINAL + UP],
            {**fake_environment, "WEIR_HOME": str(home.path)},
            stdin=slave,
            stdout=slave,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as weir,
    ):
        os.close(slave)
        welcome = b""
        while not (b"CheckConsent" in welcome and welcome.endswith(b"\r\n\r\n")):
            welcome += terminal.read(4_096)
        pids = [child.pid for child in psutil.Process(weir.pid).children(recursive=False)]
        terminal.close()
        _, complaint = weir.communicate(timeout=PATIENCE_SECONDS)
    assert (weir.returncode, complaint) == (0, "")
    assert len(pids) == 6
    assert all(gone(pid) for pid in pids)
    assert not home.addresses_file.exists()
    assert (home.logs / "privacy.log").read_text() == "drained\n"
    assert last_written(home) == sorted(last_written(home))


def test_weir_up_ends_in_good_order_where_nobody_reads_any_more(
    home: Home, fake_environment: dict[str, str], gone: Callable[[int], bool]
) -> None:
    """`weir up | tee log`: Ctrl-C ends both."""
    environment = {**fake_environment, "WEIR_HOME": str(home.path)}
    with started([sys.executable, "-c", UP], environment, stderr=subprocess.PIPE) as weir:
        assert weir.stdout is not None
        while "CheckConsent" not in weir.stdout.readline():
            assert weir.poll() is None
        pids = [child.pid for child in psutil.Process(weir.pid).children(recursive=False)]
        weir.stdout.close()
        weir.send_signal(signal.SIGINT)
        weir.wait(timeout=PATIENCE_SECONDS)
        assert weir.stderr is not None
        complaint = weir.stderr.read()
    assert (weir.returncode, complaint) == (0, "")
    assert len(pids) == 6
    assert all(gone(pid) for pid in pids)
    assert last_written(home) == sorted(last_written(home))


def test_weir_up_ends_where_the_interrupt_was_lost(
    home: Home, fake_environment: dict[str, str]
) -> None:
    lost = """
def welcome(*_):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except BaseException:  # as a destructor of grpcio has it
        print("lost")
suite_commands.print_welcome = welcome
suite_commands.up(None)
"""
    finished = subprocess.run(
        [sys.executable, "-c", "import os, signal\n" + UP.replace(UP_CALL, lost)],
        env={**fake_environment, "WEIR_HOME": str(home.path)},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[-7:] == ["lost", *(f"stopping {part}" for part in DRAINED)]
