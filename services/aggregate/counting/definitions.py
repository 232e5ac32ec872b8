"""What the cells of a rollup depend on. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from libs.catalog import Period
from services.aggregate.plan import AppPlan, MeasurePlan, RollupPlan

# (app, rollup).
RollupKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Definition:
    """What the cells of a rollup are made of: `shape` is a hash of all but its events."""

    shape: bytes
    period: Period
    events: frozenset[str]


def definitions(plan: AppPlan) -> Mapping[RollupKey, Definition]:
    """Those of an app's rollups."""
    events: dict[str, set[str]] = {name: set() for name in plan.rollups}
    for event, found in plan.by_event.items():
        for rollup in found.rollups:
            events[rollup.name].add(event)
    return {
        (plan.app_id, name): Definition(
            _shape(rollup, plan.dimension_characters), rollup.period, frozenset(events[name])
        )
        for name, rollup in plan.rollups.items()
    }


def _shape(plan: RollupPlan, dimension_characters: int) -> bytes:
    dimensions = [[one.name, str(one.source)] for one in plan.dimensions]
    # How long a value is kept matters only to those that are split by one.
    longest = dimension_characters if dimensions else 0
    measures = [_measure(measure) for measure in plan.measures]
    content = orjson.dumps([str(plan.period), dimensions, measures, longest])
    return hashlib.blake2b(content, digest_size=16).digest()


def _measure(measure: MeasurePlan) -> list[object]:
    return [
        measure.name,
        None if measure.source is None else str(measure.source),
        list(map(str, measure.conditions)),
        measure.is_distinct,
        measure.has_bins,
        measure.has_edges,
    ]
