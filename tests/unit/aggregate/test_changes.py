"""What watchers are sent, however messages and reads overtake each other, and what is held for them."""

from services.aggregate.live.changes import Changes, Portion, joined
from services.aggregate.live.redis import decode_states, encode_states
from services.aggregate.model import Cell, CellState

EVENTS = frozenset({"events"})
PLENTY = 1_000_000


def state(version: int, cell: int = 1, rollup: str = "events") -> CellState:
    return CellState(
        Cell(bytes([cell]) * 16, "arena", rollup, 3_600, b'{"name":"x"}'),
        version,
        {"events": float(version)},
    )


def message(state: CellState) -> bytes:
    """Ten bytes that say which state it is."""
    return b"c%03d-v%04d" % (state.cell.cell_id[0], state.version)


def some_changes(remembered_versions: int = 100) -> Changes:
    return Changes(message, remembered_versions)


def all_after(changes: Changes, place: int = 0) -> list[bytes]:
    return changes.after(place, EVENTS, PLENTY).messages


def test_only_the_newest_state_of_a_cell_is_held() -> None:
    changes = some_changes()
    assert [changes.offer(state(version)) for version in (1, 2, 3)] == [True, True, True]
    assert changes.after(0, EVENTS, PLENTY) == Portion([b"c001-v0003"], 3, more=False)
    assert all_after(changes, 3) == []


def test_an_older_state_never_follows_a_newer_one() -> None:
    changes = some_changes()
    changes.offer(state(3))
    assert not changes.offer(state(2))
    assert not changes.offer(state(3))
    changes.forget_through(changes.newest)
    assert not changes.offer(state(2))
    assert all_after(changes) == []


def test_each_watcher_has_its_own_place_and_rollups() -> None:
    changes = some_changes()
    changes.offer(state(1, cell=1))
    changes.offer(state(1, cell=2, rollup="activity"))
    changes.offer(state(1, cell=3))
    assert all_after(changes, 1) == [b"c003-v0001"]
    activity = changes.after(0, frozenset({"activity"}), PLENTY)
    assert activity == Portion([b"c002-v0001"], 3, more=False)


def test_a_portion_is_limited_in_bytes_and_has_at_least_one_change() -> None:
    changes = some_changes()
    for cell in range(1, 6):
        changes.offer(state(1, cell=cell))
    assert changes.after(0, EVENTS, 20) == Portion([b"c001-v0001", b"c002-v0001"], 2, more=True)
    assert changes.after(2, EVENTS, 1) == Portion([b"c003-v0001"], 3, more=True)
    assert changes.after(3, EVENTS, 20) == Portion([b"c004-v0001", b"c005-v0001"], 5, more=False)


def test_a_change_moves_behind_those_that_came_before_it() -> None:
    """A watcher between the two places is sent the newer state, and only once."""
    changes = some_changes()
    changes.offer(state(1, cell=1))
    changes.offer(state(1, cell=2))
    changes.offer(state(2, cell=1))
    assert all_after(changes) == [b"c002-v0001", b"c001-v0002"]
    assert all_after(changes, 1) == [b"c002-v0001", b"c001-v0002"]


def test_what_all_were_sent_is_not_held() -> None:
    changes = some_changes()
    for cell in range(1, 6):
        changes.offer(state(1, cell=cell))
    before = changes.held_bytes
    changes.forget_through(3)
    assert changes.held_bytes == before * 2 // 5
    assert changes.lost == 0
    assert all_after(changes) == [b"c004-v0001", b"c005-v0001"]
    changes.forget_through(5)
    assert changes.held_bytes == 0


def test_the_oldest_changes_are_dropped_and_the_place_is_known() -> None:
    changes = some_changes()
    for cell in range(1, 6):
        changes.offer(state(1, cell=cell))
    changes.offer(state(2, cell=1))
    each = changes.held_bytes // 5
    changes.drop_oldest(each + 1)
    # The first change of cell 1 was outdated: those of the cells 2 and 3 are dropped.
    assert (changes.lost, changes.held_bytes) == (3, 3 * each)
    assert all_after(changes, 3) == [b"c004-v0001", b"c005-v0001", b"c001-v0002"]


def test_a_thousand_changes_of_one_cell_are_one() -> None:
    changes = some_changes()
    changes.offer(state(1, cell=2))
    size = changes.held_bytes
    for version in range(1, 5_001):
        changes.offer(state(version))
    assert changes.held_bytes == 2 * size
    assert changes.after(0, EVENTS, PLENTY) == Portion(
        [b"c002-v0001", b"c001-v5000"], 5_001, more=False
    )
    assert len(changes) < 1_100


def test_a_new_watcher_is_sent_what_was_read_or_comes_to_what_is_newer() -> None:
    changes = some_changes()
    changes.offer(state(5, cell=1))
    changes.offer(state(1, cell=2))
    read = [changes.read(state(*each)) for each in ((4, 1), (2, 2), (7, 3))]
    assert read == [b"", b"c002-v0002", b"c003-v0007"]
    # And nothing older follows, for any watcher: the state of cell 2 is the one that was read.
    assert all_after(changes) == [b"c001-v0005", b"c002-v0002"]


def test_what_was_read_before_it_was_published_is_still_news_to_the_others() -> None:
    changes = some_changes()
    changes.read(state(7))
    assert not changes.offer(state(6))
    assert changes.offer(state(7))
    assert all_after(changes) == [b"c001-v0007"]


def test_of_a_message_the_states_of_watched_rollups_come_back_as_they_were_sent() -> None:
    events, others = [state(1), state(2, cell=2)], [state(3, cell=3, rollup="activity")]
    message = encode_states([*events, *others])
    assert decode_states("arena", message, EVENTS) == events
    assert decode_states("arena", message, {"activity", "events"}) == [*events, *others]


def test_messages_are_joined_up_to_a_limit() -> None:
    assert joined([b"ab", b"", b"cd", b"e", b"fghijk", b"l"], 4) == [b"abcd", b"e", b"fghijk", b"l"]
    assert joined([], 4) == [b""]
