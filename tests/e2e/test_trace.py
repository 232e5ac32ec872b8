"""One trace from the producer's span to the rollup; and silence if nothing listens."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from suite.home import Home
from suite.supervisor import Suite
from tests.support.environment import without_settings
from tests.support.repository import REPOSITORY
from tests.support.span_receiver import span_receiver
from tests.support.suite_calls import suite_calls
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("suite")
HOPS = {"weir-producer", "weir-ingest", "weir-enrich", "weir-aggregate"}
PRODUCER = """
import sys
from weir_client import Client, build_event
from libs.runtime.telemetry import setup_telemetry

stop = setup_telemetry("producer")
address, token, way = sys.argv[1:]
with Client(address, token=token) as weir:
    event = build_event("gamification.mission.completed", event_id=f"traced-{way}",
                        subject_id="canary-subject",
                        properties={"mission_type": "send_messages", "xp_awarded": 50})
    if way == "stream":
        with weir.stream("unofficial_communities") as sender:
            sender.send(event)
    else:
        weir.track("unofficial_communities", event)
stop()
"""


def _produce(suite: Suite, way: str, environment: dict[str, str]) -> None:
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "protos" / "gen")])
    address = suite.addresses.services["ingest"]
    subprocess.run(
        [sys.executable, "-c", PRODUCER, address, suite.addresses.token, way],
        env={**environment, "PYTHONPATH": paths},
        check=True,
        timeout=60,
    )


def test_one_trace_from_the_producer_to_the_rollup(tmp_path: Path) -> None:
    with span_receiver() as (receiver, endpoint):
        environment = {
            **without_settings(),
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }
        with Suite(Home(tmp_path / "home"), environment) as suite:
            for way in ("stream", "unary"):
                _produce(suite, way, environment)
            eventually(lambda: len(receiver.through(HOPS)) >= 2)
        # The suite is down: whatever it had to say has been said.
        for trace in receiver.through(HOPS):
            _check(trace)
    shutil.rmtree(tmp_path / "home")


def test_without_an_endpoint_only_the_suite_is_contacted(suite: Suite) -> None:
    with suite_calls(suite) as calls:
        _produce(suite, "untraced", without_settings())
        calls.stored("event_id", ["traced-untraced"])
    # On Unix sockets, unless the path of the home is too long for one; those have no port.
    stores = {
        urlsplit(url).port for url in (suite.addresses.database_url, suite.addresses.redis_url)
    }
    services = {int(each.rpartition(":")[2]) for each in suite.addresses.services.values()}
    for name in suite.addresses.services:
        connections = psutil.Process(suite.pid(name)).net_connections("inet")
        own = {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}
        contacted = {c.raddr.port for c in connections if c.raddr and c.laddr.port not in own}
        assert own
        assert contacted <= stores | services, name


def _check(trace: dict[str, list[Any]]) -> None:
    [producer], [ingest], [enrich] = (
        trace[f"weir-{name}"] for name in ("producer", "ingest", "enrich")
    )
    assert producer.parent_span_id == b""
    assert ingest.parent_span_id == producer.span_id
    assert enrich.parent_span_id == ingest.span_id
    counted = trace["weir-aggregate"]
    assert enrich.span_id in {span.parent_span_id for span in counted} | {
        link.span_id for span in counted for link in span.links
    }
    for spans in trace.values():
        for span in spans:
            assert b"canary" not in span.SerializeToString()
