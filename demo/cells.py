"""Rollup cells as plain values, and where two sets of them differ. Pure."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from libs.events.recount import RecountKey

# The values of each cell's metrics; a metric without a value is missing.
Cells = Mapping[RecountKey, Mapping[str, float]]

# Sums are exact on all sides; averages are rounded at the last place of a double.
_RELATIVE_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell that is not what it should be; None if one side has no such cell."""

    app_id: str
    rollup: str
    key: RecountKey
    found: Mapping[str, float] | None
    expected: Mapping[str, float] | None
    # Who expected it: `sql` or `generator`.
    by: str

    def __str__(self) -> str:
        bucket, dimensions = self.key
        return (
            f"{self.app_id} {self.rollup} {bucket} {dimensions}: "
            f"is {_shown(self.found)}, by {self.by} {_shown(self.expected)}"
        )


def with_values(values: Mapping[str, float | None]) -> dict[str, float]:
    """The metrics that have a value: a count of nothing is none, an average of nothing neither.

    Zero is a value of a sum, so pass None for a sum of nothing.
    """
    return {name: value for name, value in values.items() if value is not None}


def differences(
    app_id: str, rollup: str, found: Cells, expected: Cells, by: str
) -> list[Difference]:
    """Every cell that differs, in both directions."""
    return [
        Difference(app_id, rollup, key, found.get(key), expected.get(key), by)
        for key in sorted(found.keys() | expected.keys())
        if not _same(found.get(key), expected.get(key))
    ]


def _same(found: Mapping[str, float] | None, expected: Mapping[str, float] | None) -> bool:
    if found is None or expected is None or found.keys() != expected.keys():
        return False
    return all(
        math.isclose(value, expected[name], rel_tol=_RELATIVE_TOLERANCE)
        for name, value in found.items()
    )


def _shown(values: Mapping[str, float] | None) -> str:
    return "absent" if values is None else json.dumps(dict(sorted(values.items())))
