"""Requests for segments, and their answers."""

from collections.abc import Mapping

from google.protobuf import json_format, struct_pb2
from weir.aggregate.v1 import behaviour_pb2 as pb
from weir.aggregate.v1 import reliability_pb2

from libs.catalog import Catalog
from libs.common.clock import Clock
from libs.common.errors import InvalidArgument
from services.aggregate.behaviour.convert import at_most, cut_groups, dividing_field, event_rule
from services.aggregate.behaviour.model import Reading
from services.aggregate.behaviour.segments.model import (
    Comparison,
    Rule,
    Segment,
    SegmentGroup,
    SegmentQuery,
)
from services.aggregate.events.convert import frame_of

MAX_RULES = 10
_DEFAULT_GROUPS, _MAX_GROUPS = 10, 100
_COMPARISONS: Mapping[int, Comparison] = {
    pb.COMPARISON_UNSPECIFIED: Comparison.AT_LEAST,
    pb.COMPARISON_AT_LEAST: Comparison.AT_LEAST,
    pb.COMPARISON_AT_MOST: Comparison.AT_MOST,
    pb.COMPARISON_EXACTLY: Comparison.EXACTLY,
}


def segment_query(request: pb.QuerySegmentsRequest, catalog: Catalog, clock: Clock) -> SegmentQuery:
    """A QuerySegmentsRequest. Raises InvalidArgument."""
    if not 1 <= len(request.rules) <= MAX_RULES:
        raise InvalidArgument(f"must be 1 to {MAX_RULES}", field="rules")
    rules = [_rule(rule, number, catalog) for number, rule in enumerate(request.rules)]
    start, end = frame_of(request, clock)
    return SegmentQuery(
        request.app_id,
        start,
        end,
        rules,
        dividing_field(request.breakdown, "breakdown", catalog, catalog.events),
        at_most(request.max_groups, "max_groups", default=_DEFAULT_GROUPS, maximum=_MAX_GROUPS),
    )


def segment_message(segment: Segment, reading: Reading, least: int) -> pb.QuerySegmentsResponse:
    """What is shown of a segment, without how far it can be relied on."""
    total = pb.SegmentGroup(value=json_format.Parse("null", struct_pb2.Value()))
    if segment.people is not None:
        total.people = segment.people * reading.one_in
    message = pb.QuerySegmentsResponse(
        total=total,
        active_people=segment.active * reading.one_in,
        groups=[_group(group, reading) for group in segment.groups],
        least_people=least,
    )
    if segment.people is not None and segment.active:
        message.share = segment.people / segment.active
    return message


def segment_cut(query: SegmentQuery, segment: Segment, least: int) -> reliability_pb2.Cut | None:
    """What the answer leaves out; None for nothing."""
    listed = sum(not group.is_other for group in segment.groups)
    if listed == len(segment.groups):
        return None
    if listed < query.max_groups:
        return reliability_pb2.Cut(
            limit="least_people",
            value=least,
            detail="smaller groups, and others so that these cannot be worked out, are together in `other`",
        )
    return cut_groups(query.max_groups)


def _rule(rule: pb.SegmentRule, number: int, catalog: Catalog) -> Rule:
    comparison = _COMPARISONS.get(rule.comparison)
    if comparison is None:
        raise InvalidArgument(
            "must be AT_LEAST, AT_MOST or EXACTLY", field=f"rules[{number}].comparison"
        )
    events = event_rule(rule.event, f"rules[{number}].event", catalog, f"rule{number}_")
    return Rule(events, comparison, rule.times)


def _group(group: SegmentGroup, reading: Reading) -> pb.SegmentGroup:
    return pb.SegmentGroup(
        value=json_format.Parse(group.value or "null", struct_pb2.Value()),
        other=group.is_other,
        people=group.people * reading.one_in,
    )
