"""Events that name no person, senders who say that there is no consent, and whose country is kept."""

from typing import Any

import pytest

from libs.catalog import compile_catalog
from services.ingest.intake.convert import results
from services.ingest.intake.model import DropReason, Verdict
from tests.support.chess_catalog import CHESS
from tests.support.consents import consent_text
from tests.support.events import event_of
from tests.support.ingest_pipeline import COACHING, NO_TELEMETRY, Ingest
from weir_client import describe_status

NO_COACHING = consent_text(1, coaching=False)


def _lesson(event_id: str, **fields: Any) -> Any:
    return event_of(
        event_id, **{"name": "lesson.given", "properties_json": b'{"minutes":30}', **fields}
    )


async def test_an_event_that_names_no_person_is_dropped_if_its_purpose_says_so() -> None:
    ingest = Ingest()
    events = [_lesson("a"), _lesson("b", session_id="s1", anonymous_id="d1"), event_of("c")]
    outcome = await ingest.take(*events)
    assert outcome.verdicts == [Verdict.DROPPED, Verdict.DROPPED, Verdict.ACCEPTED]
    dropped = results(outcome, events)[0]
    status = describe_status(dropped.status)
    assert (status.reason, status.message) == ("CONSENT_DENIED", DropReason.SUBJECTLESS.value)
    assert [event.event_id for event in ingest.stored()] == ["c"]


async def test_a_malformed_event_that_names_no_person_leaves_nothing_either() -> None:
    ingest = Ingest()
    outcome = await ingest.take(_lesson("a", properties_json=b'{"minutes":"x"}'))
    assert outcome.verdicts == [Verdict.DROPPED]
    assert ingest.stream.appends == []


@pytest.mark.parametrize("link", [{"session_id": "s1"}, {"anonymous_id": "d1"}])
@pytest.mark.parametrize(
    ("state", "verdict"), [(COACHING, Verdict.ACCEPTED), (NO_COACHING, Verdict.DROPPED)]
)
async def test_a_session_whose_person_the_batch_names_counts_as_named(
    link: dict[str, str], state: bytes, verdict: Verdict
) -> None:
    ingest = Ingest({"ann": state})
    # Before and after the event that says whose session it is, which itself may be of any kind.
    named = event_of("b", name="login.failed", subject_id="ann", properties_json=b"{}", **link)
    outcome = await ingest.take(_lesson("a", **link), named, _lesson("c", **link))
    assert outcome.verdicts == [verdict, Verdict.ACCEPTED, verdict]
    assert {event.subject_id for event in ingest.stored() if event.name == "lesson.given"} <= {""}
    # Nothing is asked that is not asked anyway.
    assert ingest.answers.asked == [["ann"]]


async def test_a_session_of_two_people_names_no_person() -> None:
    ingest = Ingest({"ann": COACHING, "bob": COACHING})
    people = [
        event_of(who, name="login.failed", subject_id=who, session_id="s1", properties_json=b"{}")
        for who in ("ann", "bob")
    ]
    outcome = await ingest.take(*people, _lesson("c", session_id="s1"))
    assert outcome.verdicts[2] is Verdict.DROPPED


async def test_a_session_that_another_batch_named_is_not_known() -> None:
    ingest = Ingest({"ann": COACHING})
    await ingest.take(_lesson("a", subject_id="ann", session_id="s1"))
    assert (await ingest.take(_lesson("b", session_id="s1"))).verdicts == [Verdict.DROPPED]


async def test_a_sender_who_says_that_there_is_no_consent_is_believed() -> None:
    granted = consent_text(1, telemetry=True, coaching=True)
    ingest = Ingest({"ann": granted})
    events = [
        event_of("a", subject_id="ann", consent_given=False),
        event_of("b", name="?", consent_given=False),
        event_of("c", properties_json=b"{", consent_given=False),
        # Asks for no consent.
        event_of("d", name="login.failed", subject_id="ann", consent_given=False),
    ]
    events[3].properties_json = b"{}"
    outcome = await ingest.take(*events)
    assert outcome.verdicts == [Verdict.DROPPED] * 3 + [Verdict.ACCEPTED]
    assert describe_status(results(outcome, events)[0].status).message == DropReason.SENDER.value
    assert [event.event_id for event in ingest.stored()] == ["d"]
    assert ingest.letters() == []


async def test_a_sender_who_says_that_there_is_consent_changes_nothing() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    outcome = await ingest.take(
        event_of("a", subject_id="ann", consent_given=True),
        _lesson("b", subject_id="bob", consent_given=True),
    )
    assert outcome.verdicts == [Verdict.ANONYMIZED, Verdict.DROPPED]


LOCATED = CHESS + "location: {purpose: coaching}\n"


@pytest.mark.parametrize(
    ("subject_id", "state", "ip"),
    [
        ("ann", COACHING, "198.51.100.0"),
        ("ann", consent_text(1, telemetry=True), ""),
        ("ann", consent_text(1, telemetry=False, coaching=True), "198.51.100.0"),
        ("ann", NO_COACHING, ""),
        ("", COACHING, ""),
    ],
)
@pytest.mark.parametrize("properties", [b'{"moves":3}', b'{"moves":-3}'])
async def test_an_address_is_kept_only_with_the_purpose_that_the_catalog_names(
    subject_id: str, state: bytes, ip: str, properties: bytes
) -> None:
    ingest = Ingest({"ann": state}, catalog=compile_catalog(LOCATED, "chess.yaml"))
    context = {"ip": "198.51.100.23", "locale": "pt"}
    await ingest.take(event_of(subject_id=subject_id, context=context, properties_json=properties))
    [kept] = [*ingest.stored(), *(letter.event for letter in ingest.letters())]
    assert (kept.context.ip, kept.context.locale) == (ip, "pt")
