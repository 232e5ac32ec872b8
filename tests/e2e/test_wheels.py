"""What is built here runs elsewhere: the SDK's wheel with gRPC alone, the suite's wheel without a clone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import pytest

from suite.supervisor import Suite
from tests.support.repository import REPOSITORY
from tests.support.stream_events import APP, PERSON
from tests.support.suite_calls import SuiteCalls
from tests.support.wheels import PlainEnvironment, build_wheel, needed_by

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("suite")]
SENDS_ONE = f"""
import sys
import weir, weir_client
from weir_client import Client, build_event

address, token = sys.argv[1:]
with Client(address, token=token) as client:
    answer = client.track("{APP}", build_event(
        "gamification.mission.completed", event_id="sent-by-a-wheel", subject_id="{PERSON}",
        properties={{"mission_type": "send_messages", "xp_awarded": 50}}))
print(answer.verdict)
print(weir.__file__)
print(weir_client.__file__)
"""


@contextmanager
def _nothing_left_in(project: Path) -> Iterator[None]:
    def files() -> list[Path]:
        # Python keeps the compiled build hook there, which git ignores.
        return sorted(path for path in project.iterdir() if path.name != "__pycache__")

    before = files()
    yield
    assert files() == before


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that is not below pytest's: as root, PostgreSQL runs as `nobody`, who may pass through a
    folder of pytest only until the next run of pytest on this machine starts."""
    with TemporaryDirectory(prefix="weir-") as path:
        yield Path(path)


def test_the_sdk_sends_an_event_with_grpc_and_protobuf_alone(
    suite: Suite, calls: SuiteCalls, tmp_path: Path
) -> None:
    project = REPOSITORY / "clients" / "python"
    with _nothing_left_in(project):
        wheel = build_wheel(project, tmp_path / "wheels")
    # Named here and not read from the project: this is the promise.
    environment = PlainEnvironment(
        tmp_path / "environment",
        ["grpcio", "protobuf", "googleapis-common-protos", "typing_extensions"],
    )
    environment.install(wheel)
    empty = tmp_path / "empty"
    empty.mkdir()
    address = suite.addresses.services["ingest"]
    sent = environment.run(empty, "python", "-c", SENDS_ONE, address, suite.addresses.token)
    assert sent.returncode == 0, sent.stderr
    verdict, *files = sent.stdout.split()
    assert verdict == "1"  # VERDICT_ACCEPTED
    assert all(Path(file).is_relative_to(environment.site_packages) for file in files)
    calls.stored("event_id", ["sent-by-a-wheel"])


def test_the_suites_wheel_runs_the_demo_in_an_empty_folder(folder: Path) -> None:
    with _nothing_left_in(REPOSITORY):
        wheel = build_wheel(REPOSITORY, folder / "wheels")
    environment = PlainEnvironment(
        folder / "environment", needed_by(_required_by(wheel), ["embedded"])
    )
    environment.install(wheel, "embedded")
    empty = folder / "empty"
    empty.mkdir()
    demo = environment.run(empty, "weir", "demo", "--events", "2000", timeout_seconds=180)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    numbers = json.loads(demo.stdout.splitlines()[-1])
    assert numbers["mismatches"] == 0
    assert numbers["counted"] == numbers["stored"] == numbers["accepted"] + numbers["anonymized"]
    assert numbers["sent"] >= 2_000
    linted = environment.run(empty, "weir", "catalog", "lint")
    shipped = len(list((REPOSITORY / "catalogs").glob("*.yaml")))
    # Above it, notes on keys that nothing acts on yet.
    assert linted.stdout.splitlines()[-1] == f"ok: {shipped} catalogs"


def _required_by(wheel: Path) -> list[str]:
    with ZipFile(wheel) as files:
        [name] = [name for name in files.namelist() if name.endswith(".dist-info/METADATA")]
        text = files.read(name).decode()
    return message_from_string(text).get_all("Requires-Dist", [])
