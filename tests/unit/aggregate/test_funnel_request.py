"""Requests for funnels that are refused, each with the field and the reason."""

from typing import Any

import pytest
from weir.aggregate.v1 import behaviour_pb2 as pb

from libs.common.errors import InvalidArgument
from services.aggregate.behaviour.funnel.convert import funnel_query
from tests.support.arena_catalog import APP, compile_arena
from tests.support.clocks import FixedClock


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"steps": []}, "steps", "1 to 10"),
        ({"steps": [pb.Step(name="match.left")] * 11}, "steps", "1 to 10"),
        ({"steps": [pb.Step()]}, "steps[0].name", "required"),
        ({"steps": [pb.Step(name="match.lef")]}, "steps[0].name", "did you mean `match.left`"),
        (
            {"steps": [pb.Step(name="match.left", filter="country =")]},
            "steps[0].filter",
            "at character 10",
        ),
        (
            {"steps": [pb.Step(name="match.left", filter="country = DE OR NOT (subject = ann)")]},
            "steps[0].filter",
            "identifies a person",
        ),
        ({"breakdown": "subject_id"}, "breakdown", "identifies a person"),
        ({"breakdown": "entity.id"}, "breakdown", "identifies a person"),
        ({"breakdown": "received_at"}, "breakdown", "is a moment"),
        ({"breakdown": "countri"}, "breakdown", "did you mean `country`"),
        ({"breakdown": "properties.\x00"}, "breakdown", "U+0000"),
        ({"max_groups": 101}, "max_groups", "at most 100"),
        ({"window": {"seconds": 0}}, "window", "from 1 s"),
        ({"window": {"seconds": 367 * 86_400}}, "window", "from 1 s"),
        ({"order": 9}, "order", "FUNNEL_ORDER_STRICT"),
        (
            {"steps": [pb.Step(name="match.left")] * 2, "order": pb.FUNNEL_ORDER_ANY},
            "steps[1]",
            "the same as steps[0]",
        ),
        ({"time": {"last": "2y"}}, "time.last", "from 1h to 366d"),
    ],
)
def test_what_cannot_be_asked(change: dict[str, Any], field: str, words: str) -> None:
    request = pb.QueryFunnelRequest(
        **{"app_id": APP, "steps": [pb.Step(name="match.left")], **change}
    )
    with pytest.raises(InvalidArgument) as refused:
        funnel_query(request, compile_arena(), FixedClock.of_us())
    assert refused.value.field == field
    assert words in refused.value.message
