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
# Less of these means that events are missing; a sum may be less because of one that is negative.
_GROWING = frozenset({Part.COUNT, Part.MEMBERS})


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
    found, lost = [], False
    stored, expected = counted.get(key, _NO_METRICS), recounted.get(key, _NO_RECOUNT)
    for metric in rollup.metrics:
        differences = list(
            _parts(
                metric.name,
                metric.kind,
                stored.get(metric.name, _NOT_COUNTED),
                expected.get(metric.name, NOTHING),
            )
        )
        found += differences[:1]
        lost = lost or any(
            one.part in _GROWING and (one.counted or 0) < (one.recounted or 0)
            for one in differences
        )
    return CellDifference(rollup.name, key, tuple(found), lost) if found else None


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
