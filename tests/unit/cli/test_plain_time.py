"""The time of an answer as JSON has it."""

from datetime import UTC, datetime

import pytest
from weir.aggregate.v1 import time_frame_pb2

from cli.commands.query_behaviour import plain_time

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (FIRST, LAST, (None, None)),
        (MARCH, LAST, ("2026-03-01T00:00:00Z", None)),
        (FIRST, MARCH, (None, "2026-03-01T00:00:00Z")),
    ],
)
def test_an_open_side_is_null(
    start: datetime, end: datetime, expected: tuple[str | None, str | None]
) -> None:
    time = time_frame_pb2.TimeInterval()
    getattr(time, "from").FromDatetime(start)
    time.to.FromDatetime(end)
    found = plain_time(time)
    assert (found["from"], found["to"]) == expected
