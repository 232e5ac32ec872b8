"""Requests for paths that are refused, each with the field and the reason."""

from typing import Any

import pytest
from weir.aggregate.v1 import behaviour_pb2 as pb

from libs.common.errors import InvalidArgument
from services.aggregate.behaviour.paths.convert import check_rows, paths_query
from tests.support.arena_catalog import APP, compile_arena
from tests.support.clocks import FixedClock


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"before_event": None}, "after_event", "is required"),
        ({"before_event": "match.lef"}, "before_event", "did you mean `match.left`"),
        ({"before_event": "match.*"}, "before_event", "must be one event"),
        ({"depth": 6}, "depth", "at most 5"),
        ({"gap": {"seconds": 0}}, "gap", "from 1 s"),
        ({"exclude": ["match.ended", "match.l*"]}, "exclude", "match.left"),
        ({"exclude": ["x"]}, "exclude[0]", "no such event"),
        ({"max_rows": 1_001}, "max_rows", "at most 1000"),
        ({"time": {"last": "1s"}}, "time.last", "from 1h to 366d"),
    ],
)
def test_what_cannot_be_asked(change: dict[str, Any], field: str, words: str) -> None:
    request = pb.QueryPathsRequest(**{"app_id": APP, "before_event": "match.left", **change})
    with pytest.raises(InvalidArgument) as refused:
        (paths_query(request, compile_arena(), FixedClock.of_us()), check_rows(request))
    assert refused.value.field == field
    assert words in refused.value.message
