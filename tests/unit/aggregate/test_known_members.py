"""The members that a counter remembers."""

from services.aggregate.counting.known_members import KnownMembers


def test_known_members_forget_the_cell_that_was_unused_longest() -> None:
    known = KnownMembers(3)
    known.remember(b"a", "m", {"1", "2"})
    known.remember(b"b", "m", {"1"})
    assert known.unknown(b"a", "m", {"1", "3"}) == {"3"}
    known.remember(b"c", "m", {"9"})
    assert known.unknown(b"b", "m", {"1"}) == {"1"}
    assert known.unknown(b"a", "m", {"1"}) == set()
    assert known.unknown(b"c", "m", {"9"}) == set()


def test_a_cell_larger_than_the_limit_is_not_remembered() -> None:
    known = KnownMembers(2)
    known.remember(b"a", "m", {"1", "2", "3"})
    assert known.unknown(b"a", "m", {"1"}) == {"1"}
    # It takes no place of others either.
    known.remember(b"b", "m", {"1", "2"})
    assert known.unknown(b"b", "m", {"1", "2"}) == set()
