"""Frames that arrive while a batch is appended share the next one, and each caller gets its own verdicts."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from weir.ingest.v1 import ingest_service_pb2 as pb

from libs.catalog import Catalog
from libs.common.errors import InvalidArgument, LimitExceeded, Unavailable
from libs.common.sharding import shard_of
from services.ingest.intake.convert import events_of
from services.ingest.intake.duplicate_keys import identify
from services.ingest.intake.event_check import EventCheck
from services.ingest.intake.model import (
    Append,
    Appended,
    Candidate,
    Frame,
    Identity,
    Outcome,
    Screening,
    Verdict,
)
from services.ingest.intake.screening import screen
from tests.support.events import event_of
from tests.support.ingest_fakes import MemoryRawStream
from tests.support.ingest_pipeline import Ingest


class _Gate:
    """Appends wait until they are let through, oldest first."""

    def __init__(self, stream: MemoryRawStream) -> None:
        self._append = stream.append
        self.waiting: list[tuple[Append, asyncio.Event]] = []
        # Raised instead of the next appends, for those that are not None.
        self.errors: list[Exception | None] = []
        stream.append = self.append  # type: ignore[method-assign]

    async def append(self, shard: int, append: Append) -> Appended | None:
        go = asyncio.Event()
        self.waiting.append((append, go))
        await go.wait()
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        return await self._append(shard, append)

    def sizes(self) -> list[int]:
        return [len(append.events) for append, _ in self.waiting]

    def let_through(self) -> None:
        self.waiting.pop(0)[1].set()


async def _settle() -> None:
    """Lets everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


def _frame(*event_ids: str, **fields: object) -> Frame:
    return Frame([event_of(event_id, **fields) for event_id in event_ids])


def _gated(**options: object) -> tuple[Ingest, _Gate]:
    ingest = Ingest(**options)  # type: ignore[arg-type]
    return ingest, _Gate(ingest.stream)


async def test_what_arrives_during_an_append_shares_the_next_one() -> None:
    ingest, gate = _gated()
    submit = ingest.group_commit.submit
    first = submit("chess", _frame("a"))
    await _settle()
    assert gate.sizes() == [1]  # no frame waits for company
    others = [submit("chess", _frame(f"b{n}", f"c{n}")) for n in range(3)]
    await _settle()
    assert gate.sizes() == [1]
    assert ingest.answers.asked == []  # no state is read for what asks for no consent
    gate.let_through()
    await _settle()
    assert first.result().verdicts == [Verdict.ACCEPTED]
    assert gate.sizes() == [6]
    assert not any(other.done() for other in others)
    gate.let_through()
    await _settle()
    assert [other.result().verdicts for other in others] == [[Verdict.ACCEPTED] * 2] * 3


async def test_what_arrives_at_the_same_moment_shares_the_first() -> None:
    ingest, gate = _gated()
    outcomes = [ingest.group_commit.submit("chess", _frame(f"e{n}")) for n in range(5)]
    await _settle()
    assert gate.sizes() == [5]
    gate.let_through()
    assert [(await outcome).verdicts for outcome in outcomes] == [[Verdict.ACCEPTED]] * 5


async def test_a_hundred_events_are_prepared_while_others_are_appended() -> None:
    ingest, gate = _gated()
    submit = ingest.group_commit.submit
    submit("chess", _frame("a", subject_id="ann", name="game.ended"))
    await _settle()
    submit("chess", _frame(*(f"b{n}" for n in range(99)), subject_id="bob"))
    await _settle()
    assert ingest.answers.asked == [["ann"]]
    submit("chess", _frame("c", subject_id="cid"))
    await _settle()
    # Consent is read, and the append waits for the one before: the order holds.
    assert ingest.answers.asked == [["ann"], ["bob", "cid"]]
    assert gate.sizes() == [1]
    gate.let_through()
    await _settle()
    assert gate.sizes() == [100]


async def test_each_caller_gets_the_verdicts_of_its_own_events() -> None:
    ingest, gate = _gated()
    submit = ingest.group_commit.submit
    held = submit("chess", _frame("first"))
    await _settle()
    good = submit("chess", _frame("x", "y"))
    mixed = submit("chess", Frame([event_of("z"), event_of("w", name="no.such"), event_of("x")]))
    again = submit("chess", _frame("first", "v"))
    await _settle()
    gate.let_through()
    await _settle()
    gate.let_through()
    outcomes = [await held, await good, await mixed, await again]
    accepted, duplicate, rejected = Verdict.ACCEPTED, Verdict.DUPLICATE, Verdict.REJECTED
    assert [outcome.verdicts for outcome in outcomes] == [
        [accepted],
        [accepted, accepted],
        [accepted, rejected, duplicate],
        [duplicate, accepted],
    ]
    assert [list(outcome.rejections) for outcome in outcomes] == [[], [], [1], []]
    [letter] = ingest.letters()
    assert letter.event.event_id == "w"


async def test_the_frames_of_a_stream_are_stored_in_their_order() -> None:
    ingest, gate = _gated()
    for number in range(6):
        ingest.group_commit.submit("chess", _frame(f"s{number}"), source="stream")
        await _settle()
    while gate.waiting:
        gate.let_through()
        await _settle()
    assert [event.event_id for event in ingest.stored()] == [f"s{n}" for n in range(6)]


async def test_a_full_backlog_is_full_for_the_twin_of_an_event_too() -> None:
    """It would be called a duplicate of an event that is stored nowhere, and be lost."""
    ingest = Ingest()
    ingest.stream.full_shards.add(0)
    one, other = (ingest.group_commit.submit("chess", _frame("same")) for _ in range(2))
    assert (await one).verdicts == (await other).verdicts == [Verdict.RETRY]
    ingest.stream.full_shards.clear()
    one, other = (ingest.group_commit.submit("chess", _frame("same")) for _ in range(2))
    assert [(await one).verdicts, (await other).verdicts] == [
        [Verdict.ACCEPTED],
        [Verdict.DUPLICATE],
    ]


async def test_a_failed_append_is_answered_alike_and_may_be_tried_again() -> None:
    ingest, gate = _gated()
    gate.errors = [Unavailable("away"), None]
    frames = ["a", "b", "c"]
    outcomes = [ingest.group_commit.submit("chess", _frame(name)) for name in frames]
    await _settle()
    gate.let_through()
    for outcome in outcomes:
        with pytest.raises(Unavailable):
            await outcome
    outcomes = [ingest.group_commit.submit("chess", _frame(name)) for name in frames]
    await _settle()
    gate.let_through()
    assert [(await outcome).verdicts for outcome in outcomes] == [[Verdict.ACCEPTED]] * 3
    assert [event.event_id for event in ingest.stored()] == frames


async def test_consent_that_cannot_be_read_holds_up_only_frames_that_need_it() -> None:
    ingest = Ingest()

    def unreadable() -> None:
        raise Unavailable("the mirror is incomplete")

    ingest.answers.before_read = unreadable
    asking = ingest.group_commit.submit("chess", _frame("a", subject_id="ann"))
    login = _frame("b", subject_id="ann", name="login.failed", properties_json=b"{}")
    free = ingest.group_commit.submit("chess", login)
    with pytest.raises(Unavailable):
        await asking
    assert (await free).verdicts == [Verdict.ACCEPTED]


def _screen_or_fail(catalog: Catalog, check: EventCheck, frame: Frame) -> Screening:
    if frame.events[0].event_id == "bad":
        raise ZeroDivisionError
    return screen(catalog, check, frame)


def _identify_or_fail(app_id: str, candidate: Candidate, shards: int) -> Identity:
    if candidate.event_id == "bad":
        raise ZeroDivisionError
    return identify(app_id, candidate, shards)


@pytest.mark.parametrize(
    ("step", "failing"), [("screen", _screen_or_fail), ("identify", _identify_or_fail)]
)
async def test_a_frame_that_breaks_the_code_breaks_alone(
    monkeypatch: pytest.MonkeyPatch, step: str, failing: object
) -> None:
    monkeypatch.setattr(f"services.ingest.intake.pipeline.{step}", failing)
    ingest = Ingest()
    good, bad, fine = (
        ingest.group_commit.submit("chess", _frame(name)) for name in ("good", "bad", "fine")
    )
    with pytest.raises(ZeroDivisionError):
        await bad
    assert (await good).verdicts == (await fine).verdicts == [Verdict.ACCEPTED]


async def test_a_frame_that_is_too_large_is_refused_alone() -> None:
    ingest = Ingest(max_frame_bytes=2_000)
    large = _frame("large", properties_json=b'{"moves":3,"pad":"' + b"x" * 2_000 + b'"}')
    refused = ingest.group_commit.submit("chess", large)
    taken = ingest.group_commit.submit("chess", _frame("small"))
    with pytest.raises(LimitExceeded):
        await refused
    assert (await taken).verdicts == [Verdict.ACCEPTED]


async def test_what_no_batch_may_hold_is_refused_at_once() -> None:
    ingest = Ingest(max_events_per_frame=2)
    with pytest.raises(LimitExceeded):
        ingest.group_commit.submit("chess", _frame("a", "b", "c"))
    with pytest.raises(InvalidArgument):
        ingest.group_commit.submit("chess", _frame())


async def test_a_caller_who_left_while_it_waited_is_left_out() -> None:
    ingest, gate = _gated()
    submit = ingest.group_commit.submit
    first = submit("chess", _frame("a"))
    await _settle()
    gone, stays = submit("chess", _frame("b")), submit("chess", _frame("c"))
    gone.cancel()
    first.cancel()  # too late: its append is under way
    gate.let_through()
    await _settle()
    gate.let_through()
    assert (await stays).verdicts == [Verdict.ACCEPTED]
    assert [event.event_id for event in ingest.stored()] == ["a", "c"]


async def test_who_left_before_its_batch_is_not_counted() -> None:
    ingest, gate = _gated()
    before = _accepted()
    first = ingest.group_commit.submit("chess", _frame("a"))
    await _settle()
    ingest.group_commit.submit("chess", _frame("b", "c")).cancel()
    gate.let_through()
    await first
    await _settle()
    assert _accepted() - before == 1
    assert gate.waiting == []


def _accepted() -> float:
    labels = {"app": "chess", "verdict": "accepted"}
    return REGISTRY.get_sample_value("weir_ingest_events_total", labels) or 0.0


async def test_a_batch_is_in_no_trace_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("libs.runtime.telemetry.trace.get_tracer", provider.get_tracer)
    ingest, gate = _gated()
    # The second is prepared while the first is appended, and so begun by it.
    for number in range(3):
        ids = [f"e{number}-{n}" for n in range(600)]
        ingest.group_commit.submit("chess", _frame(*ids), source="stream")
    await _settle()
    while gate.waiting:
        gate.let_through()
        await _settle()
    spans = exporter.get_finished_spans()
    assert [span.parent for span in spans] == [None] * 3
    assert len({span.context.trace_id for span in spans if span.context}) == 3


async def test_a_frame_that_comes_again_names_no_dead_letter() -> None:
    ingest, gate = _gated(shards=2)
    by_shard = {shard_of("chess", f"e{n}", 2): f"e{n}" for n in range(20)}
    events = [event_of("bad", name="no.such"), *(event_of(by_shard[shard]) for shard in (0, 1))]
    frame = Frame(events)
    outcome = ingest.group_commit.submit("chess", frame)
    await _settle()
    # One of the two appends succeeds, and has the dead letter with it.
    gate.errors = [None, Unavailable("away")]
    gate.let_through()
    gate.let_through()
    with pytest.raises(Unavailable):
        await outcome
    assert frame.outcome.rejections == {}


async def test_the_flood_of_one_stream_delays_a_call_by_one_batch() -> None:
    ingest, gate = _gated(max_events_per_frame=4)
    for number in range(8):
        ids = [f"f{number}-{n}" for n in range(4)]
        ingest.group_commit.submit("chess", _frame(*ids), source="flood")
    await _settle()
    single = ingest.group_commit.submit("chess", _frame("single"))
    for _ in range(2):
        gate.let_through()
        await _settle()
    assert not single.done()
    gate.let_through()
    await _settle()
    assert single.done()
    while gate.waiting:
        gate.let_through()
        await _settle()


_Call = tuple[list[tuple[int, bool]], bool]
# Of each call: its events (an id, and whether the catalog knows their name), and whether its caller leaves.
_calls = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=5),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@given(calls=_calls, turns=st.lists(st.sampled_from(["submit", "let_through", "leave"])))
async def test_callers_in_any_order_lose_and_double_nothing(
    calls: Sequence[_Call], turns: Sequence[str]
) -> None:
    ingest, gate = _gated(max_events_per_frame=6)
    outcomes: list[asyncio.Future[Outcome]] = []
    left = set[int]()
    pending = list(calls)

    def submit() -> None:
        if pending:
            events, _ = pending.pop(0)
            request = pb.TrackBatchRequest(
                app_id="chess",
                events=[
                    event_of(f"e{number}") if known else event_of(f"e{number}", name="no.such")
                    for number, known in events
                ],
            )
            outcomes.append(ingest.group_commit.submit("chess", Frame(events_of(request))))

    def leave() -> None:
        for index, outcome in enumerate(outcomes):
            if calls[index][1] and outcome.cancel():
                left.add(index)

    for turn in turns:
        if turn == "submit":
            submit()
        elif turn == "leave":
            leave()
        elif gate.waiting:
            gate.let_through()
        await _settle()
    while pending:
        submit()
    await _settle()
    while gate.waiting:
        gate.let_through()
        await _settle()

    stored = Counter(event.event_id for event in ingest.stored())
    assert set(stored.values()) <= {1}
    accepted: Counter[str] = Counter()
    for index, outcome in enumerate(outcomes):
        if index in left:
            continue
        events = calls[index][0]
        verdicts = outcome.result().verdicts
        assert len(verdicts) == len(events)
        for (number, known), verdict in zip(events, verdicts, strict=True):
            if known:
                assert verdict in (Verdict.ACCEPTED, Verdict.DUPLICATE)
                assert stored[f"e{number}"] == 1
                accepted[f"e{number}"] += verdict is Verdict.ACCEPTED
            else:
                assert verdict is Verdict.REJECTED
    assert set(accepted.values()) <= {0, 1}
    if not left:
        assert +accepted == stored
    named = Counter(
        f"e{number}"
        for index, (events, _) in enumerate(calls)
        if index not in left
        for number, known in events
        if not known
    )
    letters = Counter(letter.event.event_id for letter in ingest.letters())
    assert letters >= named if left else letters == named
