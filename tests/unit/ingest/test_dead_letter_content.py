"""What a dead letter may hold: nothing that consent or the catalog forbids to keep."""

from typing import Any

import orjson
import pytest
from google.protobuf.struct_pb2 import Struct
from weir.common.v1 import event_pb2

from services.ingest.intake.convert import results
from services.ingest.intake.model import Verdict
from tests.support.chess_catalog import CHESS, chess
from tests.support.consents import consent_text
from tests.support.events import event_of
from tests.support.ingest_pipeline import ANN, NO_TELEMETRY, PSEUDONYMS, Ingest, serialized
from tests.support.pseudonyms import keyed_event_id

ALL = consent_text(1, telemetry=True, coaching=True)
# An app without counts-only events, of which dead letters of unknown events may hold something.
OPEN = CHESS.replace("    counts_only: true\n", "")
AROUND: dict[str, Any] = {
    "session_id": "s1",
    "group_id": "club-1",
    "entity": {"type": "board", "id": "b-1"},
    "context": {"page_url": "/games", "ip": "198.51.100.23"},
    "attribution": {"source": "mail"},
    "request_id": "r-1",
    "idempotency_key": "k-1",
}


async def _letter(
    ingest: Ingest, event: event_pb2.Event, reason: str = "PROPERTIES_INVALID"
) -> event_pb2.Event:
    outcome = await ingest.take(event)
    assert outcome.verdicts == [Verdict.REJECTED]
    [letter] = ingest.letters()
    assert letter.reason == reason
    return letter.event


def _bare(event_id: str = "e1", name: str = "game.ended") -> event_pb2.Event:
    event = event_of(event_id, name=name)
    event.ClearField("properties_json")
    return event


def _of_day(event_id: str = "e1", name: str = "chat.sent") -> event_pb2.Event:
    """Of an event that is counts-only, or may be."""
    event = _bare(keyed_event_id(PSEUDONYMS, "chess", event_id), name)
    event.occurred_at.FromJsonString("2026-09-10T00:00:00Z")
    return event


async def test_what_the_person_granted_is_kept_as_it_was_sent() -> None:
    raw = b'{"moves":"many"}'
    event = event_of(subject_id="ann", properties_json=raw, **AROUND)
    kept = await _letter(Ingest({"ann": ALL}), event)
    assert (kept.subject_id, kept.properties_json, kept.context.page_url) == ("ann", raw, "/games")
    assert kept.context.ip == "198.51.100.0"


BROKEN = [
    pytest.param(b'{"player":"ann","mail":"canary"', id="cut off"),
    pytest.param(b'{"player":"ann","mail":"canary","mail":"x"}', id="a name twice"),
    pytest.param(b'{"player" : "\\u0061nn", "mail":"canary" NaN}', id="an escaped id"),
    pytest.param(b'{"who":"canary"', id="no person to be seen"),
    pytest.param(b'{"player":"ann","player":"bob","mail":"canary"', id="two people"),
]


@pytest.mark.parametrize("raw", BROKEN)
@pytest.mark.parametrize("states", [{}, {"ann": ALL}])
async def test_broken_json_that_alone_names_the_person_is_not_kept(
    raw: bytes, states: dict[str, bytes]
) -> None:
    """Not even if the purpose is granted: what it says, and about whom, cannot be known."""
    kept = await _letter(Ingest(states), event_of("ann-1", properties_json=raw, **AROUND))
    # An id that may name the person as well.
    event_id = PSEUDONYMS.pseudonym("chess", "event\x00ann-1")
    assert kept == _bare(event_id)


async def test_broken_json_of_a_known_person_who_agreed_is_not_kept_either() -> None:
    """It may name other people, who cannot be found. What surrounds it is kept."""
    around = {**AROUND, "entity": {"type": "player", "id": "bob"}}
    event = event_of(subject_id="ann", properties_json=b'{"moves":3,"with":"bob"', **around)
    event.context.extra.update({"with": "bob"})
    kept = await _letter(Ingest({"ann": ALL, "bob": NO_TELEMETRY}), event)
    assert (kept.subject_id, kept.properties_json, kept.context.page_url) == (
        "ann",
        b"{}",
        "/games",
    )
    assert b"bob" not in kept.SerializeToString()


MARKED_ONCE = """\
  game.joined:
    category: play
    versions:
      1.0.0: {properties: {host: {x-subject: true}}}
      1.1.0: {properties: {guests: {x-subject: true}}}
privacy_levels"""


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param(
            {"name": "game.joined", "schema_version": "9.bob"},
            "SCHEMA_VERSION_UNKNOWN",
            id="unknown version",
        ),
        pytest.param({"name": "game.with.bob"}, "EVENT_UNKNOWN", id="unknown event"),
        pytest.param({"name": "game.ended", "producer": 1}, "PRODUCER_NOT_ALLOWED", id="known"),
    ],
)
async def test_other_people_who_refused_are_not_kept_of_an_event_that_is_not_declared(
    fields: dict[str, Any], reason: str
) -> None:
    catalog = chess(OPEN.replace("privacy_levels", MARKED_ONCE))
    event = event_of(
        "to-bob",
        subject_id="ann",
        entity={"type": "player", "id": "bob"},
        idempotency_key="bob/7",
        request_id="r-bob",
        properties_json=b'{"player":"bob","moves":3,"again":["bob",{"bob":"x"}]}',
        **fields,
    )
    ingest = Ingest({"ann": ALL, "bob": NO_TELEMETRY}, catalog=catalog)
    kept = await _letter(ingest, event, reason)
    assert kept.subject_id == "ann"
    assert orjson.loads(kept.properties_json) == {"moves": 3, "again": [{}]}
    assert b"bob" not in kept.SerializeToString()


async def test_an_entity_with_an_id_of_any_length_is_removed() -> None:
    event = event_of(subject_id="ann", entity={"type": "player", "id": "7" * 5_000})
    ingest = Ingest({"ann": ALL, "7" * 5_000: NO_TELEMETRY})
    kept = await _letter(ingest, event, "FIELD_INVALID")
    assert (kept.subject_id, kept.properties_json) == ("ann", b'{"moves":3}')
    assert "7" * 129 not in str(kept)


async def test_an_unknown_version_has_the_marks_of_all_versions() -> None:
    catalog = chess(CHESS.replace("privacy_levels", MARKED_ONCE))
    event = event_of(
        name="game.joined",
        schema_version="2.0.0",
        subject_id="ann",
        properties_json=b'{"host":"bob","guests":["cid","dan"],"note":"cid"}',
    )
    states = {"ann": ALL, "dan": ALL, "bob": NO_TELEMETRY, "cid": NO_TELEMETRY}
    kept = await _letter(Ingest(states, catalog=catalog), event, "SCHEMA_VERSION_UNKNOWN")
    assert orjson.loads(kept.properties_json) == {"guests": ["dan"]}


async def test_another_person_must_have_granted_every_purpose_that_an_unknown_event_may_have() -> (
    None
):
    states = {"ann": ALL, "bob": consent_text(1, telemetry=True), "cid": ALL}
    events = [
        event_of(f"e-{name}", name="game.ende", subject_id="ann", properties_json=properties)
        for name, properties in (("b", b'{"player":"bob"}'), ("c", b'{"player":"cid"}'))
    ]
    ingest = Ingest(states, catalog=chess(OPEN))
    await ingest.take(*events)
    assert [letter.event.properties_json for letter in ingest.letters()] == [
        b"{}",
        b'{"player":"cid"}',
    ]


async def test_a_struct_that_cannot_be_json_is_not_kept_either() -> None:
    properties = Struct()
    properties.update({"player": "ann", "moves": float("nan"), "mail": "canary"})
    event = event_of("d1")
    event.properties.CopyFrom(properties)
    kept = await _letter(Ingest(), event)
    assert kept == _bare(PSEUDONYMS.pseudonym("chess", "event\x00d1"))


async def test_broken_json_of_an_event_that_asks_for_no_consent_is_kept() -> None:
    raw = b'{"player":"ann"'
    kept = await _letter(Ingest(), event_of(name="login.failed", properties_json=raw))
    assert kept.properties_json == raw


@pytest.mark.parametrize("subject_id", ["ann\n", "ann" * 50])
async def test_a_subject_whom_consent_cannot_be_asked_about_is_not_kept(subject_id: str) -> None:
    event = event_of("ann-1", subject_id=subject_id, **AROUND)
    kept = await _letter(Ingest(), event, "FIELD_INVALID")
    assert kept == _bare(PSEUDONYMS.pseudonym("chess", "event\x00ann-1"))


async def test_texts_that_are_put_together_from_the_persons_id_are_cleaned() -> None:
    event = event_of(
        "login-ann-7",
        subject_id="ann",
        schema_version="9.ann",
        idempotency_key="ann/7",
        request_id="for-ann",
    )
    ingest = Ingest({"ann": NO_TELEMETRY})
    kept = await _letter(ingest, event, "SCHEMA_VERSION_UNKNOWN")
    assert kept.event_id == PSEUDONYMS.pseudonym("chess", "event\x00login-ann-7")
    assert (kept.schema_version, kept.idempotency_key, kept.request_id) == ("9.*", "", "")
    [(_, append)] = ingest.stream.appends
    assert b"ann" not in serialized(append).replace(ANN.encode(), b"")


async def test_the_sender_is_answered_with_its_own_event_id() -> None:
    event = event_of("login-ann-7", subject_id="ann", properties_json=b"{}")
    outcome = await Ingest({"ann": NO_TELEMETRY}).take(event)
    [result] = results(outcome, [event])
    assert result.event_id == "login-ann-7"
    assert result.dead_letter_id


async def test_an_unknown_event_with_the_persons_id_in_its_name() -> None:
    """`coaching` drops, and nothing says that the event would not ask for it."""
    event = event_of(name="game.ended.by.ann", subject_id="ann", **AROUND)
    kept = await _letter(Ingest({"ann": NO_TELEMETRY}), event, "EVENT_UNKNOWN")
    assert kept == _of_day(name="game.ended.by.*")


async def test_an_unknown_event_of_a_person_who_granted_everything_is_kept() -> None:
    event = event_of(name="game.ende", subject_id="ann", **AROUND)
    ingest = Ingest({"ann": ALL}, catalog=chess(OPEN))
    kept = await _letter(ingest, event, "EVENT_UNKNOWN")
    assert (kept.subject_id, kept.properties_json) == ("ann", b'{"moves":3}')


@pytest.mark.parametrize("subject_id", ["ann", ""])
async def test_an_unknown_event_that_may_be_counts_only_is_kept_bare(subject_id: str) -> None:
    """Its name is misspelt, and the person granted everything."""
    event = event_of(name="chat.snet", subject_id=subject_id, **AROUND)
    event.properties_json = b'{"text":"canary"}'
    kept = await _letter(Ingest({"ann": ALL}), event, "EVENT_UNKNOWN")
    assert kept == _of_day(name="chat.snet")


COUNTS_ONLY = [
    pytest.param({"properties_json": b'{"board":1,"text":"canary"}'}, id="an undeclared property"),
    pytest.param({"properties_json": b'{"board":"canary"}'}, id="a wrong type"),
    pytest.param({"properties_json": b'{"canary"'}, id="broken json"),
    pytest.param({"producer": 1, "context": {"page_url": "canary"}}, id="context"),
    pytest.param({"producer": 1, "entity": {"id": "canary"}}, id="entity"),
    pytest.param({"event_id": "canary canary"}, id="event id"),
    pytest.param({"schema_version": "canary"}, id="schema version"),
]


@pytest.mark.parametrize("fields", COUNTS_ONLY)
@pytest.mark.parametrize("subject_id", ["ann", ""])
async def test_content_of_a_counts_only_event_is_not_kept(
    fields: dict[str, Any], subject_id: str
) -> None:
    """Not even if the person agreed to the counting."""
    ingest = Ingest({"ann": ALL})
    event = event_of(
        **{
            "name": "chat.sent",
            "subject_id": subject_id,
            "properties_json": b'{"board":1}',
            **fields,
        }
    )
    event.context.extra.update({"text": "canary"})
    assert (await ingest.take(event)).verdicts == [Verdict.REJECTED]
    [(_, append)] = ingest.stream.appends
    assert append.events == []
    assert b"canary" not in serialized(append)


async def test_an_accepted_counts_only_event_brings_nothing_but_what_is_declared() -> None:
    ingest = Ingest({"ann": ALL})
    event = event_of(name="chat.sent", subject_id="ann", properties_json=b'{"board":1}', **AROUND)
    event.context.extra.update({"text": "canary"})
    event.attribution.content = "canary"
    event.request_id = event.idempotency_key = "canary"
    assert (await ingest.take(event)).verdicts == [Verdict.ACCEPTED]
    [stored] = ingest.stored()
    assert not stored.HasField("context")
    assert not stored.HasField("attribution")
    assert not stored.HasField("entity")
    assert (stored.subject_id, stored.group_id, stored.properties_json) == (
        "ann",
        "club-1",
        b'{"board":1}',
    )
    assert b"canary" not in stored.SerializeToString()


async def test_an_entity_that_a_rollup_reads_is_kept_of_a_counts_only_event() -> None:
    dimension = """\
rollups:
  boards: {events: [chat.sent], period: day, dimensions: [entity.id], metrics: {sent: count}}
"""
    ingest = Ingest({"ann": ALL}, catalog=chess(CHESS + dimension))
    await ingest.take(
        event_of(name="chat.sent", subject_id="ann", properties_json=b'{"board":1}', **AROUND)
    )
    [stored] = ingest.stored()
    assert (stored.entity.type, stored.entity.id) == ("board", "b-1")


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("subject_id", {"subject_id": "hello there"}),
        ("session_id", {"session_id": "hello there"}),
        ("group_id", {"group_id": "hello there"}),
        ("entity.type", {"entity": {"type": "hello there", "id": "b-1"}}),
        ("entity.id", {"entity": {"type": "board", "id": "hello there"}}),
    ],
)
async def test_ids_of_a_counts_only_event_have_no_blanks(
    field: str, fields: dict[str, Any]
) -> None:
    """Only of such an event: elsewhere an id may have them."""
    around: dict[str, Any] = {"subject_id": "ann", "properties_json": b'{"board":1}', **fields}
    ingest = Ingest({"ann": ALL})
    outcome = await ingest.take(
        event_of("counted", name="chat.sent", **around),
        event_of("kept", name="piece.touched", **around),
    )
    assert outcome.verdicts[0] is Verdict.REJECTED
    assert outcome.verdicts[1] is not Verdict.REJECTED
    [letter] = ingest.letters()
    assert (letter.reason, letter.field) == ("FIELD_INVALID", field)
    assert letter.message == "of a counts-only event must not contain blanks"
    assert b"hello" not in letter.event.SerializeToString()


async def test_the_same_event_again_is_the_same_dead_letter() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    for _ in range(2):
        event = event_of(subject_id="ann", properties_json=b"{}", **AROUND)
        event.context.extra.update(dict.fromkeys("abcdefgh", 1))
        await ingest.take(event)
    first, second = ingest.letters()
    assert first.dead_letter_id == second.dead_letter_id
    assert first.event == second.event


@pytest.mark.parametrize(
    "fields",
    [
        {"event_id": "e2"},
        {"subject_id": "bob"},
        {"properties_json": b'{"moves":-1}'},
        {"producer": 1},
    ],
)
async def test_another_rejected_event_is_another_dead_letter(fields: dict[str, Any]) -> None:
    ingest = Ingest({"ann": ALL, "bob": ALL})
    same: dict[str, Any] = {"subject_id": "ann", "properties_json": b"{}"}
    await ingest.take(event_of(**same), event_of(**{**same, **fields}))
    first, second = ingest.letters()
    assert first.dead_letter_id != second.dead_letter_id
