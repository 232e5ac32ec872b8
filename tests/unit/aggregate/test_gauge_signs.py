"""What a chunk says of who is there now, worked out by hand."""

from weir.common.v1 import event_pb2

from services.aggregate.counting.fold import fold
from services.aggregate.gauges.signs import AllSigns, GaugeSigns
from services.aggregate.model import StoredBatch
from services.aggregate.plan import AppPlan, compile_plan
from tests.support.aggregate_batches import RECEIVED_US, at, batch, event
from tests.support.arena_catalog import APP, compile_arena
from tests.support.pseudonyms import PSEUDONYMS

ANN, BOB = (PSEUDONYMS.pseudonym(APP, player) for player in ("ann", "bob"))
GAUGES = """
gauges:
  online: {seen: '*', within: 5m}
  playing:
    {enter: match.entered, leave: match.exited, silence: 30m, by: [properties.mode], alive: match.ended}
"""
EVENTS = """
  match.entered: {category: play, properties: {mode: {}}}
  match.exited: {category: play, properties: {mode: {}}}
rollups:
"""


def arena() -> AppPlan:
    return compile_plan(compile_arena(lambda text: text.replace("\nrollups:\n", EVENTS) + GAUGES))


def found(*batches: StoredBatch) -> dict[str, GaugeSigns]:
    signs = AllSigns()
    fold(arena(), batches, PSEUDONYMS, signs)
    return {each.plan.gauge.name: each for each in signs.found()}


def us(text: str) -> int:
    return int(at(text).timestamp()) * 1_000_000 + at(text).microsecond


def entered(
    player: str, when: str, mode: object = "duel", name: str = "match.entered"
) -> event_pb2.Event:
    return event(name, when, player=player, properties={"mode": mode})


def test_a_window_takes_the_latest_receipt_of_each_person() -> None:
    online = found(
        batch(
            event("match.left", "2026-04-24T03:06:40", player="ann"),
            event("match.left", "2026-04-24T03:06:39", player="bob"),
            event("match.left", "2026-04-24T03:06:39"),
            received_at_us=RECEIVED_US,
        ),
        batch(
            event("match.left", "2026-04-24T03:00:00", player="ann"),
            received_at_us=RECEIVED_US + 7_000_000,
        ),
        batch(
            event("match.left", "2026-04-24T03:06:41", player="ann"),
            received_at_us=RECEIVED_US + 3_000_000,
        ),
    )["online"]
    assert online.entered == {"": {ANN: RECEIVED_US + 7_000_000, BOB: RECEIVED_US}}
    assert not online.left


def test_events_that_come_too_late_say_nothing_of_now() -> None:
    # The arena's lateness is 50 minutes; they are received at 03:06:40.
    online = found(
        batch(
            event("match.left", "2026-04-24T02:16:40", player="ann"),
            event("match.left", "2026-04-24T02:16:39", player="bob"),
            event("match.left", "2020-01-01T00:00:00", player="imported"),
            received_at_us=RECEIVED_US,
        )
    )["online"]
    assert online.entered == {"": {ANN: RECEIVED_US}}


def test_entering_and_leaving_by_when_it_occurred_whatever_comes_first() -> None:
    playing = found(
        batch(entered("ann", "2026-04-24T03:05:00.25", name="match.exited")),
        batch(
            entered("ann", "2026-04-24T03:00:00"),
            entered("ann", "2026-04-24T03:04:00", name="match.ended"),
            entered("ann", "2026-04-24T03:02:00"),
            entered("bob", "2026-04-24T03:02:00", mode=2.0),
            entered("bob", "2026-04-24T03:01:00", mode={"b": 1, "a": [2]}),
            entered("eve", "2026-04-24T03:01:00", mode=None),
        ),
    )["playing"]
    assert playing.entered == {
        '["duel"]': {ANN: us("2026-04-24T03:04:00")},
        "[2]": {BOB: us("2026-04-24T03:02:00")},
        '[{"a":[2],"b":1}]': {BOB: us("2026-04-24T03:01:00")},
        "[null]": {PSEUDONYMS.pseudonym(APP, "eve"): us("2026-04-24T03:01:00")},
    }
    assert playing.left == {'["duel"]': {ANN: us("2026-04-24T03:05:00.250000")}}


def test_conditions_say_which_events_enter_and_leave() -> None:
    signs = AllSigns()
    fold(
        compile_plan(
            compile_arena(
                lambda text: (
                    text
                    + """
gauges:
  fighting:
    enter: {events: match.ended, if: {properties.mode: [duel, 2]}}
    leave: {events: match.ended, if: {properties.mode: peace}}
    silence: 30m
"""
                )
            )
        ),
        [
            batch(
                entered("ann", "2026-04-24T03:00:00", "duel", "match.ended"),
                entered("bob", "2026-04-24T03:00:01", 2, "match.ended"),
                entered("eve", "2026-04-24T03:00:02", "2", "match.ended"),
                entered("ann", "2026-04-24T03:00:03", "peace", "match.ended"),
            )
        ],
        PSEUDONYMS,
        signs,
    )
    [fighting] = signs.found()
    first = us("2026-04-24T03:00:00")
    assert fighting.entered == {"": {ANN: first, BOB: first + 1_000_000}}
    assert fighting.left == {"": {ANN: first + 3_000_000}}


def test_an_event_that_was_not_stored_says_nothing() -> None:
    both = (entered("ann", "2026-04-24T03:00:00"), entered("bob", "2026-04-24T03:00:00"))
    playing = found(batch(*both, skipped=[0]))["playing"]
    assert playing.entered == {'["duel"]': {BOB: us("2026-04-24T03:00:00")}}


def test_a_gauge_that_is_declared_otherwise_is_kept_apart() -> None:
    plan = arena()
    other = compile_plan(
        compile_arena(
            lambda text: text.replace("\nrollups:\n", EVENTS) + GAUGES.replace("30m", "31m")
        )
    )
    assert plan.gauges["online"].definition == other.gauges["online"].definition
    assert plan.gauges["playing"].definition != other.gauges["playing"].definition


def test_an_app_without_gauges_reads_nothing_for_them() -> None:
    plan = compile_plan(compile_arena())
    assert not plan.gauges
    assert all(not event_plan.gauges for event_plan in plan.by_event.values())
    assert "occurred_at.nanos" not in plan.by_event["match.left"].event_paths
