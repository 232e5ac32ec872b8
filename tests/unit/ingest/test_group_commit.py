"""Frames that arrive while a batch is appended share the next one, and each caller gets its own verdicts."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from libs.catalog import Catalog
from libs.common.errors import InvalidArgument, LimitExceeded, Unavailable
from libs.common.sharding import shard_of
from services.ingest.intake.duplicate_keys import identify
from services.ingest.intake.event_check import EventCheck
from services.ingest.intake.model import (
    Candidate,
    Frame,
    Identity,
    Screening,
    Verdict,
)
from services.ingest.intake.screening import screen
from tests.support.events import event_of
from tests.support.ingest_gate import frame_of, gated, let_run
from tests.support.ingest_pipeline import Ingest


async def test_what_arrives_during_an_append_shares_the_next_one() -> None:
    ingest, gate = gated()
    submit = ingest.group_commit.submit
    first = submit("chess", frame_of("a"))
    await let_run()
    assert gate.sizes() == [1]  # no frame waits for company
    others = [submit("chess", frame_of(f"b{n}", f"c{n}")) for n in range(3)]
    await let_run()
    assert gate.sizes() == [1]
    assert ingest.answers.asked == []  # no state is read for what asks for no consent
    gate.let_through()
    await let_run()
    assert first.result().verdicts == [Verdict.ACCEPTED]
    assert gate.sizes() == [6]
    assert not any(other.done() for other in others)
    gate.let_through()
    await let_run()
    assert [other.result().verdicts for other in others] == [[Verdict.ACCEPTED] * 2] * 3


async def test_what_arrives_at_the_same_moment_shares_the_first() -> None:
    ingest, gate = gated()
    outcomes = [ingest.group_commit.submit("chess", frame_of(f"e{n}")) for n in range(5)]
    await let_run()
    assert gate.sizes() == [5]
    gate.let_through()
    assert [(await outcome).verdicts for outcome in outcomes] == [[Verdict.ACCEPTED]] * 5


async def test_a_hundred_events_are_prepared_while_others_are_appended() -> None:
    ingest, gate = gated()
    submit = ingest.group_commit.submit
    submit("chess", frame_of("a", subject_id="ann", name="game.ended"))
    await let_run()
    submit("chess", frame_of(*(f"b{n}" for n in range(99)), subject_id="bob"))
    await let_run()
    assert ingest.answers.asked == [["ann"]]
    submit("chess", frame_of("c", subject_id="cid"))
    await let_run()
    # Consent is read, and the append waits for the one before: the order holds.
    assert ingest.answers.asked == [["ann"], ["bob", "cid"]]
    assert gate.sizes() == [1]
    gate.let_through()
    await let_run()
    assert gate.sizes() == [100]


async def test_each_caller_gets_the_verdicts_of_its_own_events() -> None:
    ingest, gate = gated()
    submit = ingest.group_commit.submit
    held = submit("chess", frame_of("first"))
    await let_run()
    good = submit("chess", frame_of("x", "y"))
    mixed = submit(
        "chess", Frame([event_of("z"), event_of("w", properties_json=b"{}"), event_of("x")])
    )
    again = submit("chess", frame_of("first", "v"))
    await let_run()
    gate.let_through()
    await let_run()
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
    ingest, gate = gated()
    for number in range(6):
        ingest.group_commit.submit("chess", frame_of(f"s{number}"), source="stream")
        await let_run()
    while gate.waiting:
        gate.let_through()
        await let_run()
    assert [event.event_id for event in ingest.stored()] == [f"s{n}" for n in range(6)]


async def test_a_full_backlog_is_full_for_the_twin_of_an_event_too() -> None:
    """It would be called a duplicate of an event that is stored nowhere, and be lost."""
    ingest = Ingest()
    ingest.stream.full_shards.add(0)
    one, other = (ingest.group_commit.submit("chess", frame_of("same")) for _ in range(2))
    assert (await one).verdicts == (await other).verdicts == [Verdict.RETRY]
    ingest.stream.full_shards.clear()
    one, other = (ingest.group_commit.submit("chess", frame_of("same")) for _ in range(2))
    assert [(await one).verdicts, (await other).verdicts] == [
        [Verdict.ACCEPTED],
        [Verdict.DUPLICATE],
    ]


async def test_a_failed_append_is_answered_alike_and_may_be_tried_again() -> None:
    ingest, gate = gated()
    gate.errors = [Unavailable("away"), None]
    frames = ["a", "b", "c"]
    outcomes = [ingest.group_commit.submit("chess", frame_of(name)) for name in frames]
    await let_run()
    gate.let_through()
    for outcome in outcomes:
        with pytest.raises(Unavailable):
            await outcome
    outcomes = [ingest.group_commit.submit("chess", frame_of(name)) for name in frames]
    await let_run()
    gate.let_through()
    assert [(await outcome).verdicts for outcome in outcomes] == [[Verdict.ACCEPTED]] * 3
    assert [event.event_id for event in ingest.stored()] == frames


async def test_consent_that_cannot_be_read_holds_up_only_frames_that_need_it() -> None:
    ingest = Ingest()

    def unreadable() -> None:
        raise Unavailable("the mirror is incomplete")

    ingest.answers.before_read = unreadable
    asking = ingest.group_commit.submit("chess", frame_of("a", subject_id="ann"))
    login = frame_of("b", subject_id="ann", name="login.failed", properties_json=b"{}")
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
        ingest.group_commit.submit("chess", frame_of(name)) for name in ("good", "bad", "fine")
    )
    with pytest.raises(ZeroDivisionError):
        await bad
    assert (await good).verdicts == (await fine).verdicts == [Verdict.ACCEPTED]


async def test_a_frame_that_is_too_large_is_refused_alone() -> None:
    ingest = Ingest(max_frame_bytes=2_000)
    large = frame_of("large", properties_json=b'{"moves":3,"pad":"' + b"x" * 2_000 + b'"}')
    refused = ingest.group_commit.submit("chess", large)
    taken = ingest.group_commit.submit("chess", frame_of("small"))
    with pytest.raises(LimitExceeded):
        await refused
    assert (await taken).verdicts == [Verdict.ACCEPTED]


async def test_what_no_batch_may_hold_is_refused_at_once() -> None:
    ingest = Ingest(max_events_per_frame=2)
    with pytest.raises(LimitExceeded):
        ingest.group_commit.submit("chess", frame_of("a", "b", "c"))
    with pytest.raises(InvalidArgument):
        ingest.group_commit.submit("chess", frame_of())


async def test_a_caller_who_left_while_it_waited_is_left_out() -> None:
    ingest, gate = gated()
    submit = ingest.group_commit.submit
    first = submit("chess", frame_of("a"))
    await let_run()
    gone, stays = submit("chess", frame_of("b")), submit("chess", frame_of("c"))
    gone.cancel()
    first.cancel()  # too late: its append is under way
    gate.let_through()
    await let_run()
    gate.let_through()
    assert (await stays).verdicts == [Verdict.ACCEPTED]
    assert [event.event_id for event in ingest.stored()] == ["a", "c"]


async def test_who_left_before_its_batch_is_not_counted() -> None:
    ingest, gate = gated()
    before = _accepted()
    first = ingest.group_commit.submit("chess", frame_of("a"))
    await let_run()
    ingest.group_commit.submit("chess", frame_of("b", "c")).cancel()
    gate.let_through()
    await first
    await let_run()
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
    ingest, gate = gated()
    # The second is prepared while the first is appended, and so begun by it.
    for number in range(3):
        ids = [f"e{number}-{n}" for n in range(600)]
        ingest.group_commit.submit("chess", frame_of(*ids), source="stream")
    await let_run()
    while gate.waiting:
        gate.let_through()
        await let_run()
    spans = exporter.get_finished_spans()
    assert [span.parent for span in spans] == [None] * 3
    assert len({span.context.trace_id for span in spans if span.context}) == 3


async def test_a_frame_that_comes_again_names_no_dead_letter() -> None:
    ingest, gate = gated(shards=2)
    by_shard = {shard_of("chess", f"e{n}", 2): f"e{n}" for n in range(20)}
    events = [event_of("bad", name="no.such"), *(event_of(by_shard[shard]) for shard in (0, 1))]
    frame = Frame(events)
    outcome = ingest.group_commit.submit("chess", frame)
    await let_run()
    # One of the two appends succeeds, and has the dead letter with it.
    gate.errors = [None, Unavailable("away")]
    gate.let_through()
    gate.let_through()
    with pytest.raises(Unavailable):
        await outcome
    assert frame.outcome.rejections == {}


async def test_the_flood_of_one_stream_delays_a_call_by_one_batch() -> None:
    ingest, gate = gated(max_events_per_frame=4)
    for number in range(8):
        ids = [f"f{number}-{n}" for n in range(4)]
        ingest.group_commit.submit("chess", frame_of(*ids), source="flood")
    await let_run()
    single = ingest.group_commit.submit("chess", frame_of("single"))
    for _ in range(2):
        gate.let_through()
        await let_run()
    assert not single.done()
    gate.let_through()
    await let_run()
    assert single.done()
    while gate.waiting:
        gate.let_through()
        await let_run()
