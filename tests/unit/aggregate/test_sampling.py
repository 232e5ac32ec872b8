"""How many people are sampled."""

from uuid import UUID

import pytest

from services.aggregate.behaviour.sampling import below, one_in


@pytest.mark.parametrize(
    ("events", "expected"), [(0, 1), (100, 1), (101, 2), (200, 2), (201, 4), (100_000, 1_024)]
)
def test_no_more_than_the_limit_is_read(events: int, expected: int) -> None:
    assert one_in(events, 100) == expected


def test_the_bound_cuts_all_people_into_equal_parts() -> None:
    assert below(1) is None
    assert below(2) == UUID("80000000-0000-0000-0000-000000000000")
    assert below(1_024) == UUID("00400000-0000-0000-0000-000000000000")
