"""QueryPaths against real stores: beside a search for each next event, and its limits."""

from collections import Counter
from datetime import timedelta
from typing import Any

from weir.aggregate.v1 import behaviour_pb2 as pb
from weir.aggregate.v1 import reliability_pb2

from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.arena_catalog import APP
from tests.support.behaviour import NAMES, Done, by_person, frame, made, rows_of
from tests.support.stored_events import row, store

TIMEOUT = 30
PEOPLE = made(people=300, seed=10)
ENDED, LEFT = NAMES


async def asked(aggregate: Aggregate, anchor: str, *, back: bool, **fields: Any) -> Any:
    request = pb.QueryPathsRequest(app_id=APP, **fields)
    setattr(request, "before_event" if back else "after_event", anchor)
    return await aggregate.stub.QueryPaths(request, timeout=TIMEOUT)


def searched(
    anchor: str, start: int, end: int, gap: int, depth: int, *, back: bool
) -> dict[tuple[int, str, str], tuple[int, int]]:
    """Count and people of each row, in hours."""
    counts: Counter[tuple[int, str, str]] = Counter()
    seen: set[tuple[str, tuple[int, str, str]]] = set()
    for person, events in by_person(PEOPLE).items():
        order = sorted((one.hour, one.name) for one in events)
        for first, (hour, name) in enumerate(order):
            if name != anchor or not start <= hour < end:
                continue
            place = first
            for step in range(1, depth + 1):
                later = place + (-1 if back else 1)
                is_near = 0 <= later < len(order) and abs(order[later][0] - order[place][0]) <= gap
                key = step, order[place][1], order[later][1] if is_near else ""
                counts[key] += 1
                seen.add((person, key))
                if not is_near:
                    break
                place = later
    people = Counter(key for _, key in seen)
    return {key: (count, people[key]) for key, count in counts.items()}


async def test_it_equals_a_search(stores: Stores, aggregate: Aggregate) -> None:
    store(stores.database_url, rows_of(PEOPLE))
    for back in (False, True):
        for start, end, gap, depth in ((0, 72, 12, 3), (10, 30, 3, 5), (0, 72, 100, 1)):
            answer = await asked(
                aggregate,
                LEFT,
                back=back,
                time=frame(start, end),
                gap={"seconds": gap * 3_600},
                depth=depth,
            )
            found = {
                (one.step, one.event, one.next): (one.count, one.people) for one in answer.rows
            }
            assert found == searched(LEFT, start, end, gap, depth, back=back)
            anchors = [one for one in PEOPLE if one.name == LEFT and start <= one.hour < end]
            assert answer.paths == len(anchors)


async def test_excluded_small_and_cut_rows(stores: Stores, aggregate: Aggregate) -> None:
    store(stores.database_url, rows_of(PEOPLE))
    gap = {"seconds": 3_600 * 72}
    passed_over = await asked(aggregate, LEFT, back=False, exclude=[ENDED], gap=gap, depth=1)
    assert {one.next for one in passed_over.rows} == {LEFT, ""}
    whole = await asked(aggregate, LEFT, back=False, gap=gap)
    assert not whole.reliability.HasField("cut")
    sizes = sorted((one.count for one in whole.rows), reverse=True)
    cut = await asked(aggregate, LEFT, back=False, gap=gap, max_rows=3)
    assert sorted((one.count for one in cut.rows), reverse=True) == sizes[:3]
    assert (cut.reliability.cut.limit, cut.reliability.cut.value) == ("max_rows", 3)
    large = await asked(aggregate, LEFT, back=False, gap=gap, min_count=sizes[2])
    assert sorted((one.count for one in large.rows), reverse=True) == sizes[:3]


async def test_other_names_apps_and_events_without_a_person(
    stores: Stores, aggregate: Aggregate
) -> None:
    """An event that the catalog no longer has is a step all the same."""
    when = "2026-03-02T01:00:00"
    store(
        stores.database_url,
        [
            row(LEFT, when, subject_id="ann"),
            row("match.retired", "2026-03-02T01:10:00", subject_id="ann"),
            row("match.retired", "2026-03-02T01:05:00", subject_id="ann", app_id="go"),
            row(LEFT, when),
        ],
    )
    answer = await asked(aggregate, LEFT, back=False, depth=1, time=frame(0, 2))
    assert [(one.event, one.next, one.count) for one in answer.rows] == [(LEFT, "match.retired", 1)]
    assert answer.paths == 1
    nothing = await asked(aggregate, ENDED, back=True)
    assert (list(nothing.rows), nothing.paths) == ([], 0)


async def test_completeness_is_of_the_last_step(stores: Stores, aggregate: Aggregate) -> None:
    store(stores.database_url, rows_of([Done("ann", LEFT, 1, "x")]))
    while True:
        answer = await asked(aggregate, LEFT, back=False, time=frame(0, 24))
        if answer.reliability.HasField("watermark"):
            break
    assert answer.reliability.completeness == reliability_pb2.COMPLETENESS_FINAL
    # The last step may come in a time that is not over.
    open_end = await asked(
        aggregate,
        LEFT,
        back=False,
        time=frame(0, 24),
        depth=5,
        gap=timedelta(days=366),
    )
    assert open_end.reliability.completeness == reliability_pb2.COMPLETENESS_PROVISIONAL
