"""Which shard an event goes to."""

from typing import Any

import pytest
from weir.common.v1.event_pb2 import Event

from libs.common.sharding import event_shard_key, shard_key, shard_of


def test_shards() -> None:
    assert shard_of("chess", "ann", 1) == 0
    places = [shard_of("chess", f"s{number}", 8) for number in range(8_000)]
    assert places == [shard_of("chess", f"s{number}", 8) for number in range(8_000)]
    # Each shard's expectation is 1,000, with a standard deviation of 30.
    assert all(880 < places.count(shard) < 1_120 for shard in range(8))
    assert shard_key("ingest", 3, "seen", "chess", "17") == "ingest:{3}:seen:chess:17"


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"subject_id": "ann", "anonymous_id": "x", "session_id": "s"}, "ann"),
        ({"anonymous_id": "x", "session_id": "s"}, "x"),
        ({"session_id": "s"}, "s"),
        ({}, "e1"),
    ],
)
def test_an_event_goes_where_its_person_is_or_else_its_session(
    fields: dict[str, Any], key: str
) -> None:
    # The id is given apart: that of the event may reveal the person.
    assert event_shard_key(Event(event_id="ann-1", **fields), "e1") == key
