"""Where counted and recounted cells differ. Pure."""

from collections.abc import Iterator, Mapping

from libs.catalog import MetricKind, Rollup
from libs.events.recount import NOTHING, CellKey, Recount, RecountedCells
from services.aggregate.verify.model import (
    CellDifference,
    Counted,
    CountedCells,
    MetricDifference,
    Part,
)

_NOT_COUNTED = Counted(NOTHING)
_NO_METRICS: Mapping[str, Counted] = {}
_NO_RECOUNT: Mapping[str, Recount] = {}


def compare(
    rollup: Rollup, counted: CountedCells, recounted: RecountedCells
) -> tuple[int, list[CellDifference]]:
    """How many cells either side has, and those that differ, by bucket and dimensions. A cell without any
    value is as good as none. Numbers must be equal: sums are exact on both sides."""
    keys = sorted({key for key in counted if _has_values(counted[key])} | recounted.keys())
    found = (_difference(rollup, key, counted, recounted) for key in keys)
    return len(keys), [difference for difference in found if difference is not None]


def _has_values(metrics: Mapping[str, Counted]) -> bool:
    return any(metric.measure.count or metric.members for metric in metrics.values())


def _difference(
    rollup: Rollup, key: CellKey, counted: CountedCells, recounted: RecountedCells
) -> CellDifference | None:
    found, expired = [], True
    stored, expected = counted.get(key, _NO_METRICS), recounted.get(key, _NO_RECOUNT)
    for metric in rollup.metrics:
        one = stored.get(metric.name, _NOT_COUNTED)
        other = expected.get(metric.name, NOTHING)
        differences = list(_parts(metric.name, metric.kind, one, other))
        if differences:
            found.append(differences[0])
            expired = expired and _is_expiry(one, other)
    return CellDifference(rollup.name, key, tuple(found), expired) if found else None


def _is_expiry(counted: Counted, recounted: Recount) -> bool:
    """Whether the events of a metric that differs can have been stored when they were counted: more were
    counted than are stored. With equal counts none is missing, so another total or maximum is a mistake."""
    members_missing = counted.members is not None and counted.members < recounted.count
    return counted.measure.count > recounted.count and not members_missing


def _parts(
    name: str, kind: MetricKind, counted: Counted, recounted: Recount
) -> Iterator[MetricDifference]:
    measure = counted.measure
    compared: list[tuple[Part, object, object]] = [(Part.COUNT, measure.count, recounted.count)]
    if kind is MetricKind.DISTINCT:
        compared.append((Part.MEMBERS, counted.members or 0, recounted.count))
    elif kind is not MetricKind.COUNT:
        compared += [
            (Part.TOTAL, measure.total, recounted.total),
            (Part.MINIMUM, measure.minimum, recounted.minimum),
            (Part.MAXIMUM, measure.maximum, recounted.maximum),
        ]
    for part, stored, expected in compared:
        if stored != expected:
            yield MetricDifference(name, part, _number(stored), _number(expected))


def _number(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]
