"""Days in a row, by hand."""

from services.aggregate.named_metrics.people.streaks import Streaks


def test_a_gap_ends_a_streak() -> None:
    """Ann was active on the last three days and on the fifth, bob on the last one, cat on the second."""
    streaks = Streaks()
    for day in (["ann", "bob"], ["ann", "cat"], ["ann"], [], ["ann", "bob"]):
        streaks.add_day(day)
    assert streaks.lengths == {"ann": 3, "bob": 1}
    assert not streaks.alive


def test_those_who_are_still_in_one() -> None:
    streaks = Streaks()
    streaks.add_day(["ann", "bob"])
    streaks.add_day(["bob"])
    assert (set(streaks.alive), streaks.lengths) == ({"bob"}, {"ann": 1, "bob": 2})
