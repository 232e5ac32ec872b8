"""Rollups counted again from the stored events, in SQL made from the catalog's declarations.

Shares no code with aggregate, nor with `libs/events`, through which others read the events: what both get
wrong in the same way, they get wrong independently.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from demo.cells import CellKey, Cells, cell_key, with_values
from libs.catalog import Metric, MetricKind, Rollup, Source, SourceKind

# One row for each cell; the columns are the bucket, the dimensions, the metrics.
_RECOUNT = sql.SQL("""
SELECT extract(epoch FROM date_trunc({period}, occurred_at, 'UTC'))::bigint, {columns}
FROM enrich.events
WHERE app_id = {app_id} AND name = ANY({names})
GROUP BY {groups}
""")
# A text in at most {characters}, the last one an ellipsis when it is longer; an object or list whose
# JSON without spaces is longer than that is the ellipsis alone.
_BOUNDED = sql.SQL(r"""
CASE jsonb_typeof({value})
    WHEN 'string' THEN
        CASE WHEN length({value} #>> '{{}}') > {characters}
            THEN to_jsonb(left({value} #>> '{{}}', {characters} - 1) || '…') ELSE {value} END
    WHEN 'number' THEN {value}
    WHEN 'boolean' THEN {value}
    ELSE
        CASE WHEN length(
            regexp_replace({value}::text, '("(?:[^"\\]|\\.)*")| ', '\1', 'g')
        ) > {characters}
            THEN to_jsonb('…'::text) ELSE {value} END
END""")
_ENTITY_COLUMNS = {"type": "entity_type", "id": "entity_id"}


def recount(
    connection: psycopg.Connection[Any], app_id: str, rollup: Rollup, dimension_characters: int
) -> Cells:
    """The cells of one rollup, as the stored events have them; a dimension value of more characters
    than that is cut, as the catalog's limits say."""
    statement = _RECOUNT.format(
        period=sql.Literal(str(rollup.period)),
        columns=sql.SQL(", ").join(
            [
                *(
                    _dimension(dimension.source, dimension_characters)
                    for dimension in rollup.dimensions
                ),
                *(_metric(metric) for metric in rollup.metrics),
            ]
        ),
        app_id=sql.Literal(app_id),
        names=sql.Literal(sorted(rollup.events)),
        groups=sql.SQL(", ").join(
            sql.SQL(str(position)) for position in range(1, len(rollup.dimensions) + 2)
        ),
    )
    names = [dimension.name for dimension in rollup.dimensions]
    cells: dict[CellKey, Mapping[str, float]] = {}
    for bucket, *values in connection.execute(statement).fetchall():
        dimensions = dict(zip(names, values, strict=False))
        measured = zip(rollup.metrics, values[len(names) :], strict=True)
        found = with_values({metric.name: _value(metric, value) for metric, value in measured})
        if found:
            cells[cell_key(bucket, dimensions)] = found
    return cells


def _metric(metric: Metric) -> sql.Composable:
    if metric.source is None:
        return sql.SQL("count(*)")
    if metric.kind is MetricKind.DISTINCT:
        return sql.SQL("count(DISTINCT {})").format(_as_text(metric.source))
    function = sql.SQL(str(metric.kind))
    return sql.SQL("{}({})").format(function, _as_number(metric.source))


def _value(metric: Metric, value: Any) -> float | None:
    counted = metric.kind in (MetricKind.COUNT, MetricKind.DISTINCT)
    return None if value is None or (counted and not value) else float(value)


def _dimension(source: Source, characters: int) -> sql.Composable:
    return _BOUNDED.format(value=_as_json(source), characters=sql.Literal(characters))


def _as_json(source: Source) -> sql.Composable:
    if source.kind is SourceKind.PROPERTY:
        # JSON's null is as good as nothing.
        return sql.SQL("nullif({}, 'null'::jsonb)").format(_property(source))
    return sql.SQL("to_jsonb({})").format(_as_text(source))


def _as_text(source: Source) -> sql.Composable:
    match source.kind:
        case SourceKind.SUBJECT:
            return sql.SQL("coalesce(subject_id, anonymous_id)")
        case SourceKind.PROPERTY:
            return sql.SQL("properties #>> {}").format(sql.Literal(list(source.path)))
        case SourceKind.ENTITY:
            return sql.Identifier(_ENTITY_COLUMNS[source.path[0]])
        case SourceKind.CONTEXT | SourceKind.ATTRIBUTION:
            column, field = sql.Identifier(str(source.kind)), sql.Literal(source.path[0])
            return sql.SQL("nullif({} ->> {}, '')").format(column, field)
        case _:
            return sql.Identifier(source.path[0])


def _as_number(source: Source) -> sql.Composable:
    return sql.SQL(
        "CASE WHEN jsonb_typeof({value}) = 'number' THEN ({value} #>> '{{}}')::numeric END"
    ).format(value=_property(source))


def _property(source: Source) -> sql.Composable:
    return sql.SQL("(properties #> {})").format(sql.Literal(list(source.path)))
