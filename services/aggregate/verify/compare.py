"""Where counted and recounted cells differ. Pure."""

from collections.abc import Iterator, Mapping

from libs.catalog import Metric, MetricKind, Rollup
from libs.events.recount import NOTHING, Recount, RecountedCells, RecountKey, value_of
from services.aggregate.verify.model import (
    CellDifference,
    CountedCells,
    MetricDifference,
    Part,
    StoredMeasure,
)

# Parts that are no numbers: their differences show what a reader sees.
_ANSWERED = frozenset({Part.BINS, Part.EDGE})
_NOT_COUNTED = StoredMeasure(NOTHING)
_NO_METRICS: Mapping[str, StoredMeasure] = {}
_NO_RECOUNT: Mapping[str, Recount] = {}


def compare(
    rollup: Rollup, counted: CountedCells, recounted: RecountedCells
) -> tuple[int, list[CellDifference]]:
    """How many cells either side has, and those that differ, by bucket and dimensions. A cell without any
    value is as good as none. Numbers must be equal: sums are exact on both sides."""
    keys = sorted({key for key in counted if _has_values(counted[key])} | recounted.keys())
    found = (_difference(rollup, key, counted, recounted) for key in keys)
    return len(keys), [difference for difference in found if difference is not None]


def _has_values(metrics: Mapping[str, StoredMeasure]) -> bool:
    return any(metric.measure.count or metric.members for metric in metrics.values())


def _difference(
    rollup: Rollup, key: RecountKey, counted: CountedCells, recounted: RecountedCells
) -> CellDifference | None:
    found, expired = [], True
    stored, expected = counted.get(key, _NO_METRICS), recounted.get(key, _NO_RECOUNT)
    for metric in rollup.metrics:
        if metric.kind in (MetricKind.DIFFERENCE, MetricKind.ELAPSED):
            # Computed when they are read.
            continue
        one = stored.get(metric.measure, _NOT_COUNTED)
        other = expected.get(metric.name, NOTHING)
        differences = list(_parts(metric, one, other))
        if differences:
            found.append(differences[0])
            expired = expired and _is_expiry(one, other)
    return CellDifference(rollup.name, key, tuple(found), expired) if found else None


def _is_expiry(counted: StoredMeasure, recounted: Recount) -> bool:
    """Whether the events of a metric that differs can have been stored when they were counted: more were
    counted than are stored. With equal counts none is missing, so another total or maximum is a mistake."""
    members_missing = counted.members is not None and counted.members < recounted.count
    return counted.measure.count > recounted.count and not members_missing


def _parts(
    metric: Metric, counted: StoredMeasure, recounted: Recount
) -> Iterator[MetricDifference]:
    measure = counted.as_of(metric.kind)
    compared: list[tuple[Part, object, object]] = [(Part.COUNT, measure.count, recounted.count)]
    match metric.kind:
        case MetricKind.COUNT:
            pass
        case MetricKind.DISTINCT:
            compared.append((Part.MEMBERS, counted.members or 0, recounted.count))
        case MetricKind.FIRST | MetricKind.LAST:
            compared.append((Part.EDGE, measure.edge, recounted.edge))
        case MetricKind.MIN:
            compared.append((Part.MINIMUM, measure.minimum, recounted.minimum))
        case MetricKind.MAX:
            compared.append((Part.MAXIMUM, measure.maximum, recounted.maximum))
        case MetricKind.QUANTILE:
            compared += [
                (Part.MINIMUM, measure.minimum, recounted.minimum),
                (Part.MAXIMUM, measure.maximum, recounted.maximum),
                (Part.BINS, measure.bins, recounted.bins),
            ]
        case _:
            compared.append((Part.TOTAL, measure.total, recounted.total))
    for part, stored, expected in compared:
        if stored != expected:
            if part in _ANSWERED:
                stored, expected = value_of(metric, measure), value_of(metric, recounted)
            yield MetricDifference(metric.name, part, _number(stored), _number(expected))


def _number(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]
