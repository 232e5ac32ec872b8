"""Gauges of a catalog: what is declared, and what is wrong with it."""

import pytest

from libs.catalog import CatalogError, Condition, Dimension, EventChoice, Gauge, Source, SourceKind
from tests.support.small_catalog import small


def compiled(gauges: str) -> dict[str, Gauge]:
    return dict(small(f"\nactivity: [game.*]\ngauges:\n{gauges}").gauges)


def test_a_window() -> None:
    found = compiled("""
  online: {seen: activity, within: 5m, description: Online}
  visits: {seen: ['*'], within: 60s, key: session_id, by: [club_id]}
""")
    assert found["online"] == Gauge(
        name="online",
        description="Online",
        enters=(EventChoice(frozenset({"game.started", "game.ended"})),),
        leaves=(),
        key=Source(SourceKind.SUBJECT, ("subject",)),
        by=(),
        silence_seconds=300,
        exclusive=False,
        by_receipt=True,
    )
    assert found["visits"].events == {"game.started", "game.ended", "club.joined"}
    assert found["visits"].key == Source(SourceKind.ENVELOPE, ("session_id",))
    assert found["visits"].by == (Dimension("club_id", Source(SourceKind.ENVELOPE, ("group_id",))),)


def test_enter_and_leave() -> None:
    playing = compiled("""
  playing: {enter: game.started, leave: game.ended, alive: ['*'], silence: 30m, key: player}
""")["playing"]
    everything = EventChoice(frozenset({"game.started", "game.ended", "club.joined"}))
    assert playing.enters == (EventChoice(frozenset({"game.started"})), everything)
    assert playing.leaves == (EventChoice(frozenset({"game.ended"})),)
    assert (playing.silence_seconds, playing.by_receipt, playing.exclusive) == (1800, False, False)


def test_one_event_that_enters_and_leaves_by_conditions() -> None:
    playing = compiled("""
  playing:
    enter: {events: game.ended, if: {properties.mode: [duel, 5]}}
    leave: {events: game.ended, if: {properties.mode: over}}
    silence: 30m
""")["playing"]
    [enter], [leave] = playing.enters, playing.leaves
    assert enter.events == leave.events == {"game.ended"}
    mode = Source(SourceKind.PROPERTY, ("mode",))
    assert enter.conditions == (Condition(mode, ('"duel"', "5")),)
    assert leave.conditions == (Condition(mode, ('"over"',)),)
    assert playing.sources == (Source(SourceKind.SUBJECT, ("subject",)), mode, mode)


def test_a_catalog_without_gauges() -> None:
    assert not small().gauges


@pytest.mark.parametrize(
    ("gauge", "reason"),
    [
        ("g: {seen: activity}", "gauges.g: `within` is missing"),
        ("g: {within: 5m}", "gauges.g: `seen` is missing"),
        ("g: {seen: activity, within: 8d}", "gauges.g.within: must be at most 7d"),
        ("g: {seen: activity, within: 0s}", "gauges.g.within: must be at least one second"),
        ("g: {seen: activity, within: 5m, silence: 5m}", "unknown key `silence`"),
        ("g: {seen: game.start, within: 5m}", "no event `game.start`; did you mean"),
        ("g: {enter: game.started, leave: game.ended}", "gauges.g: `silence` is missing"),
        ("g: {leave: game.ended, silence: 1h}", "gauges.g: `enter` is missing"),
        ("g: {enter: game.started, silence: 1h}", "gauges.g: `leave` is missing"),
        (
            "g: {enter: game.*, leave: game.ended, silence: 1h}",
            "gauges.g.leave: `game.ended` can either enter or leave",
        ),
        (
            "g: {enter: game.started, leave: game.ended, silence: 1h, exclusive: true}",
            "gauges.g: `exclusive` needs `by`",
        ),
        (
            "g: {enter: game.started, leave: game.ended, silence: 1h, by: [properties.mode]}",
            "gauges.g.by: `game.started` does not declare `properties.mode`",
        ),
        (
            "g: {seen: {events: game.ended, if: {properties.made: x}}, within: 5m}",
            "gauges.g.seen.if: `game.ended` does not declare `properties.made`; did you mean",
        ),
        ("g: {seen: {if: {name: game.ended}}, within: 5m}", "gauges.g.seen: `events` is missing"),
        ("g: {seen: activity, within: 5m, by: [player]}", "not split by single people"),
        ("g: {seen: activity, within: 5m, by: [session_id]}", "not split by single people"),
        ("g: {seen: activity, within: 5m, key: club_id}", "neither `subject` nor `session_id`"),
        ("G: {seen: activity, within: 5m}", "the name of a gauge is a-z"),
    ],
)
def test_what_is_wrong(gauge: str, reason: str) -> None:
    with pytest.raises(CatalogError) as found:
        compiled(f"  {gauge}\n")
    [problem] = found.value.problems
    assert reason in str(problem)


def test_a_gauge_by_a_field_of_a_step_that_is_switched_off() -> None:
    with pytest.raises(CatalogError, match="gauge `g` reads `country`"):
        small("\nenrichment: [user_agent]\ngauges:\n  g: {seen: '*', within: 5m, by: [country]}\n")


def test_long_values_are_bounded_at_ingest_like_those_of_rollups() -> None:
    catalog = small("\ngauges:\n  g: {seen: game.ended, within: 5m, by: [properties.mode]}\n")
    assert catalog.sent_dimensions["game.ended"].properties == (
        Source(SourceKind.PROPERTY, ("mode",)),
    )
