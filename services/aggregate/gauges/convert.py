"""Requests for gauges, and their answers."""

from collections.abc import Sequence
from datetime import datetime

import orjson
from weir.aggregate.v1 import gauge_pb2

from libs.catalog import SourceKind
from libs.common.errors import InvalidArgument, Unavailable
from libs.common.structs import plain_value
from services.aggregate.convert import reliability_message
from services.aggregate.counting.columns import canonical_json
from services.aggregate.gauges.plan import GaugePlan, GroupKey, group_key
from services.aggregate.gauges.presence import Presence
from services.aggregate.suppression.convert import withheld_cut
from services.aggregate.suppression.presence import shown_presence
from services.aggregate.suppression.tables import NO_LIMIT

_RETRY_AFTER_SECONDS = 1.0


def wanted_group(
    request: gauge_pb2.QueryGaugesRequest, plans: Sequence[GaugePlan]
) -> GroupKey | None:
    """The group that the request's `dimensions` name; None for all. Raises InvalidArgument."""
    if not request.dimensions.fields:
        return None
    if len(request.gauges) != 1:
        raise InvalidArgument("needs exactly one of `gauges`", field="dimensions")
    [plan] = plans
    if set(request.dimensions.fields) != set(plan.labels):
        names = ", ".join(plan.labels) or "none, as this gauge is not split"
        raise InvalidArgument(f"must have a value for each of: {names}", field="dimensions")
    values: list[str | bytes | None] = []
    for dimension in plan.gauge.by:
        try:
            plain = plain_value(request.dimensions.fields[dimension.name])
        except ValueError:
            raise InvalidArgument("must be a finite number", field="dimensions") from None
        if dimension.source.kind is not SourceKind.PROPERTY and not isinstance(plain, str | None):
            # Ids and names of the envelope are texts, whatever a sender wrote.
            plain = canonical_json(plain).decode()
        # Of a field of the envelope, an empty text is as good as none.
        if plain == "" and dimension.source.kind is not SourceKind.PROPERTY:
            plain = None
        values.append(plain if isinstance(plain, str | None) else canonical_json(plain))
    return group_key(values)


def gauge_message(
    plan: GaugePlan,
    presence: Presence | None,
    moment: datetime,
    watermark: datetime | None,
    least: int = NO_LIMIT,
) -> gauge_pb2.GaugeReading:
    """What was read of a gauge, without the numbers of fewer than `least` people. Raises Unavailable if it is
    incomplete."""
    if presence is None:
        raise Unavailable(
            "the gauge is being made again from the stored events",
            reason="GAUGE_REBUILDING",
            metadata={"gauge": plan.gauge.name},
            retry_after_seconds=_RETRY_AFTER_SECONDS,
        )
    shown = shown_presence(presence, least)
    message = gauge_pb2.GaugeReading(
        gauge=plan.gauge.name,
        value=shown.count,
        groups=[_group(plan, key, count) for key, count in sorted(shown.groups.items())],
        other=shown.other,
        reliability=reliability_message(
            is_final=False,
            watermark=watermark,
            calculated_at=moment,
            cut=None if shown == presence else withheld_cut(least),
        ),
    )
    message.moment.FromDatetime(moment)
    return message


def _group(plan: GaugePlan, key: GroupKey, count: int) -> gauge_pb2.GaugeGroup:
    group = gauge_pb2.GaugeGroup(value=count)
    group.dimensions.update(dict(zip(plan.labels, orjson.loads(key), strict=True)))
    return group
