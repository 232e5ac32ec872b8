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
    assert fold_sessions(seen) == {"s": Session(10, "/", "https://a/")}


def test_of_two_events_of_one_instant_the_one_with_a_page_counts() -> None:
    both: list[Sighting] = [("s", 10, "", ""), ("s", 10, "/a", "")]
    assert fold_sessions(both) == fold_sessions(both[::-1]) == {"s": Session(10, "/a", "")}


@given(st.data(), sightings)
def test_the_order_and_the_division_into_chunks_do_not_matter(
    data: st.DataObject, seen: list[Sighting]
) -> None:
    shuffled = data.draw(st.permutations(seen))
    cut = data.draw(st.integers(0, len(shuffled)))
    parts = (fold_sessions(shuffled[:cut]), fold_sessions(shuffled[cut:]))
    beginnings = [
        (session_id, each.started_at_us, each.landing_page, each.referrer)
        for part in parts
        for session_id, each in part.items()
    ]
    assert fold_sessions(beginnings) == fold_sessions(seen)
