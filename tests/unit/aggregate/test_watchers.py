"""What a watcher is told, however messages and reads overtake each other."""

from services.aggregate.live.counters import decode_states, encode_states
from services.aggregate.live.watchers import Watcher
from services.aggregate.model import Cell, CellState


def state(version: int, cell: int = 1, rollup: str = "events") -> CellState:
    return CellState(
        Cell(bytes([cell]) * 16, "arena", rollup, 3_600, b'{"name":"x"}'),
        version,
        {"events": float(version)},
    )


def a_watcher(limit: int = 10) -> Watcher:
    watcher = Watcher(frozenset({"events"}), limit)
    watcher.stale = False
    return watcher


def test_only_the_newest_state_of_a_cell_waits() -> None:
    watcher = a_watcher()
    for version in (1, 2, 3):
        watcher.offer(state(version))
    assert watcher.changed.is_set()
    assert watcher.take() == [state(3)]
    assert watcher.take() == []
    assert not watcher.changed.is_set()


def test_an_older_state_never_follows_a_newer_one() -> None:
    watcher = a_watcher()
    watcher.offer(state(3))
    assert watcher.take() == [state(3)]
    watcher.offer(state(2))
    watcher.offer(state(3))
    assert watcher.take() == []


def test_the_start_is_what_was_read_or_what_overtook_it() -> None:
    watcher = a_watcher()
    watcher.offer(state(5, cell=1))
    watcher.offer(state(1, cell=2))
    began = watcher.begin([state(4, cell=1), state(2, cell=2), state(7, cell=3)])
    assert sorted(began, key=lambda s: s.cell.cell_id) == [
        state(5, cell=1),
        state(2, cell=2),
        state(7, cell=3),
    ]
    watcher.offer(state(6, cell=3))
    assert watcher.take() == []


def test_other_rollups_are_not_told() -> None:
    watcher = a_watcher()
    watcher.offer(state(1, rollup="activity"))
    assert watcher.take() == []


def test_a_watcher_that_falls_too_far_behind_starts_over() -> None:
    watcher = a_watcher(limit=3)
    for cell in range(5):
        watcher.offer(state(1, cell=cell))
    assert watcher.stale
    assert len(watcher.take()) < 4


def test_a_message_comes_back_as_it_was_sent() -> None:
    states = [state(1), state(2, cell=2)]
    assert decode_states("arena", encode_states(states)) == states
