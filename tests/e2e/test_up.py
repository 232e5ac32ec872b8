"""`weir up --catalogs DIR` as a newcomer has it: the lines that it prints work, and `weir status` and
`weir doctor --running` say how it is."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
import pytest
from google.protobuf import json_format
from weir.ingest.v1 import ingest_service_pb2, ingest_service_pb2_grpc
from weir.privacy.v1 import privacy_service_pb2, privacy_service_pb2_grpc

from cli.catalog_folders import REFUSED
from suite.home import Home
from tests.support.environment import without_settings
from tests.support.small_catalog import SMALL
from tests.support.waiting import PATIENCE_SECONDS, eventually
from tests.support.weir_command import read_until, started, weir, weir_process

pytestmark = pytest.mark.xdist_group("e2e up")
PARTS = ["ingest", "enrich", "aggregate", "privacy", "postgres", "redis"]


@dataclass
class Running:
    """A suite whose only app is chess, and what it printed."""

    home: Home
    process: subprocess.Popen[str]
    welcome: str

    def call(self, method: str) -> tuple[str, str]:
        """The message and the address of a printed call."""
        [line] = [line for line in self.welcome.splitlines() if line.endswith(method)]
        words = shlex.split(line)
        return words[words.index("-d") + 1], words[-2]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("mine")
    (folder / "chess.yaml").write_text(SMALL)
    home = Home(tmp_path_factory.mktemp("home") / "weir")
    environment = {**without_settings(), "WEIR_HOME": str(home.path)}
    command = [sys.executable, "-m", "cli.main", "up", "--catalogs", str(folder)]
    with started(command, environment) as process:
        yield Running(home, process, read_until(process, "CheckConsent"))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_SECONDS)


def test_the_printed_calls_are_about_an_app_of_the_folder_and_work(running: Running) -> None:
    token = running.home.read_addresses().token
    assert f"export TOKEN={token}" in running.welcome
    metadata = (("authorization", f"Bearer {token}"),)
    message, address = running.call("weir.ingest.v1.IngestService/TrackEvent")
    track = json_format.Parse(message, ingest_service_pb2.TrackEventRequest())
    assert track.app_id == "chess"
    with grpc.insecure_channel(address) as channel:
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        answer = stub.TrackEvent(track, metadata=metadata, timeout=PATIENCE_SECONDS)
    assert answer.verdict == ingest_service_pb2.VERDICT_ACCEPTED
    message, address = running.call("weir.privacy.v1.PrivacyService/CheckConsent")
    check = json_format.Parse(message, privacy_service_pb2.CheckConsentRequest())
    with grpc.insecure_channel(address) as channel:
        privacy = privacy_service_pb2_grpc.PrivacyServiceStub(channel)
        privacy.CheckConsent(check, metadata=metadata, timeout=PATIENCE_SECONDS)


def test_status_is_0_while_everything_serves(running: Running) -> None:
    plain = weir_process(running.home.path, "status")
    assert (plain.returncode, plain.stderr) == (0, "")
    assert [line.split()[:2] for line in plain.stdout.splitlines()] == [
        [part, "serving"] for part in PARTS
    ]
    answer = json.loads(weir(running.home.path, "status", "--json").stdout)
    assert (answer["running"], answer["serving"]) == (True, True)
    assert list(answer["parts"]) == PARTS


@pytest.mark.parametrize("part", ["aggregate", "postgres"])
def test_status_is_1_while_a_part_does_not_answer(running: Running, part: str) -> None:
    name = {"aggregate": "services.aggregate", "postgres": "PostgreSQL"}[part]
    pid = _pid_of(running.process.pid, name)
    # Stopped and not killed: the suite would start it again.
    os.kill(pid, signal.SIGSTOP)
    try:
        found = weir(running.home.path, "status", "--json")
    finally:
        os.kill(pid, signal.SIGCONT)
    parts = json.loads(found.stdout)["parts"]
    assert found.returncode == 1
    assert not parts[part]["serving"]
    eventually(lambda: weir(running.home.path, "status").returncode == 0)


def test_status_and_doctor_without_a_suite(tmp_path: Path) -> None:
    plain = weir(tmp_path, "status")
    assert (plain.returncode, plain.stdout) == (1, "")
    assert plain.stderr.startswith("no running suite in ")
    shown = weir(tmp_path, "status", "--json")
    assert (shown.returncode, json.loads(shown.stdout)["running"]) == (1, False)
    assert weir(tmp_path, "doctor").returncode == 0
    asked = weir(tmp_path, "doctor", "--running", "--json")
    states = {finding["name"]: finding["state"] for finding in json.loads(asked.stdout)}
    assert (asked.returncode, states["suite"]) == (1, "broken")


def test_doctor_notices_a_wrong_token(running: Running, tmp_path: Path) -> None:
    def findings(home: Path, **settings: str) -> tuple[int, dict[str, dict[str, str]]]:
        finished = weir(home, "doctor", "--running", "--json", **settings)
        assert "wrong-token" not in finished.stdout + finished.stderr
        found = {finding["name"]: finding for finding in json.loads(finished.stdout)}
        return finished.returncode, found

    code, found = findings(running.home.path)
    assert (code, found["token"]["state"], found["suite"]["state"]) == (0, "ok", "ok")
    code, found = findings(running.home.path, WEIR_AUTH_TOKEN="wrong-token")
    assert (code, found["token"]["state"]) == (1, "ok")
    assert found["WEIR_AUTH_TOKEN"]["state"] == "broken"
    # The file of another run: its addresses are right, its token is not.
    written = json.loads(running.home.addresses_file.read_text())
    with Home(tmp_path).lock():
        (tmp_path / "weir.json").write_text(json.dumps({**written, "token": "wrong-token"}))
        code, found = findings(tmp_path)
    assert (code, found["token"]["state"]) == (1, "broken")
    assert "ingest, enrich, aggregate, privacy refused" in found["token"]["detail"]


def test_a_broken_catalog_is_named_where_people_look(running: Running) -> None:
    file = Path(running.home.read_addresses().catalogs) / "chess.yaml"
    assert json.loads(weir(running.home.path, "status", "--json").stdout)["catalog_problems"] == []
    file.write_text(SMALL.replace("title:", "titel:"))
    said = read_until(running.process, REFUSED)
    assert f"{file}:" in said
    status = weir(running.home.path, "status")
    # All serve, with the catalogs of before.
    assert status.returncode == 0
    assert status.stdout.splitlines()[-1] == REFUSED
    assert f"\n{file}:" in status.stdout
    [problem, *_] = json.loads(weir(running.home.path, "status", "--json").stdout)[
        "catalog_problems"
    ]
    assert (problem["file"], "titel" in status.stdout) == (str(file), True)
    file.write_text(SMALL)
    read_until(running.process, "the catalogs have changed")
    assert REFUSED not in weir(running.home.path, "status").stdout


def _pid_of(suite: int, name: str) -> int:
    children = psutil.Process(suite).children()
    if name == "PostgreSQL":
        [found] = [child.pid for child in children if child.name() == "postgres"]
    else:
        [found] = [child.pid for child in children if name in child.cmdline()]
    return found
