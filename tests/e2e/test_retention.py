"""`weir retention` on the running suite: what is past its limit, in every store, and a run that ends it."""

import csv
import io
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from redis import Redis

from suite.supervisor import Suite
from tests.support.documents.shipped import catalogs
from tests.support.stored_cells import StoredCells
from tests.support.stored_events import row, store
from tests.support.waiting import eventually
from tests.support.weir_command import weir

pytestmark = pytest.mark.xdist_group("suite")
NOW = datetime.now(UTC)
JOBS = [
    "enrich.anonymize_events",
    "enrich.archive_events",
    "enrich.expire_events",
    "enrich.expire_archive",
    "enrich.expire_quarantine",
    "ingest.expire_dead_letters",
    "ingest.expire_quarantine",
    "ingest.expire_replays",
    "aggregate.expire_rollups",
    "aggregate.expire_quarantine",
    "aggregate.prune_job_runs",
    "privacy.prune_audit",
]
QUARANTINE = "enrich:{0}:quarantine"
LETTER = """
INSERT INTO ingest.dead_letters (dead_letter_id, received_at, app_id, stage, reason, field, message, event_id,
    name, event)
VALUES (%s, %s, 'social_live', 'ingest', 'FIELD_INVALID', '', '', 'x', 'expired', '')
"""
REPLAY = """
INSERT INTO ingest.replays (app_id, request_id, selection, dry_run, events_per_second, max_rejected_share,
    requested_by, requested_at, state, finished_at)
VALUES ('social_live', %s, '{}', false, 1, 1, 'test', %s, 'done', %s)
"""
RUN = """
INSERT INTO jobs.runs (id, job, trigger, due_at, finished_at, outcome)
VALUES (%s, 'enrich.gone', 'schedule', %s, %s, 'succeeded')
"""


def ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}"


@pytest.fixture
def overdue(suite: Suite) -> Iterator[None]:
    """Something that is past its limit in each store that has one."""
    url = suite.addresses.database_url
    # Each job runs once when its service starts; not in the middle of this test.
    eventually(lambda: set(JOBS) <= _succeeded(url))
    events = [
        row("gift_sent", text(ago(92)), app_id="social_live", person=None),
        row("gift_sent", text(ago(93)), app_id="social_live", person=None),
        # It wants an archive.
        row("user_created", text(ago(95)), app_id="addvalue", person=None),
        row("gift_sent", text(ago(80)), app_id="social_live", person=None, event_id="kept"),
    ]
    store(url, events)
    StoredCells(url, "social_live").add(
        "events", text(ago(370).replace(minute=0, second=0, microsecond=0))
    )
    with psycopg.connect(url) as connection:
        connection.execute(LETTER, [uuid.uuid4(), ago(32)])
        connection.execute(REPLAY, [uuid.uuid4(), ago(92), ago(92)])
        connection.execute(RUN, [uuid.uuid4(), ago(92), ago(92)])
    with Redis.from_url(suite.addresses.redis_url) as redis:
        redis.xadd(QUARANTINE, {"batch": b""}, id=f"{int(ago(32).timestamp() * 1000)}-0")
        yield
        redis.delete(QUARANTINE)
    with psycopg.connect(url) as connection:
        connection.execute(
            "DELETE FROM enrich.events WHERE app_id IN ('social_live', 'addvalue')"
            " AND occurred_at < now() - interval '70 days'"
        )


def _succeeded(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT job FROM jobs.runs WHERE outcome = 'succeeded'")
        return {job for (job,) in found}


def as_csv(suite: Suite, command: str) -> list[dict[str, str]]:
    result = weir(suite.home.path, "retention", command, "--csv")
    return list(csv.DictReader(io.StringIO(result.stdout)))


@pytest.mark.slow
def test_what_is_overdue_goes_with_a_run(suite: Suite, overdue: None) -> None:
    before = weir(suite.home.path, "retention", "status", "--csv")
    assert before.returncode == 1
    rows = [
        (
            each["store"],
            each["app_id"],
            each["kind"],
            each["action"],
            each["limit_days"],
            each["rows"],
        )
        for each in as_csv(suite, "preview")
    ]
    taken = [
        ("enrich.events", "addvalue", "90d", "remove", "90", "1"),
        ("enrich.events", "social_live", "90d", "remove", "90", "2"),
        ("enrich.quarantine", "", "", "remove", "30", "1"),
        ("ingest.dead_letters", "social_live", "expired", "remove", "30", "1"),
        ("ingest.replays", "social_live", "", "remove", "90", "1"),
        ("aggregate.cells", "social_live", "events", "remove", "365", "1"),
        ("jobs.runs", "", "", "remove", "90", "1"),
    ]
    assert rows == taken
    status = list(csv.DictReader(io.StringIO(before.stdout)))
    assert len(status) == len(taken)
    assert [each["kept_because"] for each in status] == [""] * len(taken)
    assert status[0]["oldest"].startswith(f"{ago(95):%Y-%m-%d}")

    run = weir(suite.home.path, "retention", "run", "--json")
    assert run.returncode == 0, run.stderr
    [found] = json.loads(run.stdout)
    assert found["state"] == "RETENTION_RUN_STATE_DONE"
    counts = {step["job"]: _counts(step) for step in found["steps"]}
    assert list(counts) == JOBS
    assert counts["enrich.expire_events"]["removed"] == 2
    assert (
        counts["enrich.archive_events"]["files"],
        counts["enrich.archive_events"]["events"],
    ) == (1, 1)
    [file] = (suite.home.path / "archive/app=addvalue").glob(f"date={ago(95):%Y-%m-%d}/*.parquet")
    assert file.read_bytes()[:4] == b"PAR1"
    assert counts["enrich.expire_quarantine"] == {"removed": 1}
    assert counts["ingest.expire_dead_letters"] == {"deleted": 1}
    assert counts["ingest.expire_replays"] == {"deleted": 1}
    assert counts["aggregate.expire_rollups"]["expired_cells"] == 1
    assert counts["aggregate.prune_job_runs"] == {"deleted": 1}
    assert as_csv(suite, "preview") == []
    assert as_csv(suite, "status") == []
    assert as_csv(suite, "runs")[0]["request_id"] == found["request_id"]
    with psycopg.connect(suite.addresses.database_url) as connection:
        entries = connection.execute(
            "SELECT app_id, actor FROM privacy.audit_entries WHERE action = 'retention.run'"
            " AND details ->> 'run' = %s ORDER BY app_id",
            [found["request_id"]],
        ).fetchall()
        assert entries == [(app_id, "suite token") for app_id in sorted(catalogs())]
        left = connection.execute("SELECT event_id FROM enrich.events WHERE event_id = 'kept'")
        assert left.fetchall() == [("kept",)]


def test_the_limits_of_an_app(suite: Suite) -> None:
    result = weir(suite.home.path, "retention", "policies", "--app", "mlc_lms", "--csv")
    found = {
        (each["store"], each["kind"], each["action"]): (each["limit_days"], each["set_by"])
        for each in csv.DictReader(io.StringIO(result.stdout))
    }
    # LMS042, LMS097, and what the services' own settings say.
    assert found["enrich.events", "privacy_level=sensitive", "remove"] == ("1095", "catalog")
    assert found["enrich.events", "privacy_level=pii", "remove"] == ("365", "catalog")
    assert found["ingest.dead_letters", "", "remove"] == (
        "30",
        "WEIR_INGEST_DEAD_LETTERS_KEPT_DAYS",
    )
    assert found["ingest.replays", "", "remove"] == ("90", "WEIR_INGEST_REPLAYS_KEPT_DAYS")
    assert found["enrich.quarantine", "", "remove"] == ("30", "WEIR_QUARANTINE_KEPT_DAYS")
    assert found["privacy.consent_history", "", "remove"] == ("no limit", "")


def _counts(step: dict[str, Any]) -> dict[str, int]:
    return {name: int(number) for name, number in step.get("counts", {}).items()}
