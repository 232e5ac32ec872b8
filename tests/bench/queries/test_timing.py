"""Times are those of the runs."""

from tests.bench.queries.timing import Times, timed


def test_percentiles_are_by_nearest_rank() -> None:
    assert Times.of([4.0, 1.0, 3.0, 2.0], 0.01) == Times(2.0, 4.0, 2.5, 4)


def test_it_asks_three_times_also_if_there_is_no_time_left() -> None:
    asked: list[None] = []
    used = iter((5.0, 5.6))
    times = timed(lambda: asked.append(None), lambda: next(used), runs=20, seconds=0)
    assert times.runs == len(asked) == 3
    assert round(times.cpu_ms) == 200
