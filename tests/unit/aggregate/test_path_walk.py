"""Paths of people: by hand, and against a search that looks for each next event anew."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.aggregate.behaviour.paths.model import Row
from services.aggregate.behaviour.paths.walk import PathTally, packed_keys

NAMES = ["a", "b", "c"]
Events = Sequence[tuple[int, str]]


def keys(events: Events) -> list[int]:
    times = b"".join(time.to_bytes(8, "big", signed=True) for time, _ in events)
    return packed_keys(times, b"".join(NAMES.index(name).to_bytes(2, "big") for _, name in events))


def tally(
    people: Sequence[Events], *, gap: int, depth: int = 3, back: bool = False, end: int = 100
) -> PathTally:
    found = PathTally(NAMES, "a", start=0, end=end, gap=gap, depth=depth, is_backward=back)
    for events in people:
        found.add(keys(events))
    return found


def test_each_anchor_begins_a_path_and_people_count_once() -> None:
    table = tally([[(9, "b"), (0, "a"), (5, "a")]], gap=5, depth=2).table()
    assert table.paths == 2
    assert table.rows == (
        Row(1, "a", "a", 1, 1),
        Row(1, "a", "b", 1, 1),
        Row(2, "a", "b", 1, 1),
        Row(2, "b", "", 1, 1),
    )


def test_the_gap_belongs_to_the_path_and_what_is_later_does_not() -> None:
    assert tally([[(0, "a"), (5, "b")]], gap=5, depth=1).table().rows == (Row(1, "a", "b", 1, 1),)
    assert tally([[(0, "a"), (6, "b")]], gap=5, depth=1).table().rows == (Row(1, "a", "", 1, 1),)


def test_events_of_one_moment_are_in_the_order_of_their_names() -> None:
    people = [[(3, "c"), (3, "b"), (3, "a"), (-3, "c")]]
    forward = tally(people, gap=9, depth=2).table().rows
    assert forward == (Row(1, "a", "b", 1, 1), Row(2, "b", "c", 1, 1))
    assert tally(people, gap=9, back=True).table().rows == (
        Row(1, "a", "c", 1, 1),
        Row(2, "c", "", 1, 1),
    )


def test_an_anchor_that_never_occurred() -> None:
    assert (
        PathTally(["b"], "a", start=0, end=9, gap=1, depth=1, is_backward=False).table().rows == ()
    )


EVENTS = st.lists(st.tuples(st.integers(-10, 20), st.sampled_from(NAMES)), max_size=8)


@given(
    st.lists(EVENTS, max_size=4),
    st.integers(0, 12),
    st.integers(1, 5),
    st.booleans(),
    st.integers(0, 21),
)
def test_it_equals_a_search_from_each_anchor(
    people: Sequence[Events], gap: int, depth: int, back: bool, end: int
) -> None:
    counts: Counter[tuple[int, str, str]] = Counter()
    seen: set[tuple[int, tuple[int, str, str]]] = set()
    for person, events in enumerate(people):
        # Events that are alike differ by their place in the list.
        left = [(time, name, place) for place, (time, name) in enumerate(sorted(events))]
        for anchor in left:
            if anchor[1] != "a" or not 0 <= anchor[0] < end:
                continue
            now = anchor
            for step in range(1, depth + 1):
                others = [one for one in left if (one < now if back else one > now)]
                near = [one for one in others if abs(one[0] - now[0]) <= gap]
                nearest = (max(near) if back else min(near)) if near else None
                row = step, now[1], nearest[1] if nearest else ""
                counts[row] += 1
                seen.add((person, row))
                if nearest is None:
                    break
                now = nearest
    rows = tally(people, gap=gap, depth=depth, back=back, end=end).table().rows
    assert {(one.step, one.event, one.next): one.count for one in rows} == dict(counts)
    people_of = Counter(found for _, found in seen)
    assert {(one.step, one.event, one.next): one.people for one in rows} == dict(people_of)
