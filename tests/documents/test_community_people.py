"""Unofficial Communities, sections 3.1 and 8: who is named by what is kept of an event."""

from typing import Any

import orjson
import pytest
from weir.common.v1 import event_pb2

from libs.catalog import to_envelope
from services.ingest.intake.model import Verdict
from tests.support.clocks import NOW_US
from tests.support.consents import consent_text
from tests.support.documents.event_names import UNOFFICIAL_COMMUNITIES as SOURCES
from tests.support.documents.event_properties import UNOFFICIAL_COMMUNITIES as PROPERTIES
from tests.support.documents.shipped import catalogs, ingest_of, shipped_event
from tests.support.ingest_pipeline import PSEUDONYMS
from weir_client import event_from_envelope

APP = "unofficial_communities"
PERSON = "12345"
PSEUDONYM = PSEUDONYMS.pseudonym(APP, PERSON)
UNANSWERED: dict[str, bytes] = {}
DENIED = {PERSON: consent_text(1, telemetry=False, whatsapp_activity=False)}
GRANTED = {PERSON: consent_text(1, telemetry=True, whatsapp_activity=True)}
WHATSAPP = [name for name in PROPERTIES if name.startswith("whatsapp.")]
# Business and Product: signups, gamification, communities, UC World.
_TRACKED = ("user.signup.started", "user.signup.completed", "gamification.", "community.", "world.")
TRACKED = [name for name in PROPERTIES if name.startswith(_TRACKED)]
SECURITY = [
    name for name in PROPERTIES if name.startswith(("user.", "age.")) and name not in TRACKED
]
# By the decision about 8.1.
LINKABLE = {"phone_prefix", "owner_id_hash", "session_id_hash", "case_id"}


def _sent(name: str, identity_id: object, **fields: Any) -> event_pb2.Event:
    """An event as the document's sender writes it, about a person, in a session and a community."""
    document = {
        "event_id": "550e8400-e29b-41d4-a716-446655440000",
        "event_name": name,
        "source": "api" if SOURCES[name] == "All" else SOURCES[name].lower(),
        "environment": "staging",
        "identity_id": identity_id,
        "session_id": "s-1",
        "request_id": "r-1",
        "community_id": 1,
        # The person is in the field of that name only.
        "properties": {k: v for k, v in PROPERTIES[name].items() if k != "identity_id"},
        **fields,
    }
    event = event_from_envelope(to_envelope(catalogs()[APP], document))
    event.occurred_at.FromMicroseconds(NOW_US)
    return event


@pytest.mark.parametrize("name", TRACKED)
@pytest.mark.parametrize("states", [UNANSWERED, DENIED], ids=["unanswered", "denied"])
async def test_without_telemetry_an_event_is_kept_under_a_pseudonym(
    name: str, states: dict[str, bytes]
) -> None:
    ingest = ingest_of(APP, states)
    outcome = await ingest.take(_sent(name, int(PERSON)))
    assert outcome.verdicts == [Verdict.ANONYMIZED]
    [stored] = ingest.stored()
    # As in the document's third example: no identity, a stand-in, the rest as it was but for what may lead
    # to the person (8.1: properties that are PII).
    assert (stored.subject_id, stored.anonymous_id) == ("", PSEUDONYM)
    assert stored.session_id == PSEUDONYMS.pseudonym(APP, "session\x00s-1")
    assert (stored.group_id, stored.request_id) == ("1", "r-1")
    kept = {name: value for name, value in PROPERTIES[name].items() if name not in LINKABLE}
    assert orjson.loads(stored.properties_json) == kept


@pytest.mark.parametrize("name", TRACKED)
async def test_with_telemetry_an_event_is_kept_with_the_identity(name: str) -> None:
    ingest = ingest_of(APP, GRANTED)
    assert (await ingest.take(_sent(name, int(PERSON)))).verdicts == [Verdict.ACCEPTED]
    [stored] = ingest.stored()
    assert (stored.subject_id, stored.anonymous_id, stored.group_id) == (PERSON, "", "1")


@pytest.mark.parametrize("name", SECURITY)
async def test_security_events_keep_the_identity_on_a_legal_ground_in_words(name: str) -> None:
    ingest = ingest_of(APP, DENIED)
    assert (await ingest.take(_sent(name, int(PERSON)))).verdicts == [Verdict.ACCEPTED]
    assert ingest.stored()[0].subject_id == PERSON
    assert "protecting accounts" in catalogs()[APP].events[name].category.legal_ground


async def test_an_identity_is_optional() -> None:
    ingest = ingest_of(APP, GRANTED)
    first_sent = _sent("world.zone.entered", None, anonymous_id="a1b2c3d4e5f6...")
    again = _sent("world.zone.entered", None, anonymous_id="a1b2c3d4e5f6...", event_id="e-2")
    other = _sent("world.zone.entered", None, anonymous_id="f6e5d4c3b2a1...", event_id="e-3")
    assert (await ingest.take(first_sent, again, other)).verdicts == [Verdict.ACCEPTED] * 3
    first, second, third = ingest.stored()
    assert {event.subject_id for event in (first, second, third)} == {""}
    # The sender's stand-in for a person is replaced by one of ours, the same one each time.
    assert first.anonymous_id == second.anonymous_id != third.anonymous_id


async def test_one_person_has_one_stand_in_in_all_events() -> None:
    ingest = ingest_of(APP, DENIED)
    names = ("user.signup.completed", "gamification.xp.awarded", "world.zone.entered")
    events = [_sent(name, int(PERSON), event_id=name) for name in names]
    await ingest.take(*events, _sent("world.zone.entered", 54321, event_id="other"))
    *own, other = [event.anonymous_id for event in ingest.stored()]
    assert set(own) == {PSEUDONYM}
    assert other not in ("", PSEUDONYM)


@pytest.mark.parametrize("name", WHATSAPP)
@pytest.mark.parametrize("states", [UNANSWERED, DENIED], ids=["unanswered", "denied"])
async def test_whatsapp_activity_without_a_grant_leaves_nothing(
    name: str, states: dict[str, bytes]
) -> None:
    ingest = ingest_of(APP, states)
    listed = PROPERTIES[name]
    events = [
        _sent(name, int(PERSON)),
        # The person among the properties only; a malformed event; one that names no person.
        shipped_event(name, {**listed, "identity_id": int(PERSON)}, "webhooks", event_id="e2"),
        shipped_event(name, {**listed, "text": "hello"}, "webhooks", event_id="e3"),
        shipped_event(name, {"community_id": 1}, "webhooks", event_id="e4"),
    ]
    outcome = await ingest.take(*events)
    assert outcome.verdicts == [Verdict.DROPPED] * 4
    assert ingest.stream.appends == []


@pytest.mark.parametrize("name", WHATSAPP)
async def test_whatsapp_activity_with_a_grant_is_kept(name: str) -> None:
    ingest = ingest_of(APP, GRANTED)
    assert (await ingest.take(_sent(name, int(PERSON)))).verdicts == [Verdict.ACCEPTED]
    assert ingest.stored()[0].subject_id == PERSON


async def test_a_system_event_holds_nothing_that_someone_wrote_about_a_person() -> None:
    """UC004, of what no property is marked for."""
    sent = shipped_event(
        "system.job.failed",
        {
            "job_name": "digest",
            "error": "no answer of ann@example.com, +49 171 1234567",
            "user_email": "ann@example.com",
        },
        "job",
        context={"user_agent": "Mozilla/5.0 (Ann)", "ip": "198.51.100.23", "app_version": "3.1"},
    )
    ingest = ingest_of(APP, UNANSWERED)
    assert (await ingest.take(sent)).verdicts == [Verdict.ANONYMIZED]
    [stored] = ingest.stored()
    assert orjson.loads(stored.properties_json) == {
        "job_name": "digest",
        "error": "no answer of [email], [phone]",
        "user_email": "[email]",
    }
    assert stored.context == event_pb2.Context(app_version="3.1")
