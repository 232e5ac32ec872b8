"""The metrics of a catalog: what is declared, and what is wrong with it."""

from decimal import Decimal

import pytest

from libs.catalog import (
    CatalogError,
    Component,
    ComponentKind,
    Condition,
    ConfidenceRule,
    NamedKind,
    NamedMetric,
    Period,
    Source,
    SourceKind,
    Term,
    Threshold,
    compile_catalog,
)
from tests.support.arena_catalog import CATALOG

PLAIN = ConfidenceRule(Threshold(0, 20), Threshold(0, 5))
INDEX = "missing: rescale, components: {a: {weight: 1, count: [match.left], target: 4}}"


def compiled(metrics: str) -> dict[str, NamedMetric]:
    return dict(compile_catalog(f"{CATALOG}\nmetrics:\n{metrics}", "arena.yaml").metrics)


def test_what_is_declared() -> None:
    found = compiled(
        """
  wins: {ratio: [watching.watched, watching.people], period: week, by: [guild_id], description: Wins}
  wau: {value: {of: activity.active_users, window: 7d}}
"""
    )
    assert found["wins"] == NamedMetric(
        "wins",
        "Wins",
        NamedKind.RATIO,
        Period.WEEK,
        ("guild_id",),
        (Term("watching", "watched"), Term("watching", "people")),
        PLAIN,
    )
    assert found["wau"].terms == (Term("activity", "active_users", window_days=7),)
    assert found["wau"].period is Period.DAY


def test_the_kinds() -> None:
    found = compiled("""
  t: {trend: {of: watching.watched, where: {guild_id: red}}, period: week, periods: 5}
  d7: {retention: {entry: activity.active_users, active: activity.active_users, after: 7d}}
  lost: {churn: activity.active_users, period: month}
  row: {streak: activity.active_users}
  each: {counts: ['match.*']}
  so_far: {value: {of: events.events, so_far: true}, period: hour}
""")
    assert (found["t"].periods, found["t"].terms[0].where) == (5, (("guild_id", '"red"'),))
    assert (found["d7"].after_days, len(found["d7"].terms)) == (7, 2)
    assert [name for name, metric in found.items() if metric.is_personal] == ["row", "each"]
    assert found["each"].events == {"match.ended", "match.left", "match.watched", "match.cheered"}
    assert found["so_far"].has_window


def test_an_index() -> None:
    metric = compiled("""
  zeal:
    index:
      components:
        score:
          {weight: 0.6, mean: properties.score, events: [match.ended], prefer: {properties.mode: [live]}}
        left: {weight: 0.3, count: match.left, target: 4}
        days: {weight: 0.1, active_days: activity.active_users, of: 7}
    confidence: {medium: {components: 2, data_points: 3}}
""")["zeal"]
    live = Condition(Source(SourceKind.PROPERTY, ("mode",)), ('"live"',))
    assert metric.components == (
        Component(
            "score",
            Decimal("0.6"),
            ComponentKind.MEAN,
            Decimal(100),
            frozenset({"match.ended"}),
            path=("score",),
            prefer=(live,),
        ),
        Component(
            "left", Decimal("0.3"), ComponentKind.COUNT, Decimal(4), frozenset({"match.left"})
        ),
        Component(
            "days",
            Decimal("0.1"),
            ComponentKind.ACTIVE_DAYS,
            Decimal(7),
            active=Term("activity", "active_users"),
            days=7,
        ),
    )
    assert metric.confidence == ConfidenceRule(Threshold(3, 20), Threshold(2, 3))


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("{value: [x]}", "m.value: must be a number of a rollup"),
        ("{value: lot.items}", "m.value: no rollup `lot`; did you mean `loot`?"),
        ("{value: loot.item}", "rollup `loot` has no number `item`; did you mean `items`?"),
        ("{value: watching.avg_wait}", "m.value: `avg_wait` is no number of cells"),
        ("{values: loot.items}", "a metric is of one kind: value, ratio"),
        ("{value: loot.items, trend: loot.items}", "a metric is of one kind"),
        ("{ratio: [loot.items]}", "m.ratio: must be two numbers"),
        ("{ratio: loot.items}", "m.ratio: must be a list of numbers of rollups"),
        (
            "{value: loot.items, period: hour}",
            "rollup `loot` is by day, which is no part of a hour",
        ),
        ("{value: matches.matches, period: month}", "is by week, which is no part of a month"),
        ("{value: {of: matches.matches, window: 7d}, period: week}", "no part of a day"),
        ("{value: {of: loot.items, window: 2h}}", "m.value.window: must be whole days"),
        ("{value: {of: loot.items, window: 2y}}", "m.value.window: must be at most 366d"),
        ("{value: {of: loot.items, so_far: true}}", "m.value.so_far: is for hours"),
        ("{value: loot.items, by: [guild_id]}", "rollup `loot` has no dimension `guild_id`"),
        ("{value: {of: watching.people, where: {guild: 1}}}", "unknown key `guild`"),
        ("{value: watching.last_seconds}", "a last number has no sum over `guild_id`"),
        ("{average: {of: loot.items, window: 7d}}", "m.average: unknown key `window`"),
        ("{average: watching.median}", "an average is of counts, distinct counts and sums"),
        ("{churn: watching.watched}", "`watched` is no number of different people"),
        ("{churn: loot.items}", "`items` is no number of different people"),
        ("{streak: watching.people}", "rollup `watching` has dimensions"),
        ("{streak: matches.players}", "rollup `matches` is not by day"),
        ("{streak: activity.active_users, period: week}", "of single people is by day"),
        ("{streak: activity.active_users, by: [guild_id]}", "of single people has no dimensions"),
        ("{trend: loot.items, periods: 2}", "m.periods: must be a number from 3 to 60"),
        ("{value: loot.items, periods: 8}", "unknown key `periods`"),
        (
            "{retention: {entry: activity.active_users, active: activity.active_users}}",
            "`after` is missing",
        ),
        ("{counts: [match.end]}", "no event `match.end`; did you mean `match.ended`?"),
        ("{index: {}}", "m.index.components: at least one component is needed"),
        (
            f"{{index: {{{INDEX}}}, confidence: {{high: {{data_points: 2.5}}}}}}",
            "m.confidence.high.data_points: must be a whole number",
        ),
        ("{index: {components: {a: {weight: 1}}}}", "a component is of one kind: mean, count"),
        (f"{{index: {{{INDEX.replace('weight: 1', 'weight: 0.5')}}}}}", "must add up to 1"),
        (f"{{index: {{{INDEX.replace('target: 4', 'target: 0')}}}}}", "must be more than 0"),
        (f"{{index: {{{INDEX.replace(', target: 4', '')}}}}}", "`target` is missing"),
        (
            f"{{index: {{{INDEX.replace('rescale', 'drop')}}}}}",
            "`drop` is not one of rescale, zero",
        ),
        (
            "{index: {components: {a: {weight: 1, mean: properties.scor, events: [match.ended]}}}}",
            "declares `properties.scor`; did you mean `score`?",
        ),
        (
            "{index: {components: {a: {weight: 1, mean: country, events: [match.ended]}}}}",
            "a mean is of a property",
        ),
    ],
)
def test_what_is_wrong(metric: str, reason: str) -> None:
    with pytest.raises(CatalogError) as found:
        compiled(f"  m: {metric}\n")
    assert reason in str(found.value)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("Wins", "is a-z, 0-9 and `_`"), ("loot", "there is a rollup of this name")],
)
def test_names(name: str, reason: str) -> None:
    with pytest.raises(CatalogError, match=reason):
        compiled(f"  {name}: {{value: loot.items}}\n")
