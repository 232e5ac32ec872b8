"""QueryFunnel against real stores: beside a search through all chains, its limits, and what is refused."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise, product
from typing import Any

import psycopg
from google.protobuf import json_format
from weir.aggregate.v1 import behaviour_pb2 as pb
from weir.aggregate.v1 import reliability_pb2

from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.arena_catalog import APP
from tests.support.behaviour import NAMES, Done, by_person, frame, made, rows_of
from tests.support.stored_events import row, store

TIMEOUT = 30
PEOPLE = made(people=400, seed=8)
Matches = Callable[[Done], bool]
STEPS: Sequence[tuple[pb.Step, Matches]] = [
    (pb.Step(name="match.ended"), lambda one: one.name == "match.ended"),
    (pb.Step(name="match.*", filter="properties.mode != x"), lambda one: one.mode != "x"),
    (
        pb.Step(name="match.left", filter="country = DE"),
        lambda one: one.name == "match.left" and one.mode == "x",
    ),
]


def hours_reached(
    events: Sequence[Done], steps: Sequence[Matches], start: int, end: int, window: int
) -> list[int]:
    """By trying all chains: the first hour at which each step was reached."""
    found = []
    for count in range(1, len(steps) + 1):
        of_each = [[one.hour for one in events if step(one)] for step in steps[:count]]
        ends = [
            chain[-1]
            for chain in product(*of_each)
            if start <= chain[0] < end
            and all(a < b for a, b in pairwise(chain))
            and chain[-1] - chain[0] <= window
        ]
        if not ends:
            break
        found.append(min(ends))
    return found


def hours_done(
    events: Sequence[Done], steps: Sequence[Matches], start: int, end: int, window: int
) -> list[int]:
    """By trying all choices: the first hour at which one step was done, two, and so on."""
    found: dict[int, int] = {}
    of_each = [[*(one.hour for one in events if step(one)), None] for step in steps]
    for choice in product(*of_each):
        hours = [hour for hour in choice if hour is not None]
        if hours and start <= min(hours) < end and max(hours) - min(hours) <= window:
            found[len(hours)] = min(found.get(len(hours), max(hours)), max(hours))
    return [found[count] for count in sorted(found)]


async def funnel(aggregate: Aggregate, **fields: Any) -> pb.QueryFunnelResponse:
    request = pb.QueryFunnelRequest(**{"app_id": APP, "steps": [STEPS[0][0]], **fields})
    response: pb.QueryFunnelResponse = await aggregate.stub.QueryFunnel(request, timeout=TIMEOUT)
    return response


def counted(group: pb.FunnelGroup) -> list[tuple[int, float | None]]:
    """People and the median in hours, of each step."""
    return [
        (
            step.people,
            step.median_from_previous.ToTimedelta() / timedelta(hours=1)
            if step.HasField("median_from_previous")
            else None,
        )
        for step in group.steps
    ]


def expected(people: Sequence[Sequence[int]], steps: int) -> list[tuple[int, float | None]]:
    found: list[tuple[int, float | None]] = []
    for step in range(steps):
        times = sorted(hours[step] - hours[step - 1] for hours in people if len(hours) > step)
        median = times[(len(times) + 1) // 2 - 1] if step and times else None
        found.append((len(times), median))
    return found


async def test_it_equals_a_search_through_all_chains(stores: Stores, aggregate: Aggregate) -> None:
    store(stores.database_url, rows_of(PEOPLE))
    each = by_person(PEOPLE).values()
    for start, end, window in ((0, 72, 24), (10, 30, 5), (20, 21, 60), (0, 72, 100)):
        for order, search in (
            (pb.FUNNEL_ORDER_STRICT, hours_reached),
            (pb.FUNNEL_ORDER_ANY, hours_done),
        ):
            for chosen in ((0, 1, 2), (2, 0), (1, 0), (0,)):
                steps = [STEPS[number] for number in chosen]
                answer = await funnel(
                    aggregate,
                    steps=[step for step, _ in steps],
                    time=frame(start, end),
                    window={"seconds": window * 3_600},
                    order=order,
                )
                matches = [match for _, match in steps]
                found = [search(events, matches, start, end, window) for events in each]
                assert counted(answer.total) == expected(found, len(steps))
                assert answer.reliability.sampling_rate == 1
                assert not answer.groups


async def test_groups_equal_a_search_in_each_of_them(stores: Stores, aggregate: Aggregate) -> None:
    """The group is the mode of a person's first entry; no person has two events in an hour."""
    events = list({(one.person, one.hour): one for one in PEOPLE}.values())
    store(stores.database_url, rows_of(events))
    for order, search, entries in (
        (pb.FUNNEL_ORDER_STRICT, hours_reached, 1),
        (pb.FUNNEL_ORDER_ANY, hours_done, 3),
    ):
        for chosen in ((0, 1, 2), (2, 0, 1)):
            steps = [STEPS[number] for number in chosen]
            answer = await funnel(
                aggregate,
                steps=[step for step, _ in steps],
                time=frame(10, 40),
                window={"seconds": 24 * 3_600},
                order=order,
                breakdown="properties.mode",
            )
            matches = [match for _, match in steps]
            of_mode: dict[str, list[list[int]]] = {}
            for done in by_person(events).values():
                entered = [
                    one
                    for one in sorted(done, key=lambda one: one.hour)
                    if 10 <= one.hour < 40 and any(match(one) for match in matches[:entries])
                ]
                if entered:
                    found = search(done, matches, 10, 40, 24)
                    of_mode.setdefault(entered[0].mode, []).append(found)
            assert {
                json_format.MessageToDict(group.value): counted(group) for group in answer.groups
            } == {mode: expected(found, 3) for mode, found in of_mode.items()}


async def test_one_step_twice_takes_two_events(stores: Stores, aggregate: Aggregate) -> None:
    store(stores.database_url, rows_of([Done("ann", "match.left", hour, "x") for hour in (1, 3)]))
    store(stores.database_url, rows_of([Done("bob", "match.left", 1, "x")] * 2))
    twice = [pb.Step(name="match.left"), pb.Step(name="match.left", label="again")]
    answer = await funnel(aggregate, steps=twice)
    assert counted(answer.total) == [(2, None), (1, 2.0)]
    assert [step.label for step in answer.total.steps] == ["match.left", "again"]
    assert answer.total.steps[1].rate_of_first == answer.total.steps[1].rate_of_previous == 0.5


async def test_breakdown_is_by_the_first_event(stores: Stores, aggregate: Aggregate) -> None:
    """Sixteen people of four modes, one of them too long and one missing; ann changes hers later."""
    modes = ["x"] * 6 + ["y"] * 5 + ["m" * 300] * 3 + [None] * 2
    rows = [
        row(
            "match.ended",
            "2026-03-02T10:00:00",
            subject_id=f"p{number}",
            properties={} if mode is None else {"mode": mode},
        )
        for number, mode in enumerate(modes)
    ]
    later = row("match.ended", "2026-03-02T11:00:00", subject_id="p0", properties={"mode": "later"})
    store(stores.database_url, [*rows, later])
    answer = await funnel(aggregate, breakdown="properties.mode", max_groups=3)
    found = [
        (json_format.MessageToDict(group.value), group.steps[0].people)
        for group in answer.groups
        if not group.other
    ]
    assert found == [("x", 6), ("y", 5), ("m" * 255 + "…", 3)]
    assert [group.steps[0].people for group in answer.groups if group.other] == [2]
    assert answer.total.steps[0].people == 16
    assert (answer.reliability.cut.limit, answer.reliability.cut.value) == ("max_groups", 3)
    whole = await funnel(aggregate, breakdown="properties.mode")
    assert not whole.reliability.HasField("cut")
    assert json_format.MessageToDict(whole.groups[-1].value) is None


async def test_equal_numbers_are_one_group(stores: Stores, aggregate: Aggregate) -> None:
    sent = ["1", "1.0", "1e0", "10e-1", '"1"', "1.50", "1.5"]
    rows = [
        row("match.ended", "2026-03-02T10:00:00", subject_id=f"p{number}", properties={"mode": 0})
        for number in range(len(sent))
    ]
    store(stores.database_url, rows)
    with psycopg.connect(stores.database_url) as connection:
        people = connection.execute("SELECT event_uuid FROM enrich.events").fetchall()
        for (event_uuid,), text in zip(people, sent, strict=True):
            # As ingest stores what was sent, digit by digit.
            connection.execute(
                "UPDATE enrich.events SET properties = %s::jsonb WHERE event_uuid = %s",
                (f'{{"mode": {text}}}', event_uuid),
            )
    answer = await funnel(aggregate, breakdown="properties.mode")
    found = [
        (json_format.MessageToDict(group.value), group.steps[0].people) for group in answer.groups
    ]
    assert sorted(found, key=str) == [("1", 1), (1.0, 4), (1.5, 2)]


async def test_beyond_the_limit_people_are_sampled(
    stores: Stores, start: Callable[[], Any]
) -> None:
    """4,000 people with two events each, and a limit that a quarter of them keeps to."""
    people = [f"p{number}" for number in range(4_000)]
    events = [
        Done(person, name, 1 + (name == NAMES[1]), "x") for person in people for name in NAMES
    ]
    store(stores.database_url, rows_of(events))
    with psycopg.connect(stores.database_url) as connection:
        connection.execute("ANALYZE enrich.events")
    stores.settings = stores.settings.model_copy(update={"max_scanned_events": 2_500})
    aggregate = await start()
    steps = [pb.Step(name=name) for name in NAMES]
    sampled = await funnel(aggregate, steps=steps)
    assert sampled.reliability.sampling_rate == 0.25
    [first, second] = [step.people for step in sampled.total.steps]
    # A person in the sample is in it with all their events.
    assert first == second
    # Binomial: 1,000 of 4,000 with a standard deviation of 27; this is six of them, times four.
    assert abs(first - 4_000) < 660
    assert first % 4 == 0
    exact = await funnel(aggregate, steps=steps, exact=True)
    assert exact.reliability.sampling_rate == 1
    assert [step.people for step in exact.total.steps] == [4_000, 4_000]


async def test_an_answer_is_final_once_the_window_is_over(
    stores: Stores, aggregate: Aggregate
) -> None:
    store(stores.database_url, rows_of([Done("ann", "match.left", 1, "x")]))
    while True:
        answer = await funnel(aggregate, steps=[pb.Step(name="match.left")], time=frame(0, 24))
        if answer.reliability.HasField("watermark"):
            break
    assert answer.reliability.completeness == reliability_pb2.COMPLETENESS_FINAL
    assert answer.time == frame(0, 24).between
    now = await funnel(aggregate, steps=[pb.Step(name="match.left")], time={"last": "24h"})
    assert now.reliability.completeness == reliability_pb2.COMPLETENESS_PROVISIONAL
