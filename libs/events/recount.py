"""Rollups counted again from the stored events, in SQL made from the catalog's declarations. Pure: makes the
statement, and cells of its rows.

Shares no code with counting, nor with the other queries of this library: what both get wrong in the same way,
they get wrong independently. Values are parameters; names of columns come from this module.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import ldexp
from typing import Any

from libs.catalog import Condition, Metric, MetricKind, Rollup, Source, SourceKind

# A bucket's start in seconds since the epoch, and the dimensions as canonical JSON.
RecountKey = tuple[int, str]
# Microseconds since the epoch, the event's UUID in hexadecimal digits, the number.
Edge = tuple[int, str, float]


@dataclass(frozen=True, slots=True)
class Recount:
    """What one metric of one cell comes to. `count` is of events, of distinct members, or of events with a
    number, as the metric's kind has it; the others are of those numbers, as far as the kind needs them, None
    without any. `bins` is how many numbers begin with the same 19 bits as doubles, by these bits, those
    beyond 2**-32 and 2**64 as `_BINS` has them; `edge` is the first or last event with a number:
    microseconds since the epoch, its UUID, the number."""

    count: int = 0
    total: Decimal | None = None
    minimum: float | None = None
    maximum: float | None = None
    bins: Mapping[str, int] | None = None
    edge: Edge | None = None


NOTHING = Recount()
# By cell, and then by the metric's name.
RecountedCells = Mapping[RecountKey, Mapping[str, Recount]]

# One row for each cell; the columns are the bucket, the dimensions, the metrics.
_RECOUNT = """
SELECT extract(epoch FROM date_trunc({period}, occurred_at, 'UTC'))::bigint, {columns}
FROM enrich.events
WHERE app_id = {app_id} AND name = ANY({names}::text[])
    AND occurred_at >= {start}::timestamptz AND occurred_at < {end}::timestamptz
GROUP BY {groups}
"""
# A number of JSON: exact if it is an integer of 64 bits, else the shortest decimal that is the same double.
# What no double can be is left as it is.
_NUMBER = """
CASE WHEN jsonb_typeof({value}) = 'number' THEN
    CASE WHEN scale(({value})::numeric) = 0
            AND ({value})::numeric BETWEEN -9223372036854775808 AND 18446744073709551615
        THEN ({value})::numeric
        WHEN abs(({value})::numeric) BETWEEN 1e-300 AND 1e308
        THEN (({value})::numeric::double precision)::text::numeric
        ELSE ({value})::numeric END
END"""
# JSON as one would write it without spaces.
_COMPACT = r"""regexp_replace(({value})::text, '("(?:[^"\\]|\\.)*")| ', '\1', 'g')"""
# A text in at most {characters}, the last one an ellipsis when it is longer; an object or list whose
# JSON without spaces is longer than that is the ellipsis alone. JSON's null is as good as nothing.
_BOUNDED = """
CASE jsonb_typeof({value})
    WHEN 'null' THEN NULL
    WHEN 'string' THEN
        CASE WHEN length(({value}) #>> '{{}}') > {characters}
            THEN to_jsonb(left(({value}) #>> '{{}}', {characters} - 1) || '…') ELSE {value} END
    WHEN 'number' THEN to_jsonb({number})
    WHEN 'boolean' THEN {value}
    ELSE
        CASE WHEN length({compact}) > {characters} THEN to_jsonb('…'::text) ELSE {value} END
END"""
# A value of a property as one of many to tell apart: 5 and "5" are the same, an empty text is none.
_MEMBER = """
CASE jsonb_typeof({value})
    WHEN 'null' THEN NULL
    WHEN 'string' THEN nullif(({value}) #>> '{{}}', '')
    WHEN 'number' THEN trim_scale({number})::text
    ELSE {compact}
END"""
# The first 19 bits of a number as a double; what no double can be has none.
_BIN = """
CASE WHEN ({number}) = 0 OR abs({number}) < 5e-324 THEN 0
    WHEN abs({number}) < 1.797693134862315808e308 THEN
        ('x' || encode(float8send(({number})::double precision), 'hex'))::bit(64)::bigint >> 45
            & 524287
END"""
# How often each of the values occurs. Those nearer to zero than 2**-32 are as zero, those of 2**64 and more,
# of either sign (262144), as 2**64.
_BINS = """
(SELECT jsonb_object_agg(bin, size) FROM (
    SELECT CASE WHEN (bits & 262143) >= (1023 - 32) * 128
        THEN (bits & 262144) | least(bits & 262143, (1023 + 64) * 128) ELSE 0 END AS bin,
        count(*) AS size
    FROM unnest({values}) AS bits GROUP BY 1
) AS sizes)"""
# Since the person's newest event of another name in the same bucket.
_ELAPSED = """
(SELECT extract(epoch FROM events.occurred_at - max(since.occurred_at)) FROM enrich.events AS since
WHERE since.app_id = {app_id} AND since.name = {since}::text AND since.person = events.person
    AND events.name <> since.name
    AND since.occurred_at <= events.occurred_at
    AND since.occurred_at >= date_trunc({period}, events.occurred_at, 'UTC'))"""
_EDGE = (
    "jsonb_build_array((extract(epoch FROM occurred_at) * 1000000)::bigint, event_uuid, {number})"
)
_ENTITY_COLUMNS = {"type": "entity_type", "id": "entity_id"}
_COUNTED = frozenset({MetricKind.COUNT, MetricKind.DISTINCT})
# Columns of the events that a source of these kinds names.
_COLUMN_KINDS = frozenset({SourceKind.ENVELOPE, SourceKind.ENRICHED})


class RecountQuery:
    """The statement for the cells of one rollup whose events occurred from `start` until before `end`, with
    psycopg's placeholders, and its `parameters`.

    A dimension value of more than `dimension_characters` is cut, as the catalog's limits say. Give whole
    buckets: of others it counts the events that are in the range.
    """

    def __init__(
        self,
        app_id: str,
        rollup: Rollup,
        dimension_characters: int,
        start: datetime,
        end: datetime,
    ) -> None:
        self.parameters: dict[str, object] = {}
        self._rollup = rollup
        self._characters = self._parameter(dimension_characters) + "::integer"
        self._app_id = self._parameter(app_id)
        self._period = self._parameter(str(rollup.period)) + "::text"
        columns = [
            *(self._dimension(dimension.source) for dimension in rollup.dimensions),
            *(column for metric in rollup.metrics for column in self._metric(metric)),
        ]
        self.statement = _RECOUNT.format(
            period=self._period,
            columns=", ".join(columns),
            app_id=self._app_id,
            names=self._parameter(sorted(rollup.events)),
            start=self._parameter(start),
            end=self._parameter(end),
            groups=", ".join(str(place) for place in range(1, len(rollup.dimensions) + 2)),
        )

    def cell(self, row: Sequence[Any]) -> tuple[RecountKey, dict[str, Recount]]:
        """A row of the answer as a cell, with the metrics that have a value."""
        values = iter(row)
        bucket = next(values)
        dimensions = {dimension.name: next(values) for dimension in self._rollup.dimensions}
        found = {}
        for metric in self._rollup.metrics:
            recounted = _recount(metric.kind, values)
            if recounted.count:
                found[metric.name] = recounted
        return cell_key(bucket, dimensions), found

    def cells(self, rows: Iterable[Sequence[Any]]) -> dict[RecountKey, dict[str, Recount]]:
        """All rows as cells, without those in which no metric has a value."""
        return {key: found for key, found in map(self.cell, rows) if found}

    def _parameter(self, value: object) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"%({name})s"

    def _metric(self, metric: Metric) -> Sequence[str]:
        if metric.kind is MetricKind.DIFFERENCE:
            return []
        if metric.kind is MetricKind.ELAPSED:
            seconds = _ELAPSED.format(
                app_id=self._app_id, since=self._parameter(metric.since), period=self._period
            )
            return [f"count({seconds})", f"sum({seconds})"]
        only = self._only(metric.conditions)
        if metric.source is None:
            return [f"count(*){only}"]
        if metric.kind is MetricKind.DISTINCT:
            return [f"count(DISTINCT {self._member(metric.source)}){only}"]
        number = _NUMBER.format(value=self._property(metric.source))
        count, *extremes = (f"{function}({number}){only}" for function in ("count", "min", "max"))
        match metric.kind:
            case MetricKind.QUANTILE:
                bins = f"array_agg({_BIN.format(number=number)}){self._only(metric.conditions, number)}"
                return [count, *extremes, _BINS.format(values=bins)]
            case MetricKind.FIRST | MetricKind.LAST:
                order = "" if metric.kind is MetricKind.FIRST else " DESC"
                edge = _EDGE.format(number=number)
                by_time = f"ORDER BY occurred_at{order}, event_uuid{order}"
                having = self._only(metric.conditions, number)
                return [count, f"(array_agg({edge} {by_time}){having})[1]"]
        return [count, *extremes, f"sum({number}){only}"]

    def _only(self, conditions: Sequence[Condition], number: str = "") -> str:
        """Which events an aggregate takes; with `number`, only those that have one."""
        found = [self._holds(condition) for condition in conditions]
        if number:
            found.append(f"({number}) IS NOT NULL")
        return f" FILTER (WHERE {' AND '.join(found)})" if found else ""

    def _holds(self, condition: Condition) -> str:
        if condition.source.kind is SourceKind.PROPERTY:
            value = self._property(condition.source)
            return f"{value} = ANY({self._parameter(list(condition.values))}::text[]::jsonb[])"
        texts = [json.loads(value) for value in condition.values]
        return f"{self._text(condition.source)} = ANY({self._parameter(texts)}::text[])"

    def _member(self, source: Source) -> str:
        if source.kind is SourceKind.SUBJECT:
            return "person"
        if source.kind is not SourceKind.PROPERTY:
            return self._text(source)
        value = self._property(source)
        return _MEMBER.format(
            value=value, number=_NUMBER.format(value=value), compact=_COMPACT.format(value=value)
        )

    def _dimension(self, source: Source) -> str:
        if source.kind is SourceKind.PROPERTY:
            value = self._property(source)
        else:
            value = f"to_jsonb({self._text(source)})"
        return _BOUNDED.format(
            value=value,
            characters=self._characters,
            number=_NUMBER.format(value=value),
            compact=_COMPACT.format(value=value),
        )

    def _text(self, source: Source) -> str:
        """An empty text is as good as none."""
        match source.kind:
            case SourceKind.SUBJECT:
                return "replace(person::text, '-', '')"
            case SourceKind.ENTITY:
                return f"nullif({_ENTITY_COLUMNS[source.path[0]]}, '')"
            case SourceKind.CONTEXT | SourceKind.ATTRIBUTION:
                return f"nullif({source.kind} ->> {self._parameter(source.path[0])}::text, '')"
            case kind if kind in _COLUMN_KINDS:
                # A fixed set of names, which the catalog's reader checks.
                return f"nullif({source.path[0]}, '')"
        raise AssertionError(source)

    def _property(self, source: Source) -> str:
        return f"(properties #> {self._parameter(list(source.path))}::text[])"


def cell_key(bucket: int, dimensions: Mapping[str, Any]) -> RecountKey:
    """The key of a cell whose bucket begins `bucket` seconds after the epoch; whole doubles and integers are
    the same value."""
    plain = {name: _plain(value) for name, value in dimensions.items()}
    return bucket, json.dumps(plain, sort_keys=True)


def values_of(rollup: Rollup, found: Mapping[str, Recount]) -> dict[str, float | None]:
    """What a reader should see of the metrics of a cell; None if no event had a value."""
    values = {
        metric.name: value_of(metric, found.get(metric.name, NOTHING)) for metric in rollup.metrics
    }
    for metric in rollup.metrics:
        if metric.of:
            whole, part = (values[name] for name in metric.of)
            if whole is not None or part is not None:
                values[metric.name] = (whole or 0.0) - (part or 0.0)
    return values


def value_of(metric: Metric, recounted: Recount) -> float | None:
    """What a reader should see of a metric; None if no event had a value, and for a difference."""
    if not recounted.count:
        return None
    match metric.kind:
        case MetricKind.COUNT | MetricKind.DISTINCT:
            return float(recounted.count)
        case MetricKind.MIN:
            return recounted.minimum
        case MetricKind.MAX:
            return recounted.maximum
        case MetricKind.QUANTILE:
            return _quantile(metric.at, recounted)
        case MetricKind.FIRST | MetricKind.LAST:
            return None if recounted.edge is None else recounted.edge[2]
    if recounted.total is None:
        return None
    share = 1
    if metric.kind is MetricKind.AVG:
        share = recounted.count
    elif metric.kind is MetricKind.ELAPSED:
        share = recounted.count * metric.unit_seconds
    return float(Fraction(recounted.total) / share)


def _quantile(at: float, recounted: Recount) -> float | None:
    """The least beginning of a bin with which a share of `at` of the numbers is reached, between the least
    and the greatest number."""
    least, greatest = recounted.minimum, recounted.maximum
    if recounted.bins is None or least is None or greatest is None:
        return None
    rank = Fraction(str(at)) * sum(recounted.bins.values())
    for number, size in sorted((_begin(int(bits)), n) for bits, n in recounted.bins.items()):
        rank -= size
        if rank <= 0:
            return min(max(number, least), greatest)
    return None


def _begin(bits: int) -> float:
    """The number towards zero with which the doubles begin that have these first 19 bits."""
    exponent, significand = bits >> 7 & 0x7FF, bits & 0x7F
    size = ldexp(128 + significand, exponent - 1030) if exponent else ldexp(significand, -1029)
    return -size if bits >> 18 else size


def _recount(kind: MetricKind, values: Iterator[Any]) -> Recount:
    """A metric from its columns, the next ones."""
    if kind is MetricKind.DIFFERENCE:
        return NOTHING
    count = next(values)
    if kind in _COUNTED:
        return Recount(count)
    if kind is MetricKind.ELAPSED:
        return Recount(count, next(values))
    if kind in (MetricKind.FIRST, MetricKind.LAST):
        edge = next(values)
        return Recount(count, edge=None if edge is None else edge_of(edge))
    least, greatest, last = (next(values) for _ in range(3))
    if kind is MetricKind.QUANTILE:
        return Recount(count, None, _float(least), _float(greatest), last)
    return Recount(count, last, _float(least), _float(greatest))


def edge_of(edge: Sequence[Any]) -> Edge:
    """A first or last number from its JSON."""
    moment, event_uuid, number = edge
    return int(moment), str(event_uuid).replace("-", ""), float(number)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _float(number: Decimal | None) -> float | None:
    return None if number is None else float(number)
