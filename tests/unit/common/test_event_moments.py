"""The moment by which fences, erasures and keys take an event."""

from datetime import UTC, datetime

import pytest
from weir.common.v1.event_pb2 import Event

from libs.common.event_moments import oldest_us

# 2026-11-20, 12:00 UTC: 20,777 days and a half.
RECEIVED_US = 1_795_176_000_000_000
RECEIVED = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("occurred", "moment_us"),
    [
        pytest.param(None, 0, id="does not say when"),
        pytest.param((-1, 999_999_999), 0, id="before 1970"),
        pytest.param((1, 2_999), 1_000_002, id="nanoseconds are cut off"),
        pytest.param((1_795_175_999, 0), RECEIVED_US - 1_000_000, id="a second before receipt"),
        pytest.param((1_795_176_001, 0), RECEIVED_US, id="its sender's clock is ahead"),
    ],
)
def test_the_older_of_occurred_and_received(
    occurred: tuple[int, int] | None, moment_us: int
) -> None:
    assert datetime.fromtimestamp(RECEIVED_US // 1_000_000, UTC) == RECEIVED
    event = Event()
    if occurred is not None:
        event.occurred_at.seconds, event.occurred_at.nanos = occurred
    assert oldest_us(event, RECEIVED_US) == moment_us
