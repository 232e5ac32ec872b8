"""QuerySegments against real stores, beside a count in plain Python."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from google.protobuf import json_format
from weir.aggregate.v1 import behaviour_pb2 as pb

from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.arena_catalog import APP
from tests.support.behaviour import Done, by_person, frame, made, rows_of
from tests.support.stored_events import store

TIMEOUT = 30
PEOPLE = made(people=300, seed=11)
ANY = pb.Step(name="match.*")
LEFT_X = pb.Step(name="match.left", filter="properties.mode = x")


async def asked(aggregate: Aggregate, *rules: pb.SegmentRule, **fields: Any) -> Any:
    request = pb.QuerySegmentsRequest(app_id=APP, rules=rules, time=frame(10, 60), **fields)
    return await aggregate.stub.QuerySegments(request, timeout=TIMEOUT)


async def test_it_equals_a_count(stores: Stores, aggregate: Aggregate) -> None:
    store(stores.database_url, rows_of(PEOPLE))
    inside = by_person(one for one in PEOPLE if 10 <= one.hour < 60)

    def people(holds: Callable[[int, int], bool]) -> set[str]:
        """By the number of all events, and of those of LEFT_X."""
        return {
            person
            for person, events in inside.items()
            if holds(len(events), sum(is_left_x(one) for one in events))
        }

    at_least, at_most, exactly = (
        pb.COMPARISON_AT_LEAST,
        pb.COMPARISON_AT_MOST,
        pb.COMPARISON_EXACTLY,
    )
    cases: list[tuple[list[tuple[pb.Step, Any, int]], Callable[[int, int], bool]]] = [
        ([(ANY, at_least, 3)], lambda every, _: every >= 3),
        ([(LEFT_X, at_most, 0)], lambda _, left: left == 0),
        ([(LEFT_X, exactly, 1), (ANY, at_least, 2)], lambda every, left: left == 1 and every >= 2),
        ([(ANY, at_most, 2), (LEFT_X, at_least, 1)], lambda every, left: every <= 2 and left >= 1),
    ]
    for rules, holds in cases:
        answer = await asked(
            aggregate,
            *(
                pb.SegmentRule(event=step, comparison=comparison, times=times)
                for step, comparison, times in rules
            ),
        )
        assert answer.total.people == len(people(holds))
        assert answer.active_people == len(inside)
        assert answer.share == len(people(holds)) / len(inside)


def is_left_x(one: Done) -> bool:
    return one.name == "match.left" and one.mode == "x"


async def test_breakdown_is_by_the_last_event_and_small_groups_are_not_listed(
    stores: Stores, aggregate: Aggregate
) -> None:
    # Of one person's hour only the last event counts, so each has an hour of its own.
    events = list({(one.person, one.hour): one for one in PEOPLE}.values())
    store(stores.database_url, rows_of(events))
    last = {
        person: max(done, key=lambda one: one.hour)
        for person, done in by_person(one for one in events if 10 <= one.hour < 60).items()
    }
    expected = Counter({"x": "DE", "y": "FR", "z": None}[one.mode] for one in last.values())
    rule = pb.SegmentRule(event=ANY, times=1)
    answer = await asked(aggregate, rule, breakdown="country")
    found = {json_format.MessageToDict(group.value): group.people for group in answer.groups}
    assert found == dict(expected)
    assert answer.total.people == answer.active_people == len(last)
    cut = await asked(aggregate, rule, breakdown="country", max_groups=1)
    assert [group.other for group in cut.groups] == [False, True]
    assert cut.reliability.cut.limit == "max_groups"
    often = pb.SegmentRule(event=ANY, times=8)
    few = await asked(aggregate, often, breakdown="country")
    assert not few.total.HasField("people")
    assert not few.HasField("share")
    assert list(few.groups) == []
