"""Sends events over a stream until each has its verdict, over a new stream if one breaks."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import grpc
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from weir_client.errors import CallProblem, describe_error, describe_status, event_too_large
from weir_client.totals import VerdictTotals
from weir_client.tracing import batch_span

log = logging.getLogger(__name__)

Event = event_pb2.Event
# Called for each frame with its events and the ack, which `final_verdicts` reads; RETRY events in it will
# come again.
OnAck = Callable[[Sequence[Event], pb.FrameAck], None]
# Codes after which a new stream may succeed. The others would fail again in the same way.
TRANSIENT = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.DEADLINE_EXCEEDED,
)

FRAME_EVENTS = 500
MAX_PENDING_FRAMES = 32
GIVE_UP_SECONDS = 60.0
# Frames are cut to this size, well below the 4 MiB that a server takes by default.
_FRAME_BYTES = 3 * 1024 * 1024
_CLOSE_SECONDS = 5.0
_CLOSED = CallProblem("CANCELLED", "the sender is closed")


class GaveUpError(Exception):
    """The stream cannot be kept up, or the sender is closed (code CANCELLED); the events in flight have no
    verdict. Carries a CallProblem."""

    def __init__(self, problem: CallProblem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class EventSender:
    """Frames events, keeps as many frames in flight as the server grants, and sends again what was not
    acked when a stream breaks or a server drains: ids make that harmless.

    A context manager; leaving it without an error waits for every verdict. `frame_events` is the size
    of a full frame, `max_pending_frames` how many may wait here before `send` blocks,
    `give_up_seconds` how long to try without any answer before GaveUpError is raised.
    """

    def __init__(
        self,
        stream_events: Callable[..., Any],
        app_id: str,
        *,
        metadata: Sequence[tuple[str, str]] = (),
        frame_events: int = FRAME_EVENTS,
        max_pending_frames: int = MAX_PENDING_FRAMES,
        give_up_seconds: float = GIVE_UP_SECONDS,
        on_ack: OnAck | None = None,
    ) -> None:
        self.totals = VerdictTotals()
        self._stream_events = stream_events
        self._app_id = app_id
        self._metadata = tuple(metadata)
        self._settings = pb.StreamSettings(app_id=app_id)
        self._frame_events = frame_events
        self._max_pending = max_pending_frames
        self._give_up_seconds = give_up_seconds
        self._on_ack = on_ack
        self._buffer: list[Event] = []
        # Everything below is guarded by `_changed`.
        self._changed = threading.Condition()
        self._pending: deque[pb.EventFrame] = deque()
        self._in_flight: dict[int, pb.EventFrame] = {}
        self._sequence = 0
        self._credits = 0
        self._resume_at = 0.0
        self._closed = False
        self._call: Any = None
        self._failure: CallProblem | None = None
        self._thread = threading.Thread(target=self._run, name="weir-sender", daemon=True)
        self._thread.start()

    def send(self, event: Event) -> None:
        """Adds one event; blocks while too many wait. Raises GaveUpError, also after `close`."""
        if self._closed:
            raise GaveUpError(_CLOSED)
        self._buffer.append(event)
        if len(self._buffer) >= self._frame_events:
            self._submit()

    def send_all(self, events: Iterable[Event]) -> None:
        """Adds many events; see `send`."""
        for event in events:
            self.send(event)

    def flush(self) -> None:
        """Sends what is buffered, and waits until every event has its verdict. Raises GaveUpError, also if
        the sender is or was closed before that."""
        self._submit()
        with self._changed:
            self._changed.wait_for(lambda: self._ended or not (self._pending or self._in_flight))
            if self._failure or self._pending or self._in_flight:
                self._check()

    def close(self) -> None:
        """Ends the stream; events without a verdict are given up. Use `flush` before. May be repeated."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(_CLOSE_SECONDS)
        while self._thread.is_alive():
            if self._call is not None:
                self._call.cancel()  # the server does not end the call
            self._thread.join(0.1)  # a new one may just have taken its place

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self.close()

    def _submit(self) -> None:
        if not self._buffer:
            return
        self._check()
        with batch_span(
            "producer.frame", app_id=self._app_id, events=len(self._buffer)
        ) as traceparent:
            frame = pb.EventFrame(events=self._buffer, traceparent=traceparent)
        self._buffer = []
        for part in _split(frame):
            # Others are small enough; asking for a frame's size takes as long as writing it.
            if len(part.events) == 1 and part.ByteSize() > _FRAME_BYTES:
                self._refuse(part)
                continue
            with self._changed:
                self._changed.wait_for(
                    lambda: self._ended or len(self._pending) < self._max_pending
                )
                self._check()
                self._enqueue(part)

    def _refuse(self, frame: pb.EventFrame) -> None:
        """Settles a single event that no server would take: sent, it would end the stream for all."""
        self.totals.failed += 1
        log.error("event too large: %d bytes", frame.ByteSize())
        if self._on_ack:
            self._on_ack(frame.events, pb.FrameAck(status=event_too_large(_FRAME_BYTES)))

    def _enqueue(self, frame: pb.EventFrame) -> None:
        self._sequence += 1
        frame.sequence = self._sequence
        self._pending.append(frame)
        self._changed.notify_all()

    @property
    def _ended(self) -> bool:
        """Whether the sender's thread takes no more frames."""
        return self._closed or self._failure is not None

    def _check(self) -> None:
        if self._ended:
            raise GaveUpError(self._failure or _CLOSED)

    # The sender's own thread: one stream after the other.

    def _run(self) -> None:
        try:
            self._keep_streaming()
        except Exception as error:
            # Else `flush` would wait for ever.
            log.exception("the sender stopped")
            self._fail(CallProblem("INTERNAL", f"{type(error).__name__} in the sender"))

    def _fail(self, problem: CallProblem) -> None:
        with self._changed:
            self._failure = problem
            self._changed.notify_all()

    def _keep_streaming(self) -> None:
        last_answer = time.monotonic()
        backoff = 0.05
        while True:
            with self._changed:
                if not self._pending:
                    self._changed.wait_for(lambda: self._closed or self._pending)
                    # While there was nothing to send, no answer was due.
                    last_answer = time.monotonic()
                if self._closed:
                    return
            answered, problem, transient = self._stream_once()
            self._requeue()
            now = time.monotonic()
            if answered:
                last_answer, backoff = now, 0.05
            elif problem is None:
                problem = CallProblem(
                    "UNAVAILABLE", "the server ended the stream without an answer"
                )
            if problem is None:
                continue
            if not transient or now - last_answer > self._give_up_seconds:
                self._fail(problem)
                return
            pause = max(backoff, problem.retry_after_seconds)
            with self._changed:
                self._changed.wait_for(lambda: self._closed, timeout=pause)
            backoff = min(2 * backoff, 2.0)

    def _stream_once(self) -> tuple[bool, CallProblem | None, bool]:
        """Runs one stream to its end: whether the server answered anything, what ended it, and
        whether another stream may do better."""
        answered = False
        finished = threading.Event()
        call = self._stream_events(self._requests(finished), metadata=self._metadata)
        with self._changed:
            self._call = call
        try:
            for response in call:
                answered = True
                kind = response.WhichOneof("message")
                if kind == "limits":
                    with self._changed:
                        self._credits = response.limits.credits
                        self._changed.notify_all()
                elif kind == "ack":
                    self._acked(response.ack)
                else:  # go_away: what is in flight is still answered, then the server ends the call
                    self._finish(finished)
        except grpc.RpcError as error:
            problem = describe_error(error)
            # Too many streams are open, for example: the server says that this passes.
            transient = error.code() in TRANSIENT or problem.retry_after_seconds > 0
            return answered, problem, transient
        finally:
            self._finish(finished)
            call.cancel()
        return answered, None, True

    def _finish(self, finished: threading.Event) -> None:
        with self._changed:
            finished.set()
            self._changed.notify_all()

    def _requests(self, finished: threading.Event) -> Iterator[pb.StreamEventsRequest]:
        """What gRPC's sending thread pulls: settings, then frames as credits allow."""
        yield pb.StreamEventsRequest(settings=self._settings)
        while True:
            with self._changed:
                while not (finished.is_set() or self._closed):
                    # Read once: between two readings the pause may end, and nothing would end the wait.
                    pause_seconds = self._resume_at - time.monotonic()
                    if pause_seconds <= 0 and self._pending and self._credits > 0:
                        break
                    self._changed.wait(timeout=pause_seconds if pause_seconds > 0 else None)
                else:
                    return
                frame = self._pending.popleft()
                self._in_flight[frame.sequence] = frame
                self._credits -= 1
                self._changed.notify_all()
            yield pb.StreamEventsRequest(frame=frame)

    def _acked(self, ack: pb.FrameAck) -> None:
        with self._changed:
            # Of a frame that could not be read the server knows no sequence: acks come in order.
            sequence = ack.sequence or next(iter(self._in_flight), 0)
            frame = self._in_flight.get(sequence)
        # The frame counts as in flight until `on_ack` has returned, so that `flush` waits for that too.
        if frame is not None and self._on_ack:
            self._on_ack(frame.events, ack)
        with self._changed:
            self._credits += ack.credits
            if frame is not None:
                del self._in_flight[sequence]
                self._settle(frame, ack)
            self._changed.notify_all()

    def _settle(self, frame: pb.EventFrame, ack: pb.FrameAck) -> None:
        self.totals.add(ack.counts)
        if ack.counts.retry:
            again = [
                frame.events[result.index]
                for result in ack.results
                if result.verdict == pb.VERDICT_RETRY
            ]
            self._enqueue(pb.EventFrame(events=again, traceparent=frame.traceparent))
            self._resume_at = time.monotonic() + ack.retry_after.ToTimedelta().total_seconds()
        elif ack.HasField("status"):
            self.totals.failed += len(frame.events)
            log.error("frame refused: %s", describe_status(ack.status))

    def _requeue(self) -> None:
        """What was sent and not acked goes out first on the next stream, in its order."""
        with self._changed:
            again = [self._in_flight[sequence] for sequence in sorted(self._in_flight)]
            self._in_flight.clear()
            self._credits = 0
            self._pending.extendleft(reversed(again))


def _split(frame: pb.EventFrame) -> list[pb.EventFrame]:
    """The frame as one or more that are not too large; a single event that is stays alone."""
    if len(frame.events) == 1 or frame.ByteSize() <= _FRAME_BYTES:
        return [frame]
    middle = len(frame.events) // 2
    halves = (frame.events[:middle], frame.events[middle:])
    return [
        part
        for half in halves
        for part in _split(pb.EventFrame(events=half, traceparent=frame.traceparent))
    ]
