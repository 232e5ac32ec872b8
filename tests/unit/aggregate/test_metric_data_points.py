"""How many data points stand behind a metric: no event counts twice."""

import pytest

from libs.catalog import compile_catalog
from services.aggregate.model import Measure
from services.aggregate.named_metrics.evaluate import evaluate, read_metrics
from services.aggregate.named_metrics.model import Answer, Counted, Numbers
from services.aggregate.plan import compile_plan

CATALOG = compile_catalog(
    """
app_id: club
title: Club
subject: {name: member}
categories: {play: {producers: [server], retention: {raw: 90d, aggregate: 5y}}}
events: {played: {category: play, properties: {points: {type: number}, mode: {type: string}}}}
rollups:
  games:
    events: [played]
    period: day
    metrics:
      games: count
      rated: {count: events, if: {properties.mode: rated}}
      others: {difference: [games, rated]}
      points: {sum: properties.points}
metrics:
  points_per_game: {ratio: [games.points, games.games]}
  others: {value: games.others}
  share_of_others: {ratio: [games.others, games.games]}
  change: {change: games.games}
  change_of_weeks: {change: {of: activity.active_users, window: 7d}}
""",
    "club.yaml",
)


def answer(name: str, *numbers: Numbers) -> Answer:
    metric, plan = CATALOG.metrics[name], compile_plan(CATALOG)
    parts = [read_metrics(plan.rollups[term.rollup], term.metric) for term in metric.terms]
    return evaluate(metric, parts, numbers, 0)


def counted(number: int, values: int) -> Counted:
    return Counted(Measure(number, None, None, None), values)


GAMES = {(0, "games"): counted(7, 7)}
OTHERS = {(0, "games"): counted(7, 7), (0, "rated"): counted(4, 4)}


@pytest.mark.parametrize(
    ("name", "numbers", "points"),
    [
        # Seven games, four of which have points.
        pytest.param("points_per_game", [{(0, "points"): counted(4, 4)}, GAMES], 7, id="ratio"),
        pytest.param("points_per_game", [{(0, "points"): counted(4, 4)}, {}], 0, id="no games"),
        pytest.param("others", [OTHERS], 7, id="difference"),
        pytest.param("share_of_others", [OTHERS, GAMES], 7, id="ratio of a difference"),
        # 7 and 2 games of two days.
        pytest.param("change", [GAMES | {(1, "games"): counted(2, 2)}], 9, id="change"),
        # Two weeks that have six days in common.
        pytest.param(
            "change_of_weeks",
            [{(0, "active_users"): counted(5, 20), (1, "active_users"): counted(6, 23)}],
            23,
            id="change of a window",
        ),
    ],
)
def test_no_event_counts_twice(name: str, numbers: list[Numbers], points: int) -> None:
    assert answer(name, *numbers).data_points == points
