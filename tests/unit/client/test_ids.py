"""Event ids that the SDK makes: UUIDv7 as RFC 9562 describes them."""

import time
import uuid

from weir_client.ids import new_event_id, uuid7


def test_the_example_of_the_rfc() -> None:
    """Appendix A.6: its random bits A, 0xCC3, are the fraction 3267/4096 of a millisecond here."""
    nanoseconds = 0x017F22E279B0 * 1_000_000 + 797_608
    assert uuid7(nanoseconds, 0x18C4DC0C0C07398F) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def test_version_and_variant_stand_whatever_the_random_bits_are() -> None:
    for random in (0, (1 << 64) - 1):
        made = uuid.UUID(uuid7(999_999, random))
        assert made.version == 7
        assert made.variant == uuid.RFC_4122
    assert uuid7(999_999, 0) == "00000000-0000-7fff-8000-000000000000"


def test_ids_sort_by_time_within_a_millisecond() -> None:
    # Random bits that would sort the other way; 245 ns are more than a 4096th of a millisecond.
    ids = [uuid7(10**18 + step * 245, 10_000 - step) for step in range(4_000)]
    assert ids == sorted(ids)


def test_new_ids_are_of_now_and_all_different() -> None:
    before = time.time_ns() // 1_000_000
    ids = [new_event_id() for _ in range(10_000)]
    after = time.time_ns() // 1_000_000
    assert len(set(ids)) == len(ids)
    assert all(before <= uuid.UUID(one).int >> 80 <= after for one in ids)
