"""Requests for funnels, and their answers."""

from collections.abc import Sequence
from datetime import timedelta

from google.protobuf import json_format, struct_pb2
from weir.aggregate.v1 import behaviour_pb2 as pb
from weir.aggregate.v1 import reliability_pb2

from libs.catalog import Catalog
from libs.common.clock import Clock
from libs.common.errors import InvalidArgument
from services.aggregate.behaviour.convert import (
    at_most,
    cut_groups,
    dividing_field,
    event_rule,
    later,
    length_of,
    packed,
)
from services.aggregate.behaviour.funnel.model import FunnelQuery, FunnelTable, StepCount
from services.aggregate.behaviour.funnel.tally import MAX_VALUES
from services.aggregate.behaviour.model import Reading, all_names
from services.aggregate.events.convert import frame_of

MAX_STEPS = 10
DEFAULT_WINDOW = timedelta(days=7)
_DEFAULT_GROUPS = 10
_MAX_GROUPS = 100
_IN_ORDER = {
    pb.FUNNEL_ORDER_UNSPECIFIED: True,
    pb.FUNNEL_ORDER_STRICT: True,
    pb.FUNNEL_ORDER_ANY: False,
}


def funnel_query(request: pb.QueryFunnelRequest, catalog: Catalog, clock: Clock) -> FunnelQuery:
    """A QueryFunnelRequest. Raises InvalidArgument."""
    if not 1 <= len(request.steps) <= MAX_STEPS:
        raise InvalidArgument(f"must be 1 to {MAX_STEPS}", field="steps")
    in_order = _IN_ORDER.get(request.order)
    if in_order is None:
        raise InvalidArgument("must be FUNNEL_ORDER_STRICT or FUNNEL_ORDER_ANY", field="order")
    steps = [
        event_rule(step, f"steps[{number}]", catalog, f"step{number}_")
        for number, step in enumerate(request.steps)
    ]
    if not in_order:
        _check_different(request.steps)
    start, end = frame_of(request, clock)
    window = length_of(
        request.window, "window", unset=DEFAULT_WINDOW, is_set=request.HasField("window")
    )
    groups = at_most(request.max_groups, "max_groups", default=_DEFAULT_GROUPS, maximum=_MAX_GROUPS)
    entries = all_names(steps[:1] if in_order else steps)
    breakdown = dividing_field(request.breakdown, "breakdown", catalog, entries)
    return FunnelQuery(
        request.app_id, start, end, later(end, window), steps, window, in_order, breakdown, groups
    )


def total(request: pb.QueryFunnelRequest, table: FunnelTable, reading: Reading) -> pb.FunnelGroup:
    """The funnel of all people."""
    return pb.FunnelGroup(steps=_steps(request, table.total, reading))


def groups(
    request: pb.QueryFunnelRequest, table: FunnelTable, reading: Reading
) -> list[pb.FunnelGroup]:
    """The funnels of the breakdown's groups; none if the request has no breakdown."""
    if not request.breakdown:
        return []
    found = [
        pb.FunnelGroup(value=_value(group.value), steps=_steps(request, group.steps, reading))
        for group in table.groups
    ]
    if table.others is not None:
        found.append(pb.FunnelGroup(other=True, steps=_steps(request, table.others, reading)))
    return found


def cut(request: pb.QueryFunnelRequest, table: FunnelTable) -> reliability_pb2.Cut | None:
    """What the answer leaves out; None if that is nothing."""
    if not request.breakdown or table.others is None:
        return None
    if table.is_cut:
        return reliability_pb2.Cut(
            limit="max_values",
            value=MAX_VALUES,
            detail="values found after that many are in the group `other`, however many people have them",
        )
    return cut_groups(len(table.groups))


def _check_different(steps: Sequence[pb.Step]) -> None:
    seen: dict[tuple[str, str], int] = {}
    for number, step in enumerate(steps):
        first = seen.setdefault((step.name, step.filter), number)
        if first != number:
            raise InvalidArgument(
                f"is the same as steps[{first}], and without an order one event is both",
                field=f"steps[{number}]",
            )


def _value(text: str | None) -> struct_pb2.Value:
    return json_format.Parse(text or "null", struct_pb2.Value())


def _steps(
    request: pb.QueryFunnelRequest, counts: Sequence[StepCount], reading: Reading
) -> list[pb.FunnelStep]:
    found = []
    first = before = 0
    any_order = request.order == pb.FUNNEL_ORDER_ANY
    # Steps that are withheld are missing at the end.
    for number, (step, count) in enumerate(zip(request.steps, counts, strict=False)):
        label = f"{number + 1} of {len(request.steps)}" if any_order else step.label or step.name
        message = pb.FunnelStep(label=label, people=count.people * reading.one_in)
        first = first if number else count.people
        if first:
            message.rate_of_first = count.people / first
        if number and before:
            message.rate_of_previous = count.people / before
        if count.median_us is not None and count.p90_us is not None:
            message.median_from_previous.CopyFrom(packed(count.median_us))
            message.p90_from_previous.CopyFrom(packed(count.p90_us))
        before = count.people
        found.append(message)
    return found
