"""What must not be kept is nowhere: a search through every byte that the suite leaves on disk.

No consent of these people is recorded, so what contains an id got it from an event: Redis' append-only
file, Postgres' tables and log, the services' logs.
"""

import struct
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from suite.supervisor import Suite
from tests.support.added_catalogs import add_catalogs
from tests.support.packed_files import files_with
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import eventually
from weir_client import build_event

pytestmark = pytest.mark.xdist_group("e2e apps")
APP = "canary"
CATALOG = """\
app_id: canary
title: Canary
subject: {name: player, entity_types: [player]}
group: {name: club}
purposes:
  telemetry: {default: denied, when_denied: anonymize}
  open: {default: granted, when_denied: anonymize}
  coaching: {default: denied, when_denied: drop, subjectless: drop}
location: {purpose: telemetry}
categories:
  play: {purpose: telemetry, producers: [server], retention: {raw: 90d, aggregate: 5y}}
  open: {purpose: open, producers: [server], retention: {raw: 90d, aggregate: 5y}}
  coach: {purpose: coaching, producers: [server], retention: {raw: 90d, aggregate: 5y}}
  health: {pii: none, producers: [server], retention: {raw: 30d, aggregate: 30d}}
  chat:
    purpose: open
    counts_only: true
    producers: [server]
    retention: {raw: 90d, aggregate: 5y}
events:
  game.ended:
    category: play
    properties: {moves: {type: integer}, opponent: {}}
  game.opened:
    category: open
    properties: {moves: {type: integer}, opponent: {}}
  game.shared: {category: play, properties: {with: {x-subject: true}}}
  lesson.given: {category: coach, properties: {minutes: {type: integer}}}
  chat.sent: {category: chat, properties: {room: {type: integer}}}
  service.started: {category: health, properties: {by: {type: string, x-pii: true}}}
rollups:
  opponents:
    events: [game.ended, game.opened]
    period: day
    dimensions: [properties.opponent]
    metrics: {games: count}
"""
Fields = dict[str, Any]
Case = Callable[[str], Fields]


@pytest.fixture(scope="module")
def calls(growing_suite: Suite) -> Iterator[SuiteCalls]:
    add_catalogs(growing_suite, {APP: CATALOG})
    with suite_calls(growing_suite) as opened:
        yield opened


def _canary(*, numeric: bool = False) -> str:
    random = uuid.uuid4()
    return str(10**14 + random.int % 10**14) if numeric else f"canary{random.hex}"


def _event(event_id: str = "", **fields: Any) -> event_pb2.Event:
    extra = fields.pop("extra", None)
    raw = fields.pop("raw", None)
    event = build_event(
        event_id=event_id, **{"name": "game.ended", "properties": {"moves": 3}, **fields}
    )
    if extra is not None:
        event.context.extra.update(extra)
    if raw is not None:
        event.properties_json = raw
    return event


def _where(calls: SuiteCalls, *needles: bytes) -> list[str]:
    """The files of the suite's home that contain one of the texts."""
    home = calls.suite.home.path
    return [str(path.relative_to(home)) for path in files_with(home, *needles)]


def _take(calls: SuiteCalls, event: event_pb2.Event, expected: int) -> None:
    """Sends an event; returns when what became of it is in Postgres."""
    event.group_id = group = uuid.uuid4().hex
    response = calls.track(APP, event)
    [result] = response.results or [pb.EventResult(verdict=pb.VERDICT_ACCEPTED)]
    assert result.verdict == expected, result
    if expected == pb.VERDICT_REJECTED:
        statement = "SELECT 1 FROM ingest.dead_letters WHERE dead_letter_id = %s"
        eventually(lambda: calls.query(statement, result.dead_letter_id))
    elif expected != pb.VERDICT_DROPPED:
        eventually(lambda: calls.query("SELECT 1 FROM enrich.events WHERE group_id = %s", group))


def _needles(canary: str) -> list[bytes]:
    """The id as text, and as a protobuf double where it can be a number."""
    doubles = [struct.pack("<d", float(canary))] if canary.isdigit() else []
    return [canary.encode(), *doubles]


def test_the_search_finds_what_is_kept(calls: SuiteCalls) -> None:
    canary = _canary(numeric=True)
    kept = _event(name="game.opened", subject_id=canary, extra={"n": int(canary)})
    _take(calls, kept, pb.VERDICT_ACCEPTED)
    files = _where(calls, canary.encode())
    assert any(file.startswith("redis/") for file in files), files
    assert any(file.startswith("postgres/") for file in files), files
    assert _where(calls, struct.pack("<d", float(canary)))


ANONYMIZED: dict[str, tuple[bool, Case]] = {
    "property under another name": (False, lambda c: {"properties": {"opponent": c}}),
    "property as a number": (True, lambda c: {"properties": {"opponent": int(c)}}),
    "property nested": (False, lambda c: {"properties": {"a": {"b": [{"c": c}], "d": 1}}}),
    "property as a name": (False, lambda c: {"properties": {"scores": {c: 1, "x": 2}}}),
    "property in a list": (True, lambda c: {"properties": {"friends": [1, c, [int(c)]]}}),
    "context extra": (True, lambda c: {"extra": {"a": [int(c), {"b": c, c: 1}]}}),
    "context": (False, lambda c: {"context": {"teacher_id": c}}),
    "entity": (False, lambda c: {"entity": {"type": "player", "id": c}}),
    "session": (False, lambda c: {"session_id": f"s-{c}"}),
    "request": (False, lambda c: {"request_id": c}),
    "request that contains it": (False, lambda c: {"request_id": f"r-{c}-1"}),
    "event id": (False, lambda c: {"event_id": f"login-{c}-7"}),
    "idempotency key": (False, lambda c: {"idempotency_key": f"{c}/7"}),
}


@pytest.mark.parametrize("case", ANONYMIZED)
def test_an_anonymized_person_is_nowhere(calls: SuiteCalls, case: str) -> None:
    numeric, fields = ANONYMIZED[case]
    canary = _canary(numeric=numeric)
    event = _event(**{"subject_id": canary, **fields(canary)})
    _take(calls, event, pb.VERDICT_ANONYMIZED)
    assert _where(calls, *_needles(canary)) == []


def test_no_bare_hash_of_an_event_id_is_kept_and_a_resend_is_a_duplicate(calls: SuiteCalls) -> None:
    canary = _canary()
    event = _event(canary, subject_id=canary)
    again = event_pb2.Event.FromString(event.SerializeToString())
    _take(calls, event, pb.VERDICT_ANONYMIZED)
    [result] = calls.track(APP, again).results
    assert (result.verdict, result.event_id) == (pb.VERDICT_DUPLICATE, canary)
    namespace = uuid.uuid5(uuid.NAMESPACE_DNS, "event.weir")
    bare = uuid.uuid5(namespace, canary)
    assert _where(calls, canary.encode(), bare.bytes, str(bare).encode()) == []


def test_no_rollup_dimension_holds_the_id(calls: SuiteCalls) -> None:
    canary, marker = _canary(), uuid.uuid4().hex
    _take(calls, _event(subject_id=canary, properties={"opponent": canary}), pb.VERDICT_ANONYMIZED)
    # Counted after it, so that it is counted as well.
    last = _event(subject_id=_canary(), properties={"opponent": marker})
    _take(calls, last, pb.VERDICT_ANONYMIZED)
    dimensions = "SELECT dimensions ->> 'opponent' FROM aggregate.cells WHERE rollup = 'opponents'"
    eventually(lambda: (marker,) in calls.query(dimensions))
    assert (None,) in calls.query(dimensions)
    assert _where(calls, canary.encode()) == []


@pytest.mark.parametrize("field", ["with", "entity"])
def test_another_person_who_does_not_agree_is_nowhere(calls: SuiteCalls, field: str) -> None:
    canary = _canary()
    place: Fields = (
        {"properties": {"with": [canary], "again": canary}}
        if field == "with"
        else {"entity": {"type": "player", "id": canary}, "properties": {"again": canary}}
    )
    event = _event(name="game.shared", subject_id=_canary(), **place)
    _take(calls, event, pb.VERDICT_ANONYMIZED)
    assert _where(calls, canary.encode()) == []


def test_an_event_that_lists_thousands_of_people_is_refused_and_leaves_none_of_them(
    calls: SuiteCalls,
) -> None:
    canary = _canary()
    names = [canary, *(f"{number}" for number in range(9_000))]
    event = _event(name="game.shared", subject_id=_canary(), properties={"with": names})
    _take(calls, event, pb.VERDICT_REJECTED)
    [refused] = calls.query(
        "SELECT field, message FROM ingest.dead_letters WHERE event_id = %s", event.event_id
    )
    assert refused == ("properties.with", "an event names at most 100 people")
    assert _where(calls, canary.encode()) == []


REJECTED: dict[str, Case] = {
    "wrong type": lambda c: {"subject_id": c, "properties": {"moves": c, "opponent": c}},
    "person among the properties only": lambda c: {"properties": {"player": c, "moves": "x"}},
    "broken json": lambda c: {"raw": b'{"player":"%b","who":"%b' % (c.encode(), c.encode())},
    "broken json where the purpose is granted": lambda c: {
        "name": "game.opened",
        "raw": b'{"who":"%b"' % c.encode(),
    },
    "event id, with broken json": lambda c: {"event_id": f"login-{c}", "raw": b'{"player":'},
    "event id": lambda c: {"event_id": f"login-{c}", "subject_id": c, "producer": 1},
    "malformed event id": lambda c: {"event_id": f"{c} {c}", "subject_id": c},
    "idempotency key": lambda c: {"idempotency_key": f"{c}/7", "subject_id": c, "producer": 1},
    "schema version": lambda c: {"schema_version": f"1.{c}", "subject_id": c},
    "unknown event": lambda c: {"name": f"game.ended.by.{c}", "subject_id": c},
    "subject that is no id": lambda c: {"subject_id": f"{c}\n"},
    "context": lambda c: {"subject_id": c, "producer": 1, "extra": {"a": {c: c}}},
    "session": lambda c: {"subject_id": c, "producer": 1, "session_id": c},
}


@pytest.mark.parametrize("case", REJECTED)
def test_a_dead_letter_does_not_hold_the_person(calls: SuiteCalls, case: str) -> None:
    canary = _canary()
    _take(calls, _event(**REJECTED[case](canary)), pb.VERDICT_REJECTED)
    assert _where(calls, canary.encode()) == []


OTHERS_REJECTED: dict[str, Case] = {
    "broken json": lambda c: {"raw": b'{"with":"%b"' % c.encode()},
    "unknown version": lambda c: {"schema_version": "9.0", "properties": {"with": c, "again": c}},
    "unknown event": lambda c: {"name": f"with.{c}", "properties": {"player": c, "again": c}},
    "unknown event with an entity": lambda c: {
        "name": "unknown",
        "entity": {"type": "player", "id": c},
        "request_id": f"r-{c}",
    },
}


@pytest.mark.parametrize("case", OTHERS_REJECTED)
def test_a_dead_letter_does_not_hold_another_person(calls: SuiteCalls, case: str) -> None:
    subject_id, canary = _canary(), _canary()
    calls.record_consent(APP, subject_id, telemetry=True, coaching=True)
    fields = {"name": "game.shared", "subject_id": subject_id, **OTHERS_REJECTED[case](canary)}
    _take(calls, _event(**fields), pb.VERDICT_REJECTED)
    assert _where(calls, subject_id.encode())
    assert _where(calls, canary.encode()) == []


COUNTS_ONLY: dict[str, Case] = {
    "undeclared property": lambda c: {"properties": {"room": 1, "text": c}},
    "declared property of a wrong type": lambda c: {"properties": {"room": c}},
    "broken json": lambda c: {"raw": b'{"room":1,"text":"%b' % c.encode()},
    "context": lambda c: {"producer": 1, "extra": {"text": c}, "context": {"page_url": c}},
    "attribution": lambda c: {"producer": 1, "attribution": {"content": c}},
    "event id": lambda c: {"event_id": f"{c} {c}"},
    "session": lambda c: {"session_id": f"{c} {c}"},
    "entity": lambda c: {"entity": {"type": f"{c} {c}", "id": "7"}},
}


@pytest.mark.parametrize("case", COUNTS_ONLY)
def test_content_of_a_rejected_counts_only_event_is_nowhere(calls: SuiteCalls, case: str) -> None:
    content = _canary()
    event = _event(**{"name": "chat.sent", "properties": {"room": 1}, **COUNTS_ONLY[case](content)})
    event.subject_id = "agrees-by-default"
    _take(calls, event, pb.VERDICT_REJECTED)
    assert _where(calls, content.encode()) == []


def test_content_around_an_accepted_counts_only_event_is_nowhere(calls: SuiteCalls) -> None:
    content = _canary()
    event = _event(
        name="chat.sent",
        subject_id="agrees-by-default",
        properties={"room": 1},
        request_id=content,
        entity={"type": content, "id": content},
        context={"page_url": content, "user_agent": content},
        attribution={"content": content},
        extra={"text": content},
    )
    _take(calls, event, pb.VERDICT_ACCEPTED)
    assert _where(calls, content.encode()) == []


IMPERSONAL: dict[str, Case] = {
    "person": lambda c: {"subject_id": c, "properties": {"on_call": [c]}},
    "session": lambda c: {"session_id": c},
    "anonymous id": lambda c: {"anonymous_id": c},
    "marked property": lambda c: {"properties": {"by": c}},
}


@pytest.mark.parametrize("case", IMPERSONAL)
@pytest.mark.parametrize("producer", [0, 1])
def test_a_person_in_an_event_of_a_category_without_people_is_nowhere(
    calls: SuiteCalls, case: str, producer: int
) -> None:
    canary = _canary()
    event = _event(name="service.started", producer=producer, **IMPERSONAL[case](canary))
    _take(calls, event, pb.VERDICT_REJECTED if producer else pb.VERDICT_ANONYMIZED)
    assert _where(calls, canary.encode()) == []


def test_fields_that_the_schema_does_not_know_are_nowhere(calls: SuiteCalls) -> None:
    canary = _canary()
    # Field 1000, a text: tag (1000 << 3 | 2) as a varint, length, content.
    unknown = b"\xc2\x3e" + bytes([len(canary)]) + canary.encode()
    accepted = _event(name="game.opened", subject_id="agrees-by-default").SerializeToString()
    event = event_pb2.Event.FromString(accepted + unknown)
    assert canary.encode() in event.SerializeToString()
    _take(calls, event, pb.VERDICT_ACCEPTED)
    rejected = _event(name="unknown").SerializeToString()
    _take(calls, event_pb2.Event.FromString(rejected + unknown), pb.VERDICT_REJECTED)
    assert _where(calls, canary.encode()) == []


DROPPED: dict[str, Case] = {
    "purpose that drops": lambda c: {"name": "lesson.given", "subject_id": c},
    "the same, malformed": lambda c: {
        "name": "lesson.given",
        "subject_id": c,
        "properties": {"minutes": c},
    },
    "names no person": lambda c: {"name": "lesson.given", "properties": {"note": c}},
    "names no person, but a session": lambda c: {"name": "lesson.given", "session_id": c},
    "the sender says so": lambda c: {
        "name": "game.opened",
        "subject_id": c,
        "consent_given": False,
    },
    "the sender says so of a malformed event": lambda c: {
        "raw": b'{"player":"%b' % c.encode(),
        "consent_given": False,
    },
}


@pytest.mark.parametrize("case", DROPPED)
def test_a_dropped_event_leaves_nothing(calls: SuiteCalls, case: str) -> None:
    canary = _canary()
    event = _event(**{"event_id": f"e-{canary}", **DROPPED[case](canary)})
    _take(calls, event, pb.VERDICT_DROPPED)
    assert _where(calls, canary.encode()) == []


def test_there_is_no_country_without_the_purpose_that_the_catalog_names(calls: SuiteCalls) -> None:
    context = {"ip": "24.16.12.7"}
    event = _event(name="game.opened", subject_id="agrees-by-default", context=context)
    _take(calls, event, pb.VERDICT_ACCEPTED)
    statement = "SELECT country, context ->> 'ip' FROM enrich.events WHERE group_id = %s"
    assert calls.query(statement, event.group_id) == [(None, None)]
    assert _where(calls, b"24.16.12.") == []
    calls.record_consent(APP, "agrees-to-more", telemetry=True)
    event = _event(name="game.opened", subject_id="agrees-to-more", context=context)
    _take(calls, event, pb.VERDICT_ACCEPTED)
    assert calls.query(statement, event.group_id) == [("US", "24.16.12.0")]


def test_a_frame_that_is_sent_again_leaves_one_dead_letter(calls: SuiteCalls) -> None:
    event = _event(f"resent-{uuid.uuid4().hex}", name="game.opened", properties={"moves": "x"})
    letters = []
    # A new stream each time: the ack of the first was lost.
    for _ in range(2):
        with calls.open_stream() as stream:
            stream.settle(APP)
            ack = stream.send(event, _event(name="game.opened", subject_id="agrees-by-default"))
        assert ack.counts == pb.VerdictCounts(accepted=1, rejected=1)
        letters.append(ack.results[0].dead_letter_id)
    assert letters[0] == letters[1]
    # Another one after them, so that both have been written.
    _take(calls, _event(name="unknown"), pb.VERDICT_REJECTED)
    statement = "SELECT dead_letter_id::text, event FROM ingest.dead_letters WHERE event_id = %s"
    [(letter, kept)] = calls.query(statement, event.event_id)
    assert letter == letters[0]
    assert orjson.loads(event_pb2.Event.FromString(kept).properties_json) == {"moves": "x"}
