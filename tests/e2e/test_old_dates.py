"""Events of 8,000 days from one producer while another streams: all of both are stored, in few partitions."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from weir.common.v1.event_pb2 import PRODUCER_SERVER

from suite.supervisor import Suite
from tests.support.waiting import eventually
from weir_client import Client, build_event

pytestmark = pytest.mark.xdist_group("suite")
DAYS = 8_000
LIVE_EVENTS = 2_000


@pytest.fixture(scope="module")
def suite(counted_suite: Suite) -> Suite:
    return counted_suite


def test_old_dates_delay_no_other_producer(suite: Suite) -> None:
    now = datetime.now(UTC)
    addresses = suite.addresses
    answers = {}

    def send(app: str, name: str, moments: list[datetime]) -> None:
        with (
            Client(addresses.services["ingest"], token=addresses.token) as client,
            client.stream(app, frame_events=200) as stream,
        ):
            for moment in moments:
                stream.send(build_event(name, occurred_at=moment, producer=PRODUCER_SERVER))
        answers[app] = stream.totals

    with psycopg.connect(addresses.database_url, autocommit=True) as connection:

        def count(statement: str) -> int:
            row = connection.execute(statement.encode()).fetchone()
            assert row
            return int(row[0])

        old = threading.Thread(
            target=send,
            args=("ip_assets", "project_created", [now - timedelta(days=n) for n in range(DAYS)]),
        )
        old.start()
        send("gamelaunch", "gameStarted", [now] * LIVE_EVENTS)
        old.join()
        assert (answers["ip_assets"].accepted, answers["gamelaunch"].accepted) == (
            DAYS,
            LIVE_EVENTS,
        )
        stored = "SELECT count(*) FROM enrich.events WHERE app_id = "
        eventually(lambda: count(stored + "'gamelaunch'") == LIVE_EVENTS)
        eventually(lambda: count(stored + "'ip_assets'") == DAYS)
        # No row is left where rows lie that have no leaf yet.
        eventually(lambda: count("SELECT count(*) FROM enrich.events_90d_default") == 0)
        assert (
            count(
                "SELECT count(DISTINCT (occurred_at AT TIME ZONE 'UTC')::date) FROM enrich.events"
                " WHERE app_id = 'ip_assets'"
            )
            == DAYS
        )
        assert count("SELECT count(*) FROM pg_partition_tree('enrich.events') WHERE isleaf") < 400
