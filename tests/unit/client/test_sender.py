"""The stream sender against a server that does everything a server may do to it."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2, status_pb2
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb
from weir.ingest.v1 import ingest_service_pb2_grpc as pb_grpc

from tests.support.waiting import PATIENCE_SECONDS
from weir_client import (
    Client,
    EventSender,
    GaveUpError,
    build_event,
    describe_status,
    final_verdicts,
)

EVENTS = 1_000
FRAME = 50
# What a server does instead of acking the frame with this number on this stream (both from 0).
Misbehave = Callable[["Ingest", int, int, grpc.ServicerContext], Iterator[pb.StreamEventsResponse]]


@dataclass
class Ingest(pb_grpc.IngestServiceServicer):
    """Keeps what it takes, and knows ids that come again; `misbehave` answers a frame in another way,
    by frame and stream."""

    misbehave: dict[tuple[int, int], Misbehave] = field(default_factory=dict)
    credits: int = 4
    stored: Counter[str] = field(default_factory=Counter)
    streams: int = 0
    largest_frame: int = 0
    retried: set[str] = field(default_factory=set)

    def StreamEvents(  # noqa: N802
        self, requests: Iterator[pb.StreamEventsRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.StreamEventsResponse]:
        stream, self.streams = self.streams, self.streams + 1
        assert next(requests).settings.app_id == "game"
        yield pb.StreamEventsResponse(
            limits=pb.StreamLimits(max_events=1_000, credits=self.credits)
        )
        for number, request in enumerate(requests):
            frame = request.frame
            self.largest_frame = max(self.largest_frame, len(frame.events))
            odd = self.misbehave.get((stream, number))
            if odd is not None:
                self.frame = frame
                yield from odd(self, stream, number, context)
                continue
            yield pb.StreamEventsResponse(ack=self.take(frame))

    def take(self, frame: pb.EventFrame) -> pb.FrameAck:
        """Stores the frame and answers it."""
        ack = pb.FrameAck(sequence=frame.sequence, credits=1)
        for index, event in enumerate(frame.events):
            if self.stored[event.event_id]:
                ack.counts.duplicate += 1
                ack.results.add(index=index, event_id=event.event_id, verdict=pb.VERDICT_DUPLICATE)
            else:
                self.stored[event.event_id] += 1
                ack.counts.accepted += 1
        return ack


def cut(
    server: Ingest, _: int, __: int, context: grpc.ServicerContext
) -> Iterator[pb.StreamEventsResponse]:
    """Takes the frame, and breaks the stream before the ack."""
    server.take(server.frame)
    context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
    yield pb.StreamEventsResponse()


def lose(
    server: Ingest, _: int, __: int, context: grpc.ServicerContext
) -> Iterator[pb.StreamEventsResponse]:
    """Breaks the stream before the frame is taken."""
    context.abort(grpc.StatusCode.INTERNAL, "reset")
    yield pb.StreamEventsResponse()


def go_away(
    server: Ingest, _: int, __: int, context: grpc.ServicerContext
) -> Iterator[pb.StreamEventsResponse]:
    """Says that it is about to close, still answers this frame, and closes."""
    yield pb.StreamEventsResponse(go_away=pb.GoAway(last_sequence=server.frame.sequence - 1))
    yield pb.StreamEventsResponse(ack=server.take(server.frame))
    context.abort(grpc.StatusCode.UNAVAILABLE, "draining")


def retry_half(
    server: Ingest, _: int, __: int, ___: grpc.ServicerContext
) -> Iterator[pb.StreamEventsResponse]:
    """Takes every second event of the frame; the others shall come again in a little while."""
    frame = server.frame
    ack = pb.FrameAck(sequence=frame.sequence, credits=1)
    ack.retry_after.FromMilliseconds(30)
    for index, event in enumerate(frame.events):
        if index % 2:
            ack.counts.retry += 1
            ack.results.add(index=index, event_id=event.event_id, verdict=pb.VERDICT_RETRY)
            server.retried.add(event.event_id)
        else:
            ack.counts.accepted += 1
            server.stored[event.event_id] += 1
    yield pb.StreamEventsResponse(ack=ack)


def refuse_frame(
    server: Ingest, _: int, __: int, ___: grpc.ServicerContext
) -> Iterator[pb.StreamEventsResponse]:
    """Refuses the frame as a whole."""
    status = status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, message="too large")
    yield pb.StreamEventsResponse(
        ack=pb.FrameAck(sequence=server.frame.sequence, credits=1, status=status)
    )


@contextmanager
def serving(ingest: Ingest) -> Iterator[Client]:
    server = grpc.server(ThreadPoolExecutor(4))
    pb_grpc.add_IngestServiceServicer_to_server(ingest, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with Client(f"127.0.0.1:{port}") as client:
            yield client
    finally:
        server.stop(0).wait()


class Verdicts:
    """What `on_ack` heard: final verdicts by event id."""

    def __init__(self) -> None:
        self.of: dict[str, list[int]] = {}
        self.lock = threading.Lock()

    def acked(self, events: Sequence[event_pb2.Event], ack: pb.FrameAck) -> None:
        for final in final_verdicts(events, ack):
            if final.verdict != pb.VERDICT_UNSPECIFIED:  # not refused with its frame
                with self.lock:
                    self.of.setdefault(final.event.event_id, []).append(final.verdict)


def send(ingest: Ingest, **options: Any) -> tuple[Verdicts, EventSender, set[str]]:
    """Sends EVENTS events; returns what was heard of them, and their ids."""
    verdicts = Verdicts()
    events = [build_event("tick") for _ in range(EVENTS)]
    with (
        serving(ingest) as client,
        client.stream("game", frame_events=FRAME, on_ack=verdicts.acked, **options) as sender,
    ):
        sender.send_all(events)
    return verdicts, sender, {event.event_id for event in events}


@pytest.mark.parametrize(
    "misbehave",
    [
        pytest.param({}, id="nothing happens"),
        pytest.param({(0, 3): cut}, id="cut after taking"),
        pytest.param({(0, 0): lose, (1, 0): lose, (2, 2): lose}, id="reset three times"),
        pytest.param({(0, 2): cut, (1, 4): cut, (2, 0): lose}, id="cut, cut, reset"),
        pytest.param({(0, 5): go_away}, id="a pod drains"),
        pytest.param({(0, 1): go_away, (1, 2): go_away, (2, 0): cut}, id="rolling restart"),
        pytest.param({(0, 2): retry_half, (0, 3): retry_half}, id="backpressure"),
        pytest.param({(0, 1): retry_half, (0, 2): cut, (1, 3): go_away}, id="all of it"),
    ],
)
def test_every_event_is_stored_once_and_has_one_verdict(
    misbehave: dict[tuple[int, int], Misbehave],
) -> None:
    ingest = Ingest(misbehave)
    verdicts, sender, ids = send(ingest)
    assert set(ingest.stored) == ids
    assert set(ingest.stored.values()) == {1}
    assert verdicts.of.keys() == ids
    assert {len(heard) for heard in verdicts.of.values()} == {1}
    assert sender.totals.sent == EVENTS
    assert sender.totals.failed == 0
    # A duplicate is an event whose first ack was lost.
    assert sender.totals.accepted + sender.totals.duplicate == EVENTS
    assert ingest.streams == 1 + len([odd for odd in misbehave.values() if odd is not retry_half])
    assert ingest.largest_frame <= FRAME


def test_only_what_was_taken_without_an_ack_is_a_duplicate() -> None:
    _, sender, _ = send(Ingest({(0, 3): cut}))
    assert sender.totals.duplicate == FRAME


def test_what_is_to_come_again_comes_again_alone() -> None:
    ingest = Ingest({(0, 2): retry_half})
    _, sender, _ = send(ingest)
    assert len(ingest.retried) == FRAME // 2
    assert sender.totals.accepted == EVENTS


def test_a_pause_that_ends_between_two_looks_at_the_clock_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = count()
    clock = SimpleNamespace(monotonic=lambda: next(ticks) * 0.02)
    monkeypatch.setattr("weir_client.sender.time", clock)
    # One frame and a pause of 30 ms: nothing else is under way that would wake the sender.
    ingest = Ingest({(0, 0): retry_half})
    with serving(ingest) as client, client.stream("game") as sender:
        sender.send_all([build_event("tick") for _ in range(2)])
    assert sender.totals.accepted == 2


def test_a_refused_frame_is_counted_and_its_neighbours_flow() -> None:
    ingest = Ingest({(0, 4): refuse_frame})
    verdicts, sender, ids = send(ingest)
    assert sender.totals.failed == FRAME
    assert sender.totals.accepted == EVENTS - FRAME
    assert len(ids - verdicts.of.keys()) == FRAME


def test_large_events_are_cut_into_frames_that_a_server_takes() -> None:
    ingest = Ingest()
    events = [build_event("tick", properties={"text": "x" * 200_000}) for _ in range(60)]
    with serving(ingest) as client, client.stream("game") as sender:
        sender.send_all(events)
    assert sender.totals.accepted == 60
    assert ingest.largest_frame <= 20


def test_a_refusal_that_will_not_change_ends_the_sending() -> None:
    def deny(
        server: Ingest, _: int, __: int, context: grpc.ServicerContext
    ) -> Iterator[pb.StreamEventsResponse]:
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token")
        yield pb.StreamEventsResponse()

    ingest = Ingest({(0, 0): deny})
    with pytest.raises(GaveUpError, match="UNAUTHENTICATED: no token"):
        send(ingest)
    assert ingest.streams == 1


def test_sending_ends_in_time_if_no_server_is_there() -> None:
    with (
        pytest.raises(GaveUpError, match="UNAVAILABLE"),
        Client("127.0.0.1:1") as client,
        client.stream("game", give_up_seconds=0.3) as sender,
    ):
        sender.send(build_event("tick"))


def test_sending_ends_in_time_if_the_server_hangs_up() -> None:
    class Mute(pb_grpc.IngestServiceServicer):
        def StreamEvents(self, requests: Any, context: Any) -> Iterator[Any]:  # noqa: N802
            return iter(())

    mute: Any = Mute()
    with (
        pytest.raises(GaveUpError, match="without an answer"),
        serving(mute) as client,
        client.stream("game", give_up_seconds=0.3) as sender,
    ):
        sender.send(build_event("tick"))


def test_an_event_that_no_server_would_take_is_settled_here_and_its_neighbours_get_through() -> (
    None
):
    ingest = Ingest()
    acks: list[pb.FrameAck] = []
    events = [build_event("e", properties={"n": number}) for number in range(11)]
    events[5].context.page_url = "x" * (9 * 1024 * 1024)
    with serving(ingest) as client, client.stream("game", on_ack=lambda _, a: acks.append(a)) as s:
        s.send_all(events)
    assert (s.totals.accepted, s.totals.failed) == (10, 1)
    [refused] = [ack for ack in acks if ack.HasField("status")]
    assert refused.status.code == code_pb2.RESOURCE_EXHAUSTED
    assert describe_status(refused.status).reason == "LIMIT_EXCEEDED"
    assert set(ingest.stored) == {event.event_id for event in events} - {events[5].event_id}


def silence(arrived: threading.Event) -> Misbehave:
    """Never answers the frame."""

    def misbehave(
        _: Ingest, __: int, ___: int, ____: grpc.ServicerContext
    ) -> Iterator[pb.StreamEventsResponse]:
        arrived.set()
        return iter(())

    return misbehave


def in_thread(call: Callable[[], None]) -> Callable[[], str]:
    """Calls it in a thread; what is returned waits for its end and says how it gave up."""
    problems: SimpleQueue[str] = SimpleQueue()

    def run() -> None:
        try:
            call()
        except GaveUpError as error:
            problems.put(str(error))
        else:
            problems.put("")

    # A daemon: a call that never ends fails this test, and does not keep the others from running.
    threading.Thread(target=run, daemon=True).start()
    return lambda: problems.get(timeout=PATIENCE_SECONDS)


CLOSED = "CANCELLED: the sender is closed"


def test_a_closed_sender_takes_no_event() -> None:
    with serving(Ingest()) as client:
        sender = client.stream("game", frame_events=2)
        sender.send(build_event("tick"))
        sender.flush()
        sender.close()
        with pytest.raises(GaveUpError, match=CLOSED):
            sender.send(build_event("tick"))
        # Nothing is without a verdict.
        assert in_thread(sender.flush)() == ""
    assert sender.totals.accepted == 1


def test_what_a_closed_sender_still_holds_is_not_passed_over() -> None:
    with serving(Ingest()) as client:
        sender = client.stream("game", frame_events=2)
        sender.send(build_event("tick"))
        sender.close()
        for _ in range(2):
            assert in_thread(sender.flush)() == CLOSED


def test_closing_ends_the_waiting_for_verdicts() -> None:
    arrived = threading.Event()
    with serving(Ingest({(0, 0): silence(arrived)})) as client:
        sender = client.stream("game")
        sender.send(build_event("tick"))
        how_it_ended = in_thread(sender.flush)
        assert arrived.wait(PATIENCE_SECONDS)
        sender.close()
        assert how_it_ended() == CLOSED


def test_closing_ends_the_waiting_for_room() -> None:
    arrived = threading.Event()
    events = [build_event("tick") for _ in range(9)]
    # One frame may be sent, one may wait, and the third blocks.
    with serving(Ingest({(0, 0): silence(arrived)}, credits=1)) as client:
        sender = client.stream("game", frame_events=1, max_pending_frames=1)
        how_it_ended = in_thread(lambda: sender.send_all(events))
        assert arrived.wait(PATIENCE_SECONDS)
        sender.close()
        assert how_it_ended() == CLOSED
