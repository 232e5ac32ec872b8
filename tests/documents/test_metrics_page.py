"""docs/metrics.md: what it says of its example is what comes out."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from libs.catalog import compile_catalog
from libs.stores.postgres import create_engine
from services.aggregate.named_metrics.model import MetricQuery
from services.aggregate.named_metrics.postgres import RollupMetrics
from services.aggregate.named_metrics.spans import periods_in
from services.aggregate.plan import compile_plan
from services.aggregate.postgres import one_state
from tests.support.repository import REPOSITORY
from tests.support.stored_cells import StoredCells

PAGE = (REPOSITORY / "docs" / "metrics.md").read_text()
CATALOG = compile_catalog(re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S)[0], "club.yaml")
DAYS = re.findall(r"^\| (\d{4}-\d\d-\d\d) \|" + r"([^|]*)\|" * 6 + "$", PAGE, re.M)
VALUES = re.findall(r"^\| `(\w+)` \| (\d{4}-\d\d-\d\d) \| (none|[-.\d]+) \|", PAGE, re.M)
NOW = datetime(2026, 6, 15, tzinfo=UTC)


@pytest.fixture
async def metrics(
    database_url: str, role_url: Callable[[str], str]
) -> AsyncIterator[RollupMetrics]:
    cells = StoredCells(database_url, "club")
    for day, *columns in DAYS:
        active, joined, *numbers = (column.split() for column in columns)
        cells.add("activity", day, people={"active_users": active})
        if joined:
            cells.add("joins", day, people={"people": joined})
        for club, games, points in (("red", *numbers[:2]), ("blue", *numbers[2:])):
            if games:
                stored = {
                    "games": {"count": int(games[0])},
                    "points": {"count": int(games[0]), "total": int(points[0])},
                }
                cells.add("games", day, dimensions={"club_id": club}, numbers=stored)
    engine = create_engine(role_url("weir_aggregate"), service="aggregate")
    async with one_state(engine) as connection:
        yield RollupMetrics(connection, NOW)
    await engine.dispose()


async def test_the_values_of_the_page(metrics: RollupMetrics) -> None:
    assert len(DAYS) == 4
    said, found = [], []
    for name, day, value in VALUES:
        metric = CATALOG.metrics[name]
        start = datetime.fromisoformat(f"{day}T00:00Z")
        spans = periods_in(metric.period, start, start + timedelta(seconds=1), 2)
        assert spans[0].start == start
        page = await metrics.page(MetricQuery(compile_plan(CATALOG), metric, spans))
        answer = page.values[0].answer.value
        said.append((name, day, None if value == "none" else float(value)))
        found.append((name, day, None if answer is None else round(answer, 10)))
    assert found == said
    of_rollups = {name for name, metric in CATALOG.metrics.items() if not metric.is_personal}
    assert {name for name, _, _ in VALUES} == of_rollups
