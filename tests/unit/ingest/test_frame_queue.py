"""Which frames a batch takes: one of each source in turn, as many as a batch may hold."""

from services.ingest.intake.frame_queue import FrameQueue
from services.ingest.intake.model import Frame
from tests.support.events import event_of


def _frame(name: str, events: int = 1) -> Frame:
    return Frame([event_of(f"{name}-{number}") for number in range(events)])


def _names(batch: list[Frame]) -> list[str]:
    return [frame.events[0].event_id.partition("-")[0] for frame in batch]


def _queue(max_events: int = 100, max_bytes: int = 10**6) -> FrameQueue:
    return FrameQueue(max_events, max_bytes)


def test_sources_take_turns_and_each_keeps_its_order() -> None:
    queue = _queue()
    for source, names in (("s", ["s1", "s2", "s3"]), ("t", ["t1"]), ("u", ["u1", "u2"])):
        for name in names:
            queue.add(source, _frame(name))
    assert _names(queue.next_batch()) == ["s1", "t1", "u1", "s2", "u2", "s3"]
    assert queue.next_batch() == []


def test_a_batch_has_so_many_events_and_the_next_one_goes_on_with_the_next_source() -> None:
    queue = _queue(max_events=10)
    for number in range(4):
        queue.add("flood", _frame(f"f{number}", 4))
    queue.add("single", _frame("one"))
    assert queue.events == 17
    assert _names(queue.next_batch()) == ["f0", "one", "f1"]  # 4 + 1 + 4, and 4 more are too many
    assert queue.events == 8
    queue.add("late", _frame("two"))
    assert _names(queue.next_batch()) == ["f2", "two", "f3"]
    assert queue.events == 0


def test_a_batch_has_so_many_bytes() -> None:
    size = _frame("a0", 3).size_bytes
    assert size == sum(event.ByteSize() for event in _frame("a0", 3).events)
    queue = _queue(max_bytes=2 * size)
    for number in range(3):
        queue.add(number, _frame(f"a{number}", 3))
    assert _names(queue.next_batch()) == ["a0", "a1"]
    assert _names(queue.next_batch()) == ["a2"]


def test_a_frame_that_is_larger_than_a_batch_is_one_of_its_own() -> None:
    queue = _queue(max_events=2)
    queue.add("a", _frame("a0", 3))
    queue.add("b", _frame("b0"))
    assert _names(queue.next_batch()) == ["a0"]
    assert _names(queue.next_batch()) == ["b0"]
