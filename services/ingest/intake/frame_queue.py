"""The frames of one app that wait for a batch, and which of them the next batch takes."""

from collections import OrderedDict, deque
from collections.abc import Hashable

from services.ingest.intake.model import Frame


class FrameQueue:
    """Takes one frame of each source in turn, so that a source which sends much does not hold up the others;
    the frames of one source stay in order."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        """A batch has at most so many events and bytes, or it is a single frame."""
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._waiting: OrderedDict[Hashable, deque[Frame]] = OrderedDict()
        self.events = 0

    def add(self, source: Hashable, frame: Frame) -> None:
        """Adds a frame behind those of its source."""
        self._waiting.setdefault(source, deque()).append(frame)
        self.events += len(frame.events)

    def next_batch(self) -> list[Frame]:
        """The frames of the next batch; none if none wait."""
        batch: list[Frame] = []
        events = size_bytes = 0
        while self._waiting:
            source, frames = next(iter(self._waiting.items()))
            frame = frames[0]
            events += len(frame.events)
            size_bytes += frame.size_bytes
            if batch and (events > self._max_events or size_bytes > self._max_bytes):
                break
            batch.append(frames.popleft())
            self.events -= len(frame.events)
            if frames:
                self._waiting.move_to_end(source)
            else:
                del self._waiting[source]
        return batch
