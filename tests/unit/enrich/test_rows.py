"""An event's row, worked out by hand; and what an event that cannot be handled leaves behind."""

import math
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from weir.common.v1 import event_pb2
from weir.streams.v1 import batch_pb2

from libs.catalog import ENRICHED_FIELDS
from libs.common.ids import EVENT_NAMESPACE
from libs.common.subject_data import Erasure, SubjectRef
from libs.streams.entries import enriched_batch
from libs.streams.errors import UnreadableError
from libs.streams.groups import Entry
from libs.streams.quarantined_batches import enriched_without
from services.enrich import convert
from services.enrich.model import WorkBatch
from services.enrich.storage.rows import rows_of
from tests.support.enrich_batches import NOON, NOON_US, columns_of, enriched, event, work_batch
from tests.support.pseudonyms import PSEUDONYMS

# 2000-01-01T00:00:00Z, Postgres' epoch, is 10957 days after Unix'.
POSTGRES_US = 10_957 * 86_400 * 1_000_000
USER_AGENT = (
    "Mozilla/5.0 (Linux; Android 13; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/119.0.0.0 Mobile Safari/537.36"
)
_READ: dict[str, Callable[[bytes], object]] = {
    **dict.fromkeys(
        ("occurred_at", "received_at", "session_started_at"),
        lambda value: int.from_bytes(value, "big", signed=True),
    ),
    **dict.fromkeys(("event_uuid", "person", "context", "attribution", "properties"), bytes),
    "consent_given": lambda value: value == b"\x01",
}

OCCURRED_US = NOON_US - 1_500_000


def _event(event_id: str = "e1", **fields: Any) -> event_pb2.Event:
    return event(event_id, OCCURRED_US, **fields)


def _values(batch: WorkBatch, position: int = 0) -> dict[str, object]:
    """A row of the batch, by column: times as numbers, UUID and JSON as bytes, the others as texts."""
    row = rows_of(batch, PSEUDONYMS)[position]
    assert row is not None
    return {
        name: None if value is None else _READ.get(name, bytes.decode)(value)
        for name, value in columns_of(row).items()
    }


def test_a_full_row() -> None:
    sent = _event(
        "550e8400-e29b-41d4-a716-446655440000",
        schema_version="1.0.0",
        producer=event_pb2.PRODUCER_API,
        environment=event_pb2.ENVIRONMENT_STAGING,
        subject_id="ann",
        session_id="s1",
        group_id="g1",
        entity={"type": "game", "id": "42"},
        request_id="r1",
        context={"ip": "8.8.8.0", "user_agent": USER_AGENT},
        attribution={"source": "newsletter", "campaign": "spring"},
        retention_days=45,
        privacy_level=event_pb2.PRIVACY_LEVEL_PII,
        consent_given=True,
    )
    sent.properties_json = b'{"moves": 3}'
    batch = enriched(work_batch(sent))
    batch.found["session_started_at"] = [NOON_US - 60_000_000]
    assert _values(batch) == {
        "event_uuid": bytes.fromhex("550e8400e29b41d4a716446655440000"),
        "occurred_at": OCCURRED_US - POSTGRES_US,
        "received_at": NOON_US - POSTGRES_US,
        "session_started_at": NOON_US - 60_000_000 - POSTGRES_US,
        "app_id": "chess",
        # 45 days wished, 90 allowed: the longest class that is not longer than 45
        "retention_class": "30d",
        "name": "game.ended",
        "schema_version": "1.0.0",
        "producer": "api",
        "environment": "staging",
        "privacy_level": "pii",
        "consent_given": True,
        "event_id": None,  # it is the UUID itself
        "subject_id": "ann",
        "anonymous_id": None,
        "person": bytes.fromhex(PSEUDONYMS.pseudonym("chess", "ann")),
        "session_id": "s1",
        "group_id": "g1",
        "entity_type": "game",
        "entity_id": "42",
        "request_id": "r1",
        "country": "US",
        "device_type": "mobile",
        "os": "Android",
        "browser": "Chrome Mobile",
        "os_version": "13",
        "browser_version": "119.0.0",
        "device_brand": "Google",
        "device_model": "Pixel 7",
        "context": b'\x01{"user_agent":"%s","ip":"8.8.8.0"}' % USER_AGENT.encode(),
        "attribution": b'\x01{"source":"newsletter","campaign":"spring"}',
        "properties": b'\x01{"moves": 3}',
    }


def test_an_empty_row_has_nulls_and_defaults() -> None:
    values = _values(enriched(work_batch(_event("evt_1", schema_version="1.1.0"))))
    assert values["event_uuid"] == uuid.uuid5(EVENT_NAMESPACE, "evt_1").bytes
    assert values["event_id"] == "evt_1"
    assert values["retention_class"] == "keep"
    assert values["schema_version"] == "1.1.0"
    assert values["environment"] == "production"
    empty = {name for name, value in values.items() if value is None}
    assert empty == {
        *("subject_id", "anonymous_id", "session_id", "group_id", "entity_type", "entity_id"),
        *("person", "request_id", "context", "attribution", "privacy_level", "consent_given"),
        *(field.name for field in ENRICHED_FIELDS),
    }


@pytest.mark.parametrize(
    ("days", "retention_class"),
    [(0, "keep"), (1, "1d"), (6, "1d"), (7, "7d"), (89, "30d"), (90, "90d"), (2**32 - 1, "10y")],
)
def test_the_retention_class_is_the_longest_that_ingest_allows(
    days: int, retention_class: str
) -> None:
    values = _values(enriched(work_batch(_event(retention_days=days))))
    assert values["retention_class"] == retention_class


def test_an_event_at_which_a_step_raises_fails_alone() -> None:
    odd = _event("odd", producer=99)
    batch = enriched(work_batch(_event("a"), odd, _event("c")))
    assert [(item.position, item.reason) for item in batch.failed] == [
        (1, "IndexError while enriching")
    ]
    assert [row is not None for row in rows_of(batch, PSEUDONYMS)] == [True, False, True]
    assert batch.skipped == {1}


def test_a_number_in_a_context_that_json_cannot_express_loses_no_event() -> None:
    not_a_number = _event("nan", context={"platform": "web"})
    not_a_number.context.extra.update({"x": 1})
    not_a_number.context.extra.fields["x"].number_value = math.nan
    batch = enriched(work_batch(not_a_number))
    assert batch.failed == []
    assert _values(batch)["context"] == b'\x01{"platform":"web"}'


def test_what_is_forwarded_says_what_was_skipped_and_found() -> None:
    events = [_event(f"e{n}", context={"ip": "8.8.8.0"} if n % 2 else {}) for n in range(5)]
    batch = enriched(work_batch(*events, skip=b"0,3"))
    message = batch_pb2.EnrichedBatch.FromString(convert.enriched_batch(batch))
    assert list(message.skipped) == [0, 3]
    found = [message.enrichments[place].country for place in message.enrichment_of_event]
    assert found == ["", "US", "", "", ""]
    assert len(message.enrichments) == 2


def test_of_an_event_behind_a_fence_its_place_alone_is_handed_on() -> None:
    said = {"context": {"ip": "8.8.8.0"}, "properties_json": b'{"note":"secret"}'}
    events = [
        _event("b1", subject_id="ben"),
        _event("a1", subject_id="anna", **said),
        _event("b2", **said),
    ]
    batch = enriched(work_batch(*events, skip=b"2"))
    batch.fenced = {1}
    batch.skipped |= {1}
    fields = {b"batch": convert.enriched_batch(batch)}
    message, left = enriched_batch(fields)
    # Any other event is as it came, also one that is skipped.
    assert list(left.events) == [events[0], event_pb2.Event(), events[2]]
    assert list(message.skipped) == [1, 2]
    found = [message.enrichments[place].country for place in message.enrichment_of_event]
    assert found == ["", "", ""]
    assert (left.batch_id, left.received_at_us) == (batch.batch_id, batch.received_at_us)
    # An erasure of another person, while aggregate has it in quarantine, takes it as any other place.
    ben = SubjectRef("chess", "ben", ("b" * 32,))
    remainder = enriched_without(fields, Erasure(ben, uuid.uuid4(), NOON), None)
    assert remainder is not None
    assert (remainder.erased, remainder.anonymized, remainder.withheld) == (1, 0, {})
    assert remainder.fields is not None
    message, left = enriched_batch(remainder.fields)
    assert (list(message.skipped), list(left.events)) == ([0, 1], [event_pb2.Event(), events[2]])


def test_a_batch_without_fenced_events_is_handed_on_byte_for_byte() -> None:
    batch = enriched(work_batch(*(_event(f"e{n}", subject_id="ben") for n in range(99)), skip=b"3"))
    message = batch_pb2.EnrichedBatch.FromString(convert.enriched_batch(batch))
    assert message.event_batch == batch.payload


@pytest.mark.parametrize("payload", [b"", b"\xff\xff", batch_pb2.EventBatch(batch_id=b"short")])
def test_what_is_no_batch_is_unreadable(payload: Any) -> None:
    if not isinstance(payload, bytes):
        payload = payload.SerializeToString()
    with pytest.raises(UnreadableError, match=r"16 bytes|not a batch"):
        convert.work_batch(Entry(b"ingest:{0}:raw", b"1-0", {b"batch": payload}))


def test_dead_letters_have_ids_that_follow_from_their_batch() -> None:
    gone = _event("gone", producer=99)
    first, second = (enriched(work_batch(_event("a"), gone, name="b")) for _ in range(2))
    letters = convert.dead_letters(first)
    assert letters == convert.dead_letters(second)
    [letter] = batch_pb2.DeadLetterBatch.FromString(letters).dead_letters
    assert letter.dead_letter_id == uuid.uuid5(uuid.UUID(bytes=first.batch_id), "1").bytes
    assert (letter.stage, letter.reason) == ("enrich", "PROCESSING_FAILED")
    assert letter.event == gone
