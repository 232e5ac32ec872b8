"""Which UUID an event id stands for."""

import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.ids import EVENT_NAMESPACE, event_uuid, new_uuid7, new_uuid7_text

UUID = "550e8400-e29b-41d4-a716-446655440000"


@given(st.text(min_size=1, max_size=128).filter(lambda text: text.isprintable()))
def test_other_texts_map_to_a_uuid5(event_id: str) -> None:
    assert event_uuid(event_id) == (uuid.uuid5(EVENT_NAMESPACE, event_id).bytes, False)


@given(st.uuids())
def test_a_canonical_uuid_stands_for_itself(value: uuid.UUID) -> None:
    assert event_uuid(str(value)) == (value.bytes, True)


def test_the_namespace_never_changes() -> None:
    assert uuid.uuid5(uuid.NAMESPACE_DNS, "event.weir") == EVENT_NAMESPACE


@pytest.mark.parametrize(
    "event_id",
    [
        UUID.upper(),
        UUID.replace("-", ""),
        "{" + UUID + "}",
        f"urn:uuid:{UUID}",
        UUID + "\n",
        f" {UUID}",
        UUID.replace("0", "٠"),  # Arabic-Indic digits are digits, but not these
        "evt_1234567890abcdef",
    ],
)
def test_what_only_resembles_a_uuid_is_mapped(event_id: str) -> None:
    assert event_uuid(event_id) == (uuid.uuid5(EVENT_NAMESPACE, event_id).bytes, False)


def test_a_uuid_of_digits_only_stands_for_itself() -> None:
    assert event_uuid("11111111-2222-3333-4444-555555555555") == (
        bytes.fromhex("11111111222233334444555555555555"),
        True,
    )


def test_new_ids_are_uuid7_and_sort_by_time() -> None:
    before = time.time_ns() // 1_000_000
    ids = [new_uuid7() for _ in range(1_000)]
    after = time.time_ns() // 1_000_000
    assert ids == sorted(ids)
    assert len(set(ids)) == 1_000
    assert {value[6] >> 4 for value in ids} == {7}
    assert all(before <= int.from_bytes(value[:6], "big") <= after for value in ids)
    assert event_uuid(new_uuid7_text())[1]
