"""What consent changes: a person who refused appears nowhere, in events and in dead letters."""

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from weir.common.v1 import event_pb2

from libs.consent import ConsentUnavailable
from services.ingest.intake.model import Verdict
from tests.support.clocks import NOW_US
from tests.support.consents import consent_text
from tests.support.events import event_of, properties_of
from tests.support.ingest_pipeline import ANN, COACHING, NO_TELEMETRY, PSEUDONYMS, Ingest


async def test_a_refusal_anonymizes_everywhere_that_the_event_names_the_person() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    event = event_of(
        subject_id="ann",
        session_id="s1",
        anonymous_id="device-7",
        entity={"type": "player", "id": "ann"},
        context={"ip": "198.51.100.23"},
        properties_json=b'{"moves":3,"player":"ann","email":"ann@example.org","elo":1500}',
    )
    outcome = await ingest.take(event)
    assert outcome.verdicts == [Verdict.ANONYMIZED]
    [stored] = ingest.stored()
    assert (stored.subject_id, stored.anonymous_id) == ("", ANN)
    assert stored.session_id == PSEUDONYMS.pseudonym("chess", "session\x00s1")
    assert stored.entity.id == ANN
    assert stored.context.ip == "198.51.100.0"
    # `player` is the person, `email` is marked x-pii.
    assert properties_of(stored) == {"moves": 3, "elo": 1500}
    assert b"ann" not in stored.SerializeToString().replace(ANN.encode(), b"")


async def test_a_refusal_reaches_the_group_and_what_surrounds_the_event() -> None:
    ingest = Ingest({"77": NO_TELEMETRY})
    event = event_of(subject_id="77", group_id="77")
    event.context.extra.update({"player": "x", "who": "77", "number": 77, "level": 78})
    await ingest.take(event)
    [stored] = ingest.stored()
    assert stored.group_id == PSEUDONYMS.pseudonym("chess", "77")
    assert dict(stored.context.extra.items()) == {"level": 78}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (message, field.name)
        for message in (event_pb2.Context, event_pb2.Attribution)
        for field in message.DESCRIPTOR.fields
        if field.type == field.TYPE_STRING
    ],
)
async def test_a_refusal_reaches_every_text_around_the_event(
    message: type[Message], field: str
) -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    part = message.DESCRIPTOR.name.lower()
    event = event_of("a", subject_id="ann", request_id="r-1", **{part: {field: "ann"}})
    other = "192.0.2.0" if field == "ip" else "bob"
    kept = event_of("b", subject_id="ann", request_id="ann", **{part: {field: other}})
    await ingest.take(event, kept)
    stored = ingest.stored()
    assert [getattr(getattr(event, part), field) for event in stored] == ["", other]
    assert [event.request_id for event in stored] == ["r-1", ""]


async def test_a_refusal_reaches_every_depth_of_what_surrounds_the_event() -> None:
    ingest = Ingest({"77": NO_TELEMETRY})
    event = event_of(subject_id="77")
    event.context.extra.update(
        {
            "deep": {"who": "77", "deeper": [{"player": {"mail": "x"}, "level": 78}, "77", 77]},
            "friends": ["78", 77, ["77", "79"], 77, True, None],
            "scores": {"77": 5, "78": 6},
            "level": 177,
        }
    )
    await ingest.take(event)
    assert json_format.MessageToDict(ingest.stored()[0].context.extra) == {
        "deep": {"deeper": [{"level": 78}]},
        "friends": ["78", ["79"], True, None],
        "scores": {"78": 6},
        "level": 177,
    }


async def test_a_long_number_is_the_person_although_a_struct_rounds_it() -> None:
    subject_id = "123456789012345678"
    ingest = Ingest({subject_id: NO_TELEMETRY})
    event = event_of(subject_id=subject_id)
    event.context.extra.update({"number": int(subject_id), "level": 7})
    await ingest.take(event)
    assert dict(ingest.stored()[0].context.extra.items()) == {"level": 7}


async def test_a_club_and_what_surrounds_the_event_are_kept_where_they_are_not_the_person() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    refused = event_of("a", subject_id="ann", group_id="club-1")
    silent = event_of("b", subject_id="bob", group_id="bob")
    for event in (refused, silent):
        event.context.extra.update({"who": "bob", "number": 77})
    await ingest.take(refused, silent)
    stored = ingest.stored()
    assert [event.group_id for event in stored] == ["club-1", "bob"]
    assert [event.context.extra["who"] for event in stored] == ["bob", "bob"]


@pytest.mark.parametrize("fields", [{}, {"name": "?"}])
async def test_fields_that_we_do_not_know_do_not_outlive_a_refusal(fields: dict[str, str]) -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    # Field 1000, a text: tag (1000 << 3 | 2) as a varint, length, content.
    unknown = b"\xc2\x3e" + bytes([6]) + b"canary"
    known = event_of(subject_id="ann", **fields)
    known.context.extra.update({"mail": "canary@example.org"} if fields else {})
    await ingest.take(event_pb2.Event.FromString(known.SerializeToString() + unknown))
    kept = [*ingest.stored(), *(letter.event for letter in ingest.letters())]
    assert len(kept) == 1
    assert b"canary" not in kept[0].SerializeToString()


async def test_pii_is_anonymized_whatever_consent_says() -> None:
    granted = consent_text(1, telemetry=True)
    ingest = Ingest({"ann": granted})
    pii = event_pb2.PRIVACY_LEVEL_PII
    audit = event_of("b", name="login.failed", subject_id="ann", privacy_level=pii)
    outcome = await ingest.take(event_of("a", subject_id="ann", privacy_level=pii), audit)
    assert outcome.verdicts == [Verdict.ANONYMIZED, Verdict.ANONYMIZED]
    assert [event.anonymous_id for event in ingest.stored()] == [ANN, ANN]


async def test_a_dropped_event_is_stored_nowhere() -> None:
    ingest = Ingest()
    lesson = event_of(name="lesson.given", properties_json=b'{"player":"ann","minutes":30}')
    outcome = await ingest.take(lesson)
    assert outcome.verdicts == [Verdict.DROPPED]
    assert ingest.stream.appends == []
    assert ingest.answers.asked == [["ann"]]


async def test_a_grant_lets_the_event_pass() -> None:
    ingest = Ingest({"ann": COACHING})
    lesson = event_of(name="lesson.given", subject_id="ann", properties_json=b'{"minutes":30}')
    assert (await ingest.take(lesson)).verdicts == [Verdict.ACCEPTED]


async def test_an_event_without_a_purpose_asks_for_nothing() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    outcome = await ingest.take(
        event_of(name="login.failed", subject_id="ann", properties_json=b"{}")
    )
    assert outcome.verdicts == [Verdict.ACCEPTED]
    assert ingest.stored()[0].subject_id == "ann"


async def test_a_damaged_consent_holds_up_only_events_that_ask_for_it() -> None:
    ingest = Ingest({"ann": b"?"})
    login = event_of(name="login.failed", subject_id="ann", properties_json=b"{}")
    assert (await ingest.take(login)).verdicts == [Verdict.ACCEPTED]
    with pytest.raises(ConsentUnavailable):
        await ingest.take(event_of(subject_id="ann"))


async def test_a_producers_own_stand_in_is_keyed_again() -> None:
    ingest = Ingest()
    await ingest.take(event_of(anonymous_id="5e884898da280471"))
    [stored] = ingest.stored()
    assert stored.anonymous_id == PSEUDONYMS.pseudonym("chess", "anonymous\x005e884898da280471")


async def test_addresses_are_truncated_in_dead_letters_too() -> None:
    ingest = Ingest()
    context = {"ip": "198.51.100.23"}
    bad = event_of("b", properties_json=b"{}", context=context)
    await ingest.take(event_of("a", context=context), bad)
    assert ingest.stored()[0].context.ip == "198.51.100.0"
    assert ingest.letters()[0].event.context.ip == "198.51.100.0"


async def test_a_dead_letter_of_a_person_who_refused_has_no_name() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    outcome = await ingest.take(
        event_of(subject_id="ann", properties_json=b'{"moves":-1,"player":"ann","mail":"ann@x"}')
    )
    assert outcome.verdicts == [Verdict.REJECTED]
    [letter] = ingest.letters()
    assert (letter.event.subject_id, letter.event.anonymous_id) == ("", ANN)
    assert letter.event.properties_json == b"{}"


async def test_a_dead_letter_finds_its_person_among_the_properties() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    malformed = event_of("a", properties_json=b'{"moves":-1,"player":"ann"}')
    lesson = event_of("b", name="lesson.given", properties_json=b'{"player":"ann","minutes":"x"}')
    outcome = await ingest.take(malformed, lesson)
    assert outcome.verdicts == [Verdict.REJECTED, Verdict.DROPPED]
    [letter] = ingest.letters()
    assert letter.event.anonymous_id == ANN
    assert b"ann" not in letter.event.SerializeToString().replace(ANN.encode(), b"")


async def test_a_refused_pii_event_is_kept_under_a_pseudonym() -> None:
    ingest = Ingest()
    pii = event_pb2.PRIVACY_LEVEL_PII
    await ingest.take(event_of(subject_id="ann", properties_json=b"{}", privacy_level=pii))
    [letter] = ingest.letters()
    assert (letter.event.subject_id, letter.event.anonymous_id) == ("", ANN)


async def test_a_malformed_event_of_a_purpose_that_drops_leaves_nothing() -> None:
    ingest = Ingest()
    lesson = event_of(name="lesson.given", subject_id="ann", properties_json=b'{"minutes":"x"}')
    assert (await ingest.take(lesson)).verdicts == [Verdict.DROPPED]
    assert ingest.stream.appends == []


async def test_a_grant_that_has_ended_counts_as_denied() -> None:
    """Ingest's clock stands at NOW_US."""
    for end_us, verdict in ((NOW_US + 1, Verdict.ACCEPTED), (NOW_US, Verdict.DROPPED)):
        ingest = Ingest({"ann": b"1;:5:%d t+coaching" % end_us})
        lesson = event_of(name="lesson.given", subject_id="ann", properties_json=b'{"minutes":30}')
        assert (await ingest.take(lesson)).verdicts == [verdict]
