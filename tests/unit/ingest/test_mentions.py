"""A person who refused is mentioned nowhere in the properties, and no other data are lost."""

import base64
import hashlib
import hmac
import uuid
from typing import Any

import orjson
import pytest
from google.protobuf.json_format import MessageToDict

from services.ingest.intake.model import Verdict
from tests.support.chess_catalog import CHESS, chess
from tests.support.consents import consent_text
from tests.support.events import event_of, properties_of
from tests.support.ingest_pipeline import ANN, NO_TELEMETRY, PSEUDONYMS, Ingest, serialized

SUMMED = """\
rollups:
  moves:
    events: [game.ended]
    period: day
    metrics: {total: {sum: properties.moves}}
"""


async def _stored_properties(
    subject_id: str, properties: dict[str, Any], catalog: str = CHESS
) -> Any:
    ingest = Ingest({subject_id: NO_TELEMETRY}, catalog=chess(catalog))
    event = event_of(
        subject_id=subject_id, properties_json=orjson.dumps({"moves": 3, **properties})
    )
    assert (await ingest.take(event)).verdicts == [Verdict.ANONYMIZED]
    [stored] = ingest.stored()
    assert stored.subject_id == ""
    return properties_of(stored)


@pytest.mark.parametrize(
    ("properties", "kept"),
    [
        pytest.param({"opponent": "77"}, {}, id="under another name"),
        pytest.param({"opponent": 77}, {}, id="as a number"),
        pytest.param({"opponent": 77.0}, {}, id="as a float"),
        pytest.param({"77": 5, "78": 6}, {"78": 6}, id="as a name"),
        pytest.param({"player": "x"}, {}, id="under the app's word for a person"),
        pytest.param(
            {"a": {"b": {"who": "77", "77": 1, "player": "x", "level": 8}}},
            {"a": {"b": {"level": 8}}},
            id="nested",
        ),
        pytest.param(
            {"friends": ["78", 77, ["77", {"id": 77, "n": 1}], True, None]},
            {"friends": ["78", [{"n": 1}], True, None]},
            id="in lists",
        ),
        # What is no mention stays as it is.
        pytest.param({"url": "/u/77", "n": 177}, {"url": "/u/77", "n": 177}, id="only contained"),
    ],
)
async def test_properties_lose_the_person(properties: dict[str, Any], kept: dict[str, Any]) -> None:
    assert await _stored_properties("77", properties) == {"moves": 3, **kept}


async def test_a_long_id_is_removed_inside_texts() -> None:
    # One of 12 characters, and one of 11, which might be there by chance.
    texts = {"url": "/u/{}/posts?by={}", "list": ["x-{}", {"{}!": "a{}"}], "own": "{}"}

    def with_id(person: str) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(orjson.dumps(texts).replace(b"{}", person.encode()))
        return found

    redacted = with_id("[person]")
    del redacted["own"]
    assert await _stored_properties("abcdef-12345", with_id("abcdef-12345")) == {
        **redacted,
        "moves": 3,
    }
    short = with_id("abcde-12345")
    del short["own"]
    assert await _stored_properties("abcde-12345", with_id("abcde-12345")) == {**short, "moves": 3}


async def test_a_long_id_is_removed_inside_the_context() -> None:
    person = str(uuid.uuid4())
    ingest = Ingest({person: NO_TELEMETRY})
    event = event_of(
        subject_id=person,
        context={
            "page_url": f"/u/{person}",
            "user_agent": f"Agent/{person} (x)",
            "platform": person,
        },
    )
    event.context.extra.update({f"of {person}": [f"a {person}"], "deep": {"x": f"{person}/"}})
    event.attribution.campaign = f"from-{person}"
    await ingest.take(event)
    [stored] = ingest.stored()
    assert person.encode() not in stored.SerializeToString()
    assert stored.context.page_url == "/u/[person]"
    extra = MessageToDict(stored.context.extra)
    assert extra == {"of [person]": ["a [person]"], "deep": {"x": "[person]/"}}
    assert stored.attribution.campaign == "from-[person]"


async def test_a_long_id_that_is_encoded_is_removed_everywhere() -> None:
    person = str(uuid.uuid4())
    token = base64.urlsafe_b64encode(b'{"sub":"%s"}' % person.encode()).decode()
    ingest = Ingest({person: NO_TELEMETRY})
    event = event_of(
        f"login/{token}",
        subject_id=person,
        request_id=token,
        context={"page_url": f"/u?t={token}&n=1", "user_agent": f"Agent/{person.encode().hex()}"},
        properties_json=orjson.dumps({"moves": 3, token: 1, "list": [{"in": f"a {token}"}]}),
    )
    event.context.extra.update({f"of {token}": [token]})
    await ingest.take(event)
    [stored] = ingest.stored()
    texts = stored.SerializeToString()
    # What the token begins with, and what stands for the id in the middle of it.
    assert token[14:-6].encode() not in texts
    assert person.encode().hex().encode() not in texts
    assert stored.context.page_url.startswith("/u?t=eyJzdWIiO")
    assert stored.context.page_url.endswith("&n=1")
    assert stored.context.user_agent == "Agent/[person]"
    assert stored.request_id == ""
    assert stored.event_id == _keyed_uuid(f"event\x00login/{token}")


async def test_true_is_not_the_person_1() -> None:
    assert await _stored_properties("1", {"won": True, "n": 1}) == {"moves": 3, "won": True}


async def test_long_ids_are_compared_exactly() -> None:
    """The two numbers are the same double, and different people."""
    subject_id = "123456789012345678"
    properties = {"a": 123456789012345678, "b": 123456789012345679}
    assert await _stored_properties(subject_id, properties) == {
        "moves": 3,
        "b": 123456789012345679,
    }


async def test_a_number_that_a_rollup_sums_is_a_measure() -> None:
    """Elsewhere the same number is taken for the person."""
    properties = {"other": 3, "list": [{"moves": 3}]}
    catalog = CHESS.replace("moves: {type: integer, minimum: 0}", "moves: {}")
    kept = await _stored_properties("3", properties, catalog + SUMMED)
    assert kept == {"moves": 3, "list": [{}]}
    assert await _stored_properties("3", properties, catalog) == {"list": [{}]}


NUMBERS = """\
  board.left:
    category: play
    properties:
      rating: {type: [number, "null"]}
      place: {type: object, properties: {row: {type: integer}, "on": {}}}
      either: {type: [integer, string]}
      rival: {type: integer, x-subject: true}
      player: {type: integer}
      note: {type: string}
    required: [rating, place]
privacy_levels"""
ALL_SEVEN = (
    b'{"rating":7,"place":{"row":7.0,"on":7},"either":7,"rival":7,"player":7,"note":"7","n":7}'
)


@pytest.mark.parametrize("subject_id", ["7", "ann"])
async def test_a_number_that_the_schema_declares_as_one_stays(subject_id: str) -> None:
    """The stored event still has what its schema requires; where people stand, nothing stays."""
    catalog = chess(CHESS.replace("privacy_levels", NUMBERS))
    ingest = Ingest({"7": NO_TELEMETRY}, catalog=catalog)
    event = event_of(name="board.left", subject_id=subject_id, properties_json=ALL_SEVEN)
    await ingest.take(event)
    assert properties_of(ingest.stored()[0]) == {"rating": 7, "place": {"row": 7.0}}


async def test_only_what_is_written_in_digits_is_a_number() -> None:
    assert await _stored_properties("1_0", {"n": 10}) == {"moves": 3, "n": 10}
    assert await _stored_properties("1e1", {"n": 10.0}) == {"moves": 3, "n": 10.0}
    assert await _stored_properties("-10", {"n": -10, "m": 10}) == {"moves": 3, "m": 10}


@pytest.mark.parametrize(
    ("request_id", "kept"),
    [
        ("ann", ""),
        ("req-ann-17", ""),
        ("req-17", "req-17"),
        ("0f8fad5b-d9cb-469f-a165-70867728950e", "0f8fad5b-d9cb-469f-a165-70867728950e"),
    ],
)
async def test_a_request_id_that_names_the_person_is_removed(request_id: str, kept: str) -> None:
    ingest = Ingest({"ann": NO_TELEMETRY, "469": NO_TELEMETRY})
    events = [
        event_of("a", subject_id="ann", request_id=request_id),
        event_of("b", subject_id="469", request_id=request_id),
    ]
    await ingest.take(*events)
    assert [stored.request_id for stored in ingest.stored()] == [
        kept,
        request_id,
    ]


async def test_a_session_and_a_request_that_name_another_person_are_removed() -> None:
    ingest = Ingest({"bob": NO_TELEMETRY})
    named = {"name": "game.shared", "properties_json": b'{"with":"bob"}', "subject_id": "ann"}
    await ingest.take(
        event_of("a", **named, session_id="bob", request_id="to-bob"),
        event_of("b", **named, session_id="s-1", request_id="r-1"),
    )
    assert [(stored.session_id, stored.request_id) for stored in ingest.stored()] == [
        ("", ""),
        ("s-1", "r-1"),
    ]


async def test_an_event_without_mentions_keeps_its_properties_byte_for_byte() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    raw = b'{ "moves" : 3, "mode":"\\u0062litz" }'
    await ingest.take(event_of(subject_id="ann", properties_json=raw))
    assert ingest.stored()[0].properties_json == raw


async def test_an_event_id_that_names_the_person_is_replaced_and_counts_once() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    named = event_of("login-ann-7", subject_id="ann", idempotency_key="ann/7")
    outcome = await ingest.take(named, event_of("login-bob-7", subject_id="ann"))
    first, second = ingest.stored()
    assert first.event_id == _keyed_uuid("event\x00login-ann-7")
    assert second.event_id == "login-bob-7"
    assert outcome.sent_ids == {0: "login-ann-7"}
    [(_, append)] = ingest.stream.appends
    assert append.event_uuids[:16].hex() == first.event_id.replace("-", "")
    assert b"ann" not in serialized(append).replace(ANN.encode(), b"")


def _keyed_uuid(text: str) -> str:
    """HMAC-SHA-256 under the app's key, the first 128 bits as UUIDv8 (RFC 9562, section 5.8)."""
    key = hmac.new(b"0123456789abcdef", b"weir/chess/1", hashlib.sha256).digest()
    number = int.from_bytes(hmac.new(key, text.encode(), hashlib.sha256).digest()[:16], "big")
    number = number & ~(0xF << 76) & ~(0x3 << 62) | 8 << 76 | 2 << 62
    return str(uuid.UUID(int=number))


@pytest.mark.parametrize("event_id", ["ann", "ann-7", "0f8fad5b-d9cb-469f-a165-70867728950e"])
async def test_no_hash_that_can_be_undone_is_kept_of_an_event_id_that_names_a_person(
    event_id: str,
) -> None:
    person = "ann" if "ann" in event_id else event_id
    ingest = Ingest({person: NO_TELEMETRY})
    outcome = await ingest.take(
        event_of(event_id, subject_id=person), event_of(event_id, subject_id=person)
    )
    # The same id in the same batch is still the same event.
    assert outcome.verdicts == [Verdict.ANONYMIZED, Verdict.DUPLICATE]
    # In another batch too.
    again = await ingest.take(event_of(event_id, subject_id=person))
    assert again.verdicts == [Verdict.DUPLICATE]
    [(_, append)] = ingest.stream.appends
    keyed = _keyed_uuid(f"event\x00{event_id}")
    assert append.event_uuids == uuid.UUID(keyed).bytes
    assert [stored.event_id for stored in ingest.stored()] == [keyed]


async def test_an_event_id_that_names_another_person_is_keyed_as_well() -> None:
    ingest = Ingest({"bob": NO_TELEMETRY})
    event = event_of("to-bob", name="game.shared", subject_id="ann")
    event.properties_json = b'{"with":"bob"}'
    await ingest.take(event)
    assert ingest.stored()[0].event_id == _keyed_uuid("event\x00to-bob")
    [(_, append)] = ingest.stream.appends
    assert append.event_uuids == uuid.UUID(ingest.stored()[0].event_id).bytes


async def test_a_person_whose_id_is_the_events_id_is_not_in_the_store() -> None:
    person = "0f8fad5b-d9cb-469f-a165-70867728950e"
    ingest = Ingest({person: NO_TELEMETRY})
    await ingest.take(event_of(person, subject_id=person))
    assert person not in str(ingest.stored())


async def test_an_id_of_a_person_that_a_uuid_contains_by_chance_is_no_name() -> None:
    ingest = Ingest({"7": NO_TELEMETRY})
    event_id = "0f8fad5b-d9cb-469f-a165-70867728950e"
    await ingest.take(event_of(event_id, subject_id="7"))
    assert ingest.stored()[0].event_id == event_id


BOB = PSEUDONYMS.pseudonym("chess", "bob")


@pytest.mark.parametrize("names", ["bob", ["bob"], ["cid", "bob"]])
async def test_another_person_who_withdrew_is_removed_where_the_catalog_marks_people(
    names: Any,
) -> None:
    ingest = Ingest({"bob": NO_TELEMETRY})
    event = event_of(
        "to-bob",
        name="game.shared",
        subject_id="ann",
        group_id="bob",
        properties_json=orjson.dumps({"with": names, "again": {"bob": 1}, "player": "ann"}),
    )
    event.context.extra.update({"to": "bob", "player": "ann"})
    outcome = await ingest.take(event)
    # The event stays its subject's own.
    assert outcome.verdicts == [Verdict.ACCEPTED]
    assert [set(asked) for asked in ingest.answers.asked] == [
        {"ann", *names} if isinstance(names, list) else {"ann", names}
    ]
    [stored] = ingest.stored()
    assert (stored.subject_id, stored.group_id) == ("ann", BOB)
    expected = {"again": {}, "player": "ann"}
    if isinstance(names, list):
        expected["with"] = [name for name in names if name != "bob"]
    assert properties_of(stored) == expected
    assert dict(stored.context.extra.items()) == {"player": "ann"}
    assert b"bob" not in stored.SerializeToString().replace(BOB.encode(), b"")


async def test_another_person_under_the_apps_word_for_a_person_is_asked_about() -> None:
    ingest = Ingest({"bob": NO_TELEMETRY})
    properties = b'{"moves":3,"player":"bob","again":"bob"}'
    await ingest.take(event_of(subject_id="ann", properties_json=properties))
    [stored] = ingest.stored()
    assert (stored.subject_id, properties_of(stored)) == ("ann", {"moves": 3})


async def test_an_entity_that_is_a_person_is_asked_about() -> None:
    ingest = Ingest({"bob": NO_TELEMETRY})
    follow = event_of("a", subject_id="ann", entity={"type": "player", "id": "bob"})
    other = event_of("b", subject_id="ann", entity={"type": "board", "id": "bob"})
    await ingest.take(follow, other)
    assert [event.entity.id for event in ingest.stored()] == [BOB, "bob"]
    assert len(ingest.answers.asked) == 1


async def test_another_person_who_agreed_stays() -> None:
    ingest = Ingest({"bob": consent_text(1, telemetry=True)})
    event = event_of(name="game.shared", subject_id="ann", properties_json=b'{"with":"bob"}')
    await ingest.take(event)
    assert properties_of(ingest.stored()[0]) == {"with": "bob"}


async def test_a_dead_letter_loses_other_people_who_withdrew() -> None:
    ingest = Ingest({"bob": NO_TELEMETRY})
    event = event_of(
        name="game.shared",
        subject_id="ann",
        producer=5,
        properties_json=b'{"with":"bob"}',
    )
    assert (await ingest.take(event)).verdicts == [Verdict.REJECTED]
    [letter] = ingest.letters()
    assert letter.event.subject_id == "ann"
    assert b"bob" not in letter.event.SerializeToString()
