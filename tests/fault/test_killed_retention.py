"""kill -9 of privacy and of the service that is at work, in the middle of a retention run: it goes on, and
ends as it would have."""

import uuid
from dataclasses import dataclass
from functools import partial

import psycopg
import pytest
from weir.privacy.v1 import retention_service_pb2 as pb

from suite.supervisor import Suite
from tests.support.retention_runs import SECONDS, has_ended, run
from tests.support.waiting import eventually, holds_in_time

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]
APP = "unofficial_communities"
# More than one transaction of each job takes.
ROWS = 12_000
MIDDLE = ROWS // 2
_EVENT = f"""
INSERT INTO enrich.events (event_uuid, occurred_at, received_at, app_id, retention_class, name, event_id,
    subject_id, schema_version, producer, environment, properties)
SELECT gen_random_uuid(), at - n * interval '1 millisecond', at, '{APP}', '90d', 'gamification.xp.awarded',
    'old ' || n, 'person ' || n % 50, '1.0.0', 'api', 'production', '{{}}'
FROM generate_series(1, {ROWS}) AS n,
    (SELECT date_trunc('day', now(), 'UTC') - interval '%s days' AS at) AS day
"""
# Received today, so that no partition can go as a whole.
_LATE = f"""
INSERT INTO enrich.events (event_uuid, occurred_at, received_at, app_id, retention_class, name, event_id,
    schema_version, producer, environment, properties)
VALUES (gen_random_uuid(), date_trunc('day', now(), 'UTC') - interval '95 days', now(), '{APP}', '90d',
    'gamification.xp.awarded', 'late', '1.0.0', 'api', 'production', '{{}}')
"""
_LETTER = f"""
INSERT INTO ingest.dead_letters (dead_letter_id, received_at, app_id, stage, reason, field, message, event_id,
    name, event)
SELECT gen_random_uuid(), now() - interval '40 days' - n * interval '1 second', '{APP}', 'ingest',
    'FIELD_INVALID', '', '', 'old', 'gone', ''
FROM generate_series(1, {ROWS}) AS n
"""
_CELL = f"""
INSERT INTO aggregate.cells (cell_id, app_id, rollup, bucket, dimensions)
SELECT gen_random_uuid(), '{APP}', 'activity', date_trunc('day', now(), 'UTC') - n * interval '1 day',
    jsonb_build_object('n', n)
FROM generate_series(4000, {4000 + ROWS}) AS n
"""


@dataclass(frozen=True)
class Step:
    """Work of a run: whose it is, what it is given to do, which of it is left, and a row in
    the middle, whichever end it begins at."""

    service: str
    fill: str
    left: str
    held: str


_OF_APP = f"app_id = '{APP}'"
STEPS = {
    "people": Step(
        "enrich",
        # 90 days old, and not past their limit yet.
        _EVENT.replace("%s days", "89 days"),
        f"SELECT count(*) FROM enrich.events WHERE {_OF_APP} AND subject_id IS NOT NULL",
        f"SELECT ctid FROM enrich.events WHERE {_OF_APP} AND event_id = 'old {MIDDLE}' FOR UPDATE",
    ),
    "events": Step(
        "enrich",
        # Without people, so that nothing is to be done before they go.
        _EVENT.replace("%s days", "95 days").replace("'person ' || n % 50", "NULL"),
        f"SELECT count(*) FROM enrich.events WHERE {_OF_APP} AND event_id <> 'late'"
        " AND occurred_at < now() - interval '92 days'",
        f"SELECT ctid FROM enrich.events WHERE {_OF_APP} AND event_id = 'old {MIDDLE}'"
        " AND occurred_at < now() - interval '92 days' FOR UPDATE",
    ),
    "letters": Step(
        "ingest",
        _LETTER,
        "SELECT count(*) FROM ingest.dead_letters WHERE event_id = 'old'",
        # OFFSET itself would lock the rows before it.
        "SELECT ctid FROM ingest.dead_letters WHERE ctid = (SELECT ctid FROM ingest.dead_letters"
        f" WHERE event_id = 'old' ORDER BY received_at OFFSET {MIDDLE} LIMIT 1) FOR UPDATE",
    ),
    "cells": Step(
        "aggregate",
        _CELL,
        f"SELECT count(*) FROM aggregate.cells WHERE {_OF_APP} AND bucket < now() - interval '3999 days'",
        "SELECT ctid FROM aggregate.cells WHERE ctid = (SELECT ctid FROM aggregate.cells"
        f" WHERE {_OF_APP} ORDER BY bucket OFFSET {MIDDLE} LIMIT 1) FOR UPDATE",
    ),
}
# What another role waits for is not for everyone to see; that it waits is.
_WAITS = """
SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE usename = %s AND NOT granted
"""


def sql(suite: Suite, statement: str, *parameters: object) -> int:
    """The number that a query answers; 0 for other statements."""
    with psycopg.connect(suite.addresses.database_url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), parameters or None)
        row = cursor.fetchone() if cursor.description else None
        return int(row[0]) if row else 0


def succeeded(suite: Suite, job: str) -> bool:
    counts = "SELECT count(*) FROM jobs.runs WHERE job = %s AND outcome = 'succeeded'"
    return sql(suite, counts, job) > 0


def _is_held(suite: Suite, step: Step, before: int) -> bool:
    """Whether a job of the run is in the middle: some transactions are done, and one waits."""
    return 0 < sql(suite, step.left) < before and sql(suite, _WAITS, f"weir_{step.service}") > 0


@pytest.mark.timeout(3 * SECONDS)
@pytest.mark.parametrize("name", STEPS)
def test_a_killed_run_goes_on_to_the_same_end(fragile_suite: Suite, name: str) -> None:
    suite, step = fragile_suite, STEPS[name]
    # Those of the start are over.
    for job in ("enrich.expire_events", "ingest.expire_dead_letters", "aggregate.expire_rollups"):
        eventually(partial(succeeded, suite, job))
    sql(suite, _LATE.replace("'late'", "'late'").replace("95 days", "94 days"))
    sql(suite, step.fill)
    before = sql(suite, step.left)
    assert before >= ROWS
    request_id = str(uuid.uuid4())
    with psycopg.connect(suite.addresses.database_url) as holder:
        assert len(holder.execute(step.held.encode()).fetchall()) == 1
        assert run(suite, request_id).state == pb.RETENTION_RUN_STATE_RUNNING
        is_held = partial(_is_held, suite, step, before)
        assert holds_in_time(is_held, SECONDS)
        suite.kill("privacy")
        suite.kill(step.service)
    assert 0 < sql(suite, step.left) < before
    suite.restart("privacy")
    # Its lease is over now, and not in a minute.
    sql(suite, "UPDATE jobs.runs SET lease_until = now() WHERE outcome = 'running'")
    suite.restart(step.service)
    # Privacy goes on by itself: it is only asked how the run stands.
    assert holds_in_time(partial(has_ended, suite, request_id), SECONDS)
    ended = run(suite, request_id)
    assert ended.state == pb.RETENTION_RUN_STATE_DONE
    assert [each.outcome for each in ended.steps] == ["succeeded"] * len(ended.steps)
    assert len({each.job for each in ended.steps}) == len(ended.steps) >= 8
    assert sql(suite, step.left) == 0
    late = f"SELECT count(*) FROM enrich.events WHERE {_OF_APP} AND event_id = 'late'"
    assert sql(suite, late) >= 1
