"""A session is its earliest event's, in whatever order its events come."""

from hypothesis import given
from hypothesis import strategies as st

from services.enrich.model import Session
from services.enrich.steps.session import Sighting, fold_sessions

sightings = st.lists(
    st.tuples(
        st.sampled_from(["s1", "s2"]),
        st.integers(0, 5),
        st.sampled_from(["", "/a", "/b"]),
        st.sampled_from(["", "https://example.org/"]),
    ),
    max_size=8,
)


def test_a_session_begins_with_its_earliest_event() -> None:
    seen: list[Sighting] = [
        ("s", 20, "/shop", ""),
        ("s", 10, "/", "https://a/"),
        ("s", 30, "/x", ""),
    ]
    assert fold_sessions({}, seen) == {"s": Session(10, "/", "https://a/")}


def test_a_known_session_goes_on() -> None:
    known = {"s": Session(5, "/", "https://a/")}
    assert fold_sessions(known, [("s", 9, "/late", "")]) == {"s": Session(5, "/", "https://a/")}
    earlier = fold_sessions(known, [("s", 4, "/early", "")])
    assert earlier == {"s": Session(4, "/early", "")}


def test_of_two_events_of_one_instant_the_one_with_a_page_counts() -> None:
    both: list[Sighting] = [("s", 10, "", ""), ("s", 10, "/a", "")]
    assert fold_sessions({}, both) == fold_sessions({}, both[::-1]) == {"s": Session(10, "/a", "")}


@given(st.data(), sightings)
def test_the_order_and_the_division_into_chunks_do_not_matter(
    data: st.DataObject, seen: list[Sighting]
) -> None:
    whole = fold_sessions({}, seen)
    shuffled = data.draw(st.permutations(seen))
    cut = data.draw(st.integers(0, len(shuffled)))
    assert fold_sessions(fold_sessions({}, shuffled[:cut]), shuffled[cut:]) == whole


@given(sightings)
def test_repeating_changes_nothing(seen: list[Sighting]) -> None:
    once = fold_sessions({}, seen)
    assert fold_sessions(once, seen) == once
