"""Ingest as two processes on one port: as one service to its producers, and to Prometheus."""

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from weir.ingest.v1 import ingest_service_pb2 as pb
from weir.ingest.v1.ingest_service_pb2_grpc import IngestServiceStub

from suite.supervisor import Suite
from tests.support.environment import without_settings
from tests.support.ingest_workers import (
    CONNECTIONS,
    WORKERS,
    connections,
    spread_channels,
    suite_with_workers,
    workers,
)
from tests.support.repository import REPOSITORY
from tests.support.service_metrics import catalog_versions, samples
from tests.support.stream_events import APP, PERSON, ids, mission
from tests.support.suite_calls import OpenStream, suite_calls
from tests.support.waiting import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.xdist_group("e2e workers")
TRACK = "weir.ingest.v1.IngestService/TrackEvent"
STREAM = "weir.ingest.v1.IngestService/StreamEvents"
FRAME_EVENTS = 5


@pytest.fixture(scope="module")
def catalogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogs")
    shutil.copytree(REPOSITORY / "catalogs", folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def wide_suite(tmp_path_factory: pytest.TempPathFactory, catalogs: Path) -> Iterator[Suite]:
    settings = {"WEIR_CATALOGS": str(catalogs), "WEIR_CATALOG_POLL_SECONDS": "0"}
    with suite_with_workers(tmp_path_factory.mktemp("wide"), settings) as running:
        yield running


def _value(suite: Suite, name: str, **labels: str) -> float:
    return sum(
        value for found, value in samples(suite, "ingest", name) if found.items() >= labels.items()
    )


def test_events_of_all_connections_are_stored_once_and_counted(wide_suite: Suite) -> None:
    sent = ids(CONNECTIONS * (1 + FRAME_EVENTS))
    verdicts = Counter[int]()
    with (
        suite_calls(wide_suite) as calls,
        spread_channels(wide_suite) as channels,
        ExitStack() as all_open,
    ):
        calls.record_consent(APP, PERSON, telemetry=True)
        remaining = iter(sent)
        for channel in channels:
            stub = IngestServiceStub(channel)
            request = pb.TrackEventRequest(app_id=APP, event=mission(next(remaining)))
            answer = stub.TrackEvent(request, metadata=calls.metadata, timeout=PATIENCE_SECONDS)
            verdicts[answer.verdict] += 1
            stream = all_open.enter_context(OpenStream(stub, calls.metadata))
            stream.settle(APP)
            ack = stream.send(*(mission(next(remaining)) for _ in range(FRAME_EVENTS)))
            verdicts[pb.VERDICT_ACCEPTED] += ack.counts.accepted
        # Each connection has taken events; each worker has some of them, and their parent none.
        held = connections(wide_suite, psutil.CONN_ESTABLISHED)
        assert len(held) == WORKERS
        assert all(held.values())
        assert sum(held.values()) == CONNECTIONS
        assert _value(wide_suite, "weir_ingest_open_streams") == CONNECTIONS
        assert _value(wide_suite, "weir_rpc_open_calls", rpc_method=STREAM) == CONNECTIONS
        assert verdicts == {pb.VERDICT_ACCEPTED: len(sent)}
        rows = calls.stored("event_id", sent)
        assert [event_id for (event_id,) in rows] == sorted(sent)
    eventually(lambda: _value(wide_suite, "weir_ingest_open_streams") == 0)
    eventually(lambda: _value(wide_suite, "weir_rpc_open_calls", rpc_method=STREAM) == 0)
    assert _value(wide_suite, "weir_ingest_events_total") == len(sent)
    assert _value(wide_suite, "weir_ingest_events_total", verdict="accepted") == len(sent)
    assert _value(wide_suite, "weir_ingest_frame_seconds_count") == 2 * CONNECTIONS
    calls_by_code = {
        labels["rpc_response_status_code"]: value
        for labels, value in samples(wide_suite, "ingest", "rpc_server_call_duration_seconds_count")
        if labels["rpc_method"] == TRACK
    }
    assert calls_by_code == {"OK": CONNECTIONS}
    assert _value(wide_suite, "weir_store_answers", store="redis") == 1


def test_changed_catalogs_reach_every_worker(wide_suite: Suite, catalogs: Path) -> None:
    before = catalog_versions(wide_suite)
    assert len(set(before.values())) == 1
    (catalogs / "gamelaunch.yaml").unlink()
    for service in before:
        os.kill(wide_suite.pid(service), signal.SIGHUP)
    # One version alone is left on ingest's page, or `catalog_versions` would fail.
    eventually(lambda: not set(before.values()) & _versions(wide_suite))
    assert len(_versions(wide_suite)) == 1


def _versions(suite: Suite) -> set[str]:
    return {
        labels["version"]
        for service in ("ingest", "enrich", "aggregate", "privacy")
        for labels, _ in samples(suite, service, "weir_catalog_info")
    }


@pytest.mark.parametrize("count", ["1", "2"])
def test_another_service_at_the_same_port_does_not_start(wide_suite: Suite, count: str) -> None:
    listening = connections(wide_suite, psutil.CONN_LISTEN)
    assert len(listening) == WORKERS
    addresses = wide_suite.addresses
    environment = {
        **without_settings(),
        "WEIR_ENVIRONMENT": "development",
        "WEIR_PORT": addresses.services["ingest"].rpartition(":")[2],
        "WEIR_INGEST_WORKERS": count,
        "WEIR_DATABASE_URL": addresses.database_url,
        "WEIR_REDIS_URL": addresses.redis_url,
        "WEIR_PSEUDONYM_KEY": "0123456789abcdef0123456789abcdef",
    }
    second = subprocess.run(
        [sys.executable, "-P", "-m", "services.ingest"],
        env=environment,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
    )
    assert second.returncode == 1
    if count == "2":
        assert b"cannot be taken: Address already in use" in second.stderr
    assert connections(wide_suite, psutil.CONN_LISTEN) == listening


def test_sigterm_drains_all_workers_and_leaves_no_process(wide_suite: Suite) -> None:
    processes = workers(wide_suite)
    with ExitStack() as opened:
        calls = opened.enter_context(suite_calls(wide_suite))
        streams = []
        for channel in opened.enter_context(spread_channels(wide_suite)):
            stub = IngestServiceStub(channel)
            streams.append(opened.enter_context(OpenStream(stub, calls.metadata)))
            streams[-1].settle(APP)
        part = wide_suite.part("ingest")
        os.kill(wide_suite.pid("ingest"), signal.SIGTERM)
        for stream in streams:
            assert stream.response().HasField("go_away")
            stream.finish()
        eventually(lambda: not part.running)
    assert part.exit_description() == "exit status 0"
    assert not [process for process in processes if process.is_running()]
    words = [line for line in part.log.read_text().splitlines() if '"stopped"' in line]
    assert [f'"worker":{number}' in "".join(words) for number in (1, 2)] == [True, True]
    wide_suite.restart("ingest")
