"""Metrics of a catalog over stored cells, with numbers worked out by hand."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalog, compile_catalog
from libs.stores.postgres import create_engine
from services.aggregate.named_metrics.model import MetricPage, MetricQuery
from services.aggregate.named_metrics.postgres import RollupMetrics
from services.aggregate.named_metrics.spans import periods_in
from services.aggregate.plan import compile_plan
from services.aggregate.postgres import one_state
from tests.support.stored_cells import StoredCells

CATALOG = """
app_id: club
title: Club
subject: {name: member}
group: {name: club_id}
categories: {play: {producers: [server], retention: {raw: 90d, aggregate: 5y}}}
events:
  joined: {category: play}
  played: {category: play, properties: {points: {type: number}, kind: {type: string}}}
rollups:
  games:
    events: [played]
    period: day
    dimensions: [club_id, properties.kind]
    metrics:
      games: count
      points: {sum: properties.points}
      mean: {avg: properties.points}
      median: {quantile: properties.points, at: 0.5}
      newest: {last: properties.points}
      players: {distinct: subject}
  joins:
    events: [joined]
    period: day
    dimensions: [club_id]
    metrics: {people: {distinct: subject}}
  hours: {events: ['*'], period: hour, metrics: {people: {distinct: subject}}}
metrics:
  points_per_game: {ratio: [games.points, games.games], by: [club_id]}
  month_per_game: {ratio: [games.points, games.games], period: month}
  rated: {ratio: [{of: games.games, where: {kind: rated}}, games.games], period: month}
  points: {value: games.points, period: month}
  mean: {value: games.mean, period: month}
  median: {value: games.median, period: month}
  newest: {value: games.newest, period: month, by: [club_id, kind]}
  week: {value: {of: activity.active_users, window: 7d}}
  month: {value: activity.active_users, period: month}
  players: {value: games.players, period: month}
  stickiness: {ratio: [activity.active_users, {of: activity.active_users, window: 30d}]}
  daily_mean: {average: activity.active_users, period: week}
  d1: {retention: {entry: joins.people, active: games.players, after: 1d}, by: [club_id]}
  d2: {retention: {entry: joins.people, active: activity.active_users, after: 2d}}
  lost: {churn: activity.active_users, period: month}
  change: {change: games.games, by: [club_id]}
  trend: {trend: games.games, periods: 4}
  so_far: {value: {of: hours.people, so_far: true}, period: hour}
"""
NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)


class Club:
    """The app, and what is stored of it."""

    def __init__(self, database_url: str, engine: AsyncEngine) -> None:
        self.catalog: Catalog = compile_catalog(CATALOG, "club.yaml")
        self.cells = StoredCells(database_url, "club")
        self._engine = engine

    def active(self, day: str, people: str) -> None:
        self.cells.add("activity", day, people={"active_users": people.split()})

    def played(
        self, day: str, games: int, points: int, club: str | None = "red", kind: str = "rated"
    ) -> None:
        numbers = {"games": {"count": games}}
        for metric in ("points", "mean"):
            numbers[metric] = {"count": games, "total": points}
        dimensions = {"club_id": club, "kind": kind}
        self.cells.add("games", day, dimensions=dimensions, numbers=numbers)

    async def page(
        self, metric: str, start: str, end: str, filters: Any = (), **more: Any
    ) -> MetricPage:
        declared = self.catalog.metrics[metric]
        first, last = (datetime.fromisoformat(f"{day}T00:00Z") for day in (start, end))
        spans = periods_in(declared.period, first, last, 1_000)
        query = MetricQuery(compile_plan(self.catalog), declared, spans, filters, **more)
        async with one_state(self._engine) as connection:
            return await RollupMetrics(connection, NOW).page(query)

    async def values(self, metric: str, start: str, end: str, filters: Any = ()) -> Any:
        """The values, with the dimensions if there are any."""
        page = await self.page(metric, start, end, filters)
        assert page.following is None
        return [
            (*value.dimensions.values(), value.answer.value)
            if value.dimensions
            else value.answer.value
            for value in page.values
        ]

    async def one(self, metric: str, start: str, end: str) -> Any:
        """The only answer."""
        [value] = (await self.page(metric, start, end)).values
        return value.answer


@pytest.fixture
async def club(database_url: str, role_url: Callable[[str], str]) -> AsyncIterator[Club]:
    engine = create_engine(role_url("weir_aggregate"), service="aggregate")
    yield Club(database_url, engine)
    await engine.dispose()


async def test_a_ratio_is_of_sums(club: Club) -> None:
    """10 points in 1 game and 2 points in 3 games are 3 points a game, and not (10 + 2/3) / 2."""
    club.played("2026-05-01", 1, 10)
    club.played("2026-05-02", 3, 2)
    club.played("2026-05-02", 1, 9, club="blue", kind="plain")
    found = await club.values("points_per_game", "2026-05-01", "2026-05-04")
    assert found == [("red", 10.0), ("blue", 9.0), ("red", 2 / 3)]
    answer = await club.one("month_per_game", "2026-05-01", "2026-06-01")
    assert (answer.value, answer.breakdown) == (21 / 5, {"numerator": 21.0, "denominator": 5.0})
    # Five games: their points are of the same events.
    assert answer.data_points == 5
    assert await club.values("rated", "2026-05-01", "2026-06-01") == [4 / 5]


async def test_nothing_divided_by_nothing_is_no_value(club: Club) -> None:
    assert await club.values("month_per_game", "2026-05-01", "2026-06-01") == [None]
    assert await club.values("points_per_game", "2026-05-01", "2026-06-01") == []
    assert await club.values("points", "2026-05-01", "2026-06-01") == [0.0]
    assert await club.values("mean", "2026-05-01", "2026-06-01") == [None]


async def test_numbers_of_several_cells(club: Club) -> None:
    club.played("2026-05-01", 1, 10)
    club.played("2026-05-31", 3, 2, club=None)
    club.played("2026-06-01", 5, 50)
    assert await club.values("points", "2026-05-01", "2026-07-01") == [12.0, 50.0]
    assert await club.values("mean", "2026-05-01", "2026-06-01") == [3.0]
    only = [("club_id", "null")]
    assert await club.values("points_per_game", "2026-05-01", "2026-06-01", only) == [(None, 2 / 3)]


async def test_quantiles_and_last_numbers(club: Club) -> None:
    """Of 1, 2 | 3, 4, 5 half are at most 3. Bins are the first 19 bits of the doubles. Metrics of the same
    property share the measure of the first, `points`."""
    bins = {1: "130944", 2: "131072", 3: "131136", 4: "131200", 5: "131232"}
    moments = {"2026-05-01": 100, "2026-05-02": 99}
    for (day, moment), numbers in zip(moments.items(), ([1, 2], [3, 4, 5]), strict=True):
        measures = {
            # All of the same numbers are stored under the name of the first of them.
            "points": {
                "count": len(numbers),
                "bins": {bins[number]: 1 for number in numbers},
                "last_number": [moment, "0" * 32, numbers[0]],
            },
        }
        dimensions = {"club_id": "red", "kind": "rated"}
        club.cells.add("games", day, dimensions=dimensions, numbers=measures)
    assert await club.values("median", "2026-05-01", "2026-06-01") == [3.0]
    assert await club.values("newest", "2026-05-01", "2026-06-01") == [("rated", "red", 1.0)]
    # Counted before the catalog had the median: half of all numbers is not known.
    old = {"points": {"count": 9, "total": 90}}
    club.cells.add("games", "2026-05-03", dimensions=dimensions, numbers=old)
    assert await club.values("median", "2026-05-01", "2026-06-01") == [None]


async def test_people_are_counted_once_over_days_and_months(club: Club) -> None:
    """The week to May 3 begins on April 27: ann, bob and cat. On May 4, April 27 is no longer in it."""
    club.active("2026-04-27", "ann bob")
    club.active("2026-05-01", "ann")
    club.active("2026-05-03", "ann cat")
    assert await club.values("week", "2026-05-03", "2026-05-05") == [3.0, 2.0]
    assert await club.values("month", "2026-04-01", "2026-06-01") == [2.0, 2.0]
    # Of three people in 30 days, two were active on May 3, and none on May 2.
    assert await club.values("stickiness", "2026-05-02", "2026-05-04") == [0.0, 2 / 3]
    # From Monday, April 27, to Sunday: 2 + 1 + 2 in 7 days.
    assert await club.values("daily_mean", "2026-04-27", "2026-05-04") == [5 / 7]


async def test_an_average_is_over_the_days_that_have_begun(club: Club) -> None:
    """It is Wednesday: three days."""
    club.active("2026-06-01", "ann bob")
    club.active("2026-06-03", "ann")
    answer = await club.one("daily_mean", "2026-06-01", "2026-06-08")
    assert (answer.value, answer.breakdown) == (1.0, {"buckets": 3.0})


async def test_different_people_of_several_groups(club: Club) -> None:
    for kind, people in (("rated", ["ann", "bob"]), ("plain", ["ann"])):
        club.cells.add(
            "games",
            "2026-05-01",
            dimensions={"club_id": "red", "kind": kind},
            people={"players": people},
        )
    answer = await club.one("players", "2026-05-01", "2026-06-01")
    assert (answer.value, answer.data_points) == (2.0, 3)


async def test_retention_is_of_the_people_of_each_day(club: Club) -> None:
    """Ann, bob and cat joined red on May 1, dan blue. On May 2 bob and cat play for red, and ann for blue."""
    club.cells.add(
        "joins",
        "2026-05-01",
        dimensions={"club_id": "red"},
        people={"people": ["ann", "bob", "cat"]},
    )
    club.cells.add(
        "joins", "2026-05-01", dimensions={"club_id": "blue"}, people={"people": ["dan"]}
    )
    for name, people in (("red", ["bob", "cat", "eve"]), ("blue", ["ann"])):
        club.cells.add(
            "games",
            "2026-05-02",
            dimensions={"club_id": name, "kind": "rated"},
            people={"players": people},
        )
    assert await club.values("d1", "2026-05-01", "2026-05-04") == [("blue", 0.0), ("red", 2 / 3)]
    page = await club.page("d1", "2026-05-02", "2026-05-03")
    red = page.values[1].answer
    assert (red.breakdown, red.data_points) == ({"people": 3.0, "returned": 2.0}, 3)


async def test_retention_after_two_days(club: Club) -> None:
    club.cells.add("joins", "2026-05-30", people={"people": ["ann", "bob"]})
    club.active("2026-05-31", "bob")
    club.active("2026-06-01", "ann")
    assert await club.values("d2", "2026-06-01", "2026-06-03") == [0.5, None]


async def test_churn_is_of_those_who_were_there_before(club: Club) -> None:
    """Ten in April, seven of them and two others in May: three of ten are lost."""
    club.active("2026-04-02", "a b c d e f")
    club.active("2026-04-30", "f g h i j")
    club.active("2026-05-31", "a b c d e f g x y")
    answer = await club.one("lost", "2026-05-01", "2026-06-01")
    assert (answer.value, answer.data_points) == (0.3, 10)
    assert answer.breakdown == {"active_before": 10.0, "stayed": 7.0, "lost": 3.0}
    assert await club.values("lost", "2026-04-01", "2026-05-01") == [None]


async def test_a_change_against_the_day_before(club: Club) -> None:
    club.played("2026-05-01", 4, 1)
    club.played("2026-05-02", 5, 1)
    page = await club.page("change", "2026-05-02", "2026-05-04")
    found = [(value.answer.value, value.answer.breakdown) for value in page.values]
    assert found == [
        (1.0, {"before": 4.0, "now": 5.0, "share": 0.25}),
        (-5.0, {"before": 5.0, "now": 0.0, "share": -1.0}),
    ]


async def test_a_trend_begins_with_the_first_event(club: Club) -> None:
    """1, 2 and 3 games: one more a day, and four on the next. The day before the first says nothing."""
    for day, games in (("2026-05-02", 1), ("2026-05-03", 2), ("2026-05-04", 3)):
        club.played(day, games, 0)
    answer = await club.one("trend", "2026-05-04", "2026-05-05")
    assert answer.value == pytest.approx(1.0)
    expected = {"now": 3.0, "forecast": 4.0, "low": 4.0, "high": 4.0}
    assert answer.breakdown == pytest.approx(expected)
    assert await club.values("trend", "2026-05-03", "2026-05-04") == [None]


async def test_people_so_far_on_a_day(club: Club) -> None:
    for hour, people in (("00", ["ann"]), ("01", ["ann", "bob"]), ("03", ["cat"])):
        club.cells.add("hours", f"2026-05-02T{hour}:00Z", people={"people": people})
    club.cells.add("hours", "2026-05-01T23:00Z", people={"people": ["dan"]})
    found = await club.values("so_far", "2026-05-02", "2026-05-03")
    assert found[:5] == [1.0, 2.0, 2.0, 3.0, 3.0]
    assert (len(found), found[-1]) == (24, 3.0)


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
async def test_pages_have_each_value_once(club: Club, limit: int) -> None:
    for day in ("2026-05-01", "2026-05-02", "2026-05-04"):
        for name in ("red", "blue", None):
            club.played(day, 1, 1, club=name)
            club.played(day, 1, 1, club=name, kind="plain")
    for metric, expected in (("change", 9 + 6), ("week", 6)):
        seen: list[Any] = []
        after: Any = (0, "")
        while after is not None:
            page = await club.page(metric, "2026-05-01", "2026-05-07", after=after, limit=limit)
            seen += [(value.span.start.day, *value.dimensions.values()) for value in page.values]
            after = page.following
        assert len(seen) == len(set(seen)) == expected
        assert [day for day, *_ in seen] == sorted(day for day, *_ in seen)
