"""Events about a person whose data are restricted: nothing of them is collected, not even a dead letter."""

import pytest

from libs.consent import Choice, ConsentState, Restriction, Status, encode_state
from services.ingest.intake.convert import results
from services.ingest.intake.model import Verdict
from tests.support.clocks import NOW_US
from tests.support.events import event_of
from tests.support.ingest_pipeline import Ingest
from weir_client import describe_status

GRANTED = {"telemetry": Choice(Status.GRANTED, 1, NOW_US)}
RESTRICTED = encode_state(ConsentState(2, GRANTED, restriction=Restriction(2, NOW_US)))


@pytest.mark.parametrize("state", [RESTRICTED, b"2;:1 *"])
async def test_they_are_dropped_and_the_reason_says_so(state: bytes) -> None:
    """Without an answer the default of the catalog would allow it, and a "no" would keep a pseudonym."""
    ingest = Ingest({"ann": state})
    events = [event_of("a", subject_id="ann"), event_of("b", subject_id="bob")]
    outcome = await ingest.take(*events)
    assert outcome.verdicts == [Verdict.DROPPED, Verdict.ACCEPTED]
    status = describe_status(results(outcome, events)[0].status)
    assert status.reason == "CONSENT_DENIED"
    assert status.message == "the processing of the person's data is restricted"
    assert [event.subject_id for event in ingest.stored()] == ["bob"]


async def test_a_malformed_one_leaves_no_dead_letter() -> None:
    ingest = Ingest({"ann": RESTRICTED})
    outcome = await ingest.take(event_of("a", subject_id="ann", properties_json=b"{"))
    assert outcome.verdicts == [Verdict.DROPPED]
    assert ingest.stream.appends == []


async def test_what_asks_for_no_consent_is_collected() -> None:
    ingest = Ingest({"ann": RESTRICTED})
    login = event_of("a", name="login.failed", subject_id="ann", properties_json=b"{}")
    assert (await ingest.take(login)).verdicts == [Verdict.ACCEPTED]
