"""Callers that share batches in any order, of which some leave: nothing is lost, and nothing doubled."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from weir.ingest.v1 import ingest_service_pb2 as pb

from services.ingest.intake.convert import events_of
from services.ingest.intake.model import Frame, Outcome, Verdict
from tests.support.events import event_of
from tests.support.ingest_gate import gated, let_run

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
    ingest, gate = gated(max_events_per_frame=6)
    outcomes: list[asyncio.Future[Outcome]] = []
    left = set[int]()
    pending = list(calls)

    def submit() -> None:
        if pending:
            events, _ = pending.pop(0)
            request = pb.TrackBatchRequest(
                app_id="chess",
                events=[
                    event_of(f"e{number}")
                    if known
                    else event_of(f"e{number}", properties_json=b"{}")
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
        await let_run()
    while pending:
        submit()
    await let_run()
    while gate.waiting:
        gate.let_through()
        await let_run()

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
