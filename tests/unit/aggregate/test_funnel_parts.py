"""Which steps of a funnel are read from the index alone, and which from the rows."""

from collections.abc import Sequence
from typing import Any

import pytest
from weir.aggregate.v1 import behaviour_pb2 as pb

from services.aggregate.behaviour.funnel.convert import funnel_query
from tests.support.arena_catalog import APP, compile_arena
from tests.support.clocks import FixedClock

ENDED = pb.Step(name="match.ended")
LEFT = pb.Step(name="match.left")
LEFT_HERE = pb.Step(name="match.left", filter="country = DE")
ANY = pb.FUNNEL_ORDER_ANY


@pytest.mark.parametrize(
    ("fields", "from_index", "from_rows"),
    [
        ({"steps": [ENDED, LEFT]}, [0, 1], None),
        ({"steps": [LEFT_HERE]}, None, [0]),
        ({"steps": [ENDED, LEFT_HERE, LEFT]}, [0, 2], [1]),
        # People are divided by their first step, in any order by each of them.
        ({"steps": [ENDED, LEFT], "breakdown": "country"}, [1], [0]),
        ({"steps": [ENDED, LEFT], "breakdown": "country", "order": ANY}, None, [0, 1]),
    ],
)
def test_only_steps_that_ask_for_more_read_rows(
    fields: dict[str, Any], from_index: Sequence[int] | None, from_rows: Sequence[int] | None
) -> None:
    request = pb.QueryFunnelRequest(app_id=APP, **fields)
    query = funnel_query(request, compile_arena(), FixedClock.of_us())
    found = {part.span.reads_rows: part.steps for part in query.parts}
    assert (found.get(False), found.get(True)) == (from_index, from_rows)


def test_a_part_reads_the_events_of_its_steps_only() -> None:
    request = pb.QueryFunnelRequest(app_id=APP, steps=[ENDED, LEFT_HERE, ENDED])
    query = funnel_query(request, compile_arena(), FixedClock.of_us())
    assert [part.span.names for part in query.parts] == [("match.ended",), ("match.left",)]
