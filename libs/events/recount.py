"""Rollups counted again from the stored events, in SQL made from the catalog's declarations. Pure: makes the
statement, and cells of its rows.

Shares no code with counting, nor with the other queries of this library: what both get wrong in the same way,
they get wrong independently. Values are parameters; names of columns come from this module.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from libs.catalog import Metric, MetricKind, Rollup, Source, SourceKind

# A bucket's start in seconds since the epoch, and the dimensions as canonical JSON.
CellKey = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Recount:
    """What one metric of one cell comes to. `count` is of events, of distinct members, or of events with a
    number, as the metric's kind has it; the others are of those numbers, None without any."""

    count: int = 0
    total: Decimal | None = None
    minimum: float | None = None
    maximum: float | None = None


NOTHING = Recount()
# By cell, and then by the metric's name.
RecountedCells = Mapping[CellKey, Mapping[str, Recount]]

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
        columns = [
            *(self._dimension(dimension.source) for dimension in rollup.dimensions),
            *(column for metric in rollup.metrics for column in self._metric(metric)),
        ]
        self.statement = _RECOUNT.format(
            period=self._parameter(str(rollup.period)) + "::text",
            columns=", ".join(columns),
            app_id=self._parameter(app_id),
            names=self._parameter(sorted(rollup.events)),
            start=self._parameter(start),
            end=self._parameter(end),
            groups=", ".join(str(place) for place in range(1, len(rollup.dimensions) + 2)),
        )

    def cell(self, row: Sequence[Any]) -> tuple[CellKey, dict[str, Recount]]:
        """A row of the answer as a cell, with the metrics that have a value."""
        values = iter(row)
        bucket = next(values)
        dimensions = {dimension.name: next(values) for dimension in self._rollup.dimensions}
        found = {}
        for metric in self._rollup.metrics:
            if metric.kind in _COUNTED:
                recounted = Recount(next(values))
            else:
                count, total, least, greatest = (next(values) for _ in range(4))
                recounted = Recount(count, total, _float(least), _float(greatest))
            if recounted.count:
                found[metric.name] = recounted
        return cell_key(bucket, dimensions), found

    def cells(self, rows: Iterable[Sequence[Any]]) -> dict[CellKey, dict[str, Recount]]:
        """All rows as cells, without those in which no metric has a value."""
        return {key: found for key, found in map(self.cell, rows) if found}

    def _parameter(self, value: object) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"%({name})s"

    def _metric(self, metric: Metric) -> Sequence[str]:
        if metric.source is None:
            return ["count(*)"]
        if metric.kind is MetricKind.DISTINCT:
            return [f"count(DISTINCT {self._member(metric.source)})"]
        number = _NUMBER.format(value=self._property(metric.source))
        return [f"{function}({number})" for function in ("count", "sum", "min", "max")]

    def _member(self, source: Source) -> str:
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
                return "coalesce(subject_id, anonymous_id)"
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


def cell_key(bucket: int, dimensions: Mapping[str, Any]) -> CellKey:
    """The key of a cell whose bucket begins `bucket` seconds after the epoch; whole doubles and integers are
    the same value."""
    plain = {name: _plain(value) for name, value in dimensions.items()}
    return bucket, json.dumps(plain, sort_keys=True)


def value_of(kind: MetricKind, recounted: Recount) -> float | None:
    """What a reader should see of a metric; None if no event had a value."""
    if not recounted.count:
        return None
    match kind:
        case MetricKind.COUNT | MetricKind.DISTINCT:
            return float(recounted.count)
        case MetricKind.MIN:
            return recounted.minimum
        case MetricKind.MAX:
            return recounted.maximum
    if recounted.total is None:
        return None
    share = recounted.count if kind is MetricKind.AVG else 1
    return float(Fraction(recounted.total) / share)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _float(number: Decimal | None) -> float | None:
    return None if number is None else float(number)
