"""The views of the schema `reports`, read as an analyst's role does; what is expected is added up by hand."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from services.aggregate.results.model import COHORTS, METRICS, PEOPLE
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.aggregate_batches import entry, event
from tests.support.arena_catalog import APP

DAY, NEXT = datetime(2026, 4, 27, tzinfo=UTC), datetime(2026, 4, 28, tzinfo=UTC)
RESULT = """
    INSERT INTO aggregate.results
        (app_id, job, period_start, period_end, is_final, cells, revision, calculated_at)
    VALUES ('arena', 'daily', %(day)s, %(next)s, true, 2, 1, %(next)s)
"""
CELL = """
    INSERT INTO aggregate.result_cells
        (app_id, job, period_start, rollup, bucket, cell_id, dimensions, metrics)
    VALUES ('arena', 'daily', %(day)s, %(rollup)s, %(day)s, %(id)s, %(dimensions)s, %(metrics)s)
"""


@pytest.fixture
def read(role_url: Callable[[str], str]) -> Callable[[str], list[tuple[object, ...]]]:
    """Rows, as `weir_read`."""

    def rows(statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(role_url("weir_read")) as connection:
            return connection.execute(statement.encode()).fetchall()

    return rows


async def test_users_by_day_and_events_by_hour(
    stores: Stores, aggregate: Aggregate, read: Callable[[str], list[tuple[object, ...]]]
) -> None:
    stores.send(
        entry(
            event(player="ann", guild="g1"),
            event(player="ann", guild="g2"),
            event("match.left", "2026-04-27T10:59:59", player="bob"),
            event("match.left", "2026-04-28T00:00:00", player="bob"),
            event("match.left", "2026-04-28T00:00:01"),
        )
    )
    await stores.until_drained()
    assert read("SELECT * FROM reports.daily_active_users ORDER BY day") == [
        (APP, DAY, 2),
        (APP, NEXT, 1),
    ]
    assert read("SELECT * FROM reports.hourly_events ORDER BY hour, name") == [
        (APP, DAY.replace(hour=10), "match.ended", 2),
        (APP, DAY.replace(hour=10), "match.left", 1),
        (APP, NEXT, "match.left", 2),
    ]


def test_results_of_jobs_without_those_of_people(
    database_url: str, read: Callable[[str], list[tuple[object, ...]]]
) -> None:
    with psycopg.connect(database_url) as connection:
        moments = {"day": DAY, "next": NEXT}
        connection.execute(RESULT.encode(), moments)
        for rollup, dimensions, metrics in (
            (METRICS, '{"guild_id": "g1"}', '{"per_match.value": 2.5, "worst.value": null}'),
            (COHORTS, '{"cohort": "2026-04-20"}', '{"people": 7}'),
            (PEOPLE, '{"person": "0f1e2d3c4b5a69788796a5b4c3d2e1f0"}', '{"streak": 4}'),
            # Of which only the catalog knows whether it is split by the person.
            ("matches", '{"player_id": "0f1e2d3c4b5a69788796a5b4c3d2e1f0"}', '{"matches": 3}'),
        ):
            named = {"rollup": rollup, "id": uuid4(), "dimensions": dimensions, "metrics": metrics}
            connection.execute(CELL.encode(), {**moments, **named})
    assert read("SELECT * FROM reports.job_results ORDER BY metric") == [
        (APP, "daily", DAY, NEXT, True, NEXT, DAY, dimensions, metric, value)
        for dimensions, metric, value in (
            ({"cohort": "2026-04-20"}, "people", 7.0),
            ({"guild_id": "g1"}, "per_match.value", 2.5),
            ({"guild_id": "g1"}, "worst.value", None),
        )
    ]


def test_nothing_behind_the_views_can_be_read(
    read: Callable[[str], list[tuple[object, ...]]],
) -> None:
    for table in ("aggregate.cells", "aggregate.members", "aggregate.result_cells"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            read(f"SELECT 1 FROM {table}")
