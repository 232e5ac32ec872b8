"""docs/metrics.md: what it says of its example is what comes out when its events are counted."""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from weir.common.v1 import event_pb2

from cli.number_tables import shown
from libs.catalog import compile_catalog
from libs.stores.postgres import create_engine
from libs.stores.postgres_connector import PostgresConnector
from services.aggregate.counting.batch_counter import BatchCounter
from services.aggregate.counting.identity import CellIdentity
from services.aggregate.counting.known_members import KnownMembers
from services.aggregate.counting.postgres import PostgresCountingStore
from services.aggregate.named_metrics.model import Confidence, MetricQuery, MetricValue
from services.aggregate.named_metrics.postgres import RollupMetrics
from services.aggregate.named_metrics.spans import periods_in
from services.aggregate.plan import compile_plan
from services.aggregate.postgres import one_state
from tests.support.aggregate_batches import batch, event
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "metrics.md").read_text()
CATALOG = compile_catalog(re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S)[0], "club.yaml")
PLAN = compile_plan(CATALOG)
DAYS = re.findall(r"^\| (\d{4}-\d\d-\d\d) \|" + r"([^|]*)\|" * 6 + "$", PAGE, re.M)
VALUES = re.findall(r"^\| `(\w+)` \| (\d{4}-\d\d-\d\d) \| (none|[-.\d]+) \|", PAGE, re.M)
NOW = datetime(2026, 6, 15, tzinfo=UTC)


def events() -> Iterator[event_pb2.Event]:
    """The events of the page. The first game of a day and club has all its points."""
    for day, *columns in DAYS:
        visited, joined, *numbers = (column.split() for column in columns)
        yield from (event("visited", day, player=person) for person in visited)
        yield from (event("joined", day, player=person) for person in joined)
        for club, games, points in (("red", *numbers[:2]), ("blue", *numbers[2:])):
            for number in range(int(games[0]) if games else 0):
                properties = {"points": 0 if number else int(points[0])}
                yield event("played", day, player="eve", guild=club, properties=properties)


@pytest.fixture
async def metrics(
    database_url: str, role_url: Callable[[str], str]
) -> AsyncIterator[RollupMetrics]:
    role = role_url("weir_aggregate")
    store = PostgresCountingStore(PostgresConnector(role, service="aggregate"))
    counter = BatchCounter(
        store, KnownMembers(100), CellIdentity(100), PSEUDONYMS, FixedClock.of_us()
    )
    await counter.count([batch(*events(), app_id="club")], {"club": PLAN})
    store.close()
    engine = create_engine(role, service="aggregate")
    async with one_state(engine) as connection:
        yield RollupMetrics(connection, NOW)
    await engine.dispose()


async def value_of(metrics: RollupMetrics, name: str, day: str) -> MetricValue:
    metric = CATALOG.metrics[name]
    start = datetime.fromisoformat(f"{day}T00:00Z")
    spans = periods_in(metric.period, start, start + timedelta(seconds=1), 2)
    assert spans[0].start == start
    return (await metrics.page(MetricQuery(PLAN, metric, spans))).values[0]


async def test_the_values_of_the_page(metrics: RollupMetrics) -> None:
    """As the terminal prints them."""
    assert len(DAYS) == 4
    assert {found.name for found in events()} == CATALOG.events.keys()
    found = [
        (name, day, shown((await value_of(metrics, name, day)).answer.value, missing="none"))
        for name, day, _ in VALUES
    ]
    assert found == VALUES
    of_rollups = {name for name, metric in CATALOG.metrics.items() if not metric.is_personal}
    assert {name for name, _, _ in VALUES} == of_rollups


async def test_the_points_of_three_games_are_three_data_points(metrics: RollupMetrics) -> None:
    """A medium confidence takes five."""
    found = await value_of(metrics, "points_per_game", "2026-05-02")
    assert (found.answer.data_points, found.confidence) == (3, Confidence.LOW)
