"""Trends: a straight line through the values of some periods, by least squares. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

# A line through two points says nothing about how good it is.
LEAST_VALUES = 3
# About 95 of 100 normally distributed values are within so many standard errors.
_BAND_ERRORS = 2.0


@dataclass(frozen=True, slots=True)
class Trend:
    """`slope` is the change in one period; `forecast` is where the line is one period after the last value,
    and `low` and `high` are two standard errors of the residuals away from it."""

    slope: float
    forecast: float
    low: float
    high: float


def trend(values: Sequence[float | None]) -> Trend | None:
    """The trend of the values of consecutive periods, oldest first; None for periods without one, of which
    the line says nothing. None if fewer than LEAST_VALUES are there."""
    points = [(float(x), y) for x, y in enumerate(values) if y is not None]
    if len(points) < LEAST_VALUES:
        return None
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    at_zero = mean_y - slope * mean_x
    residuals = sum((y - at_zero - slope * x) ** 2 for x, y in points)
    error = sqrt(residuals / (len(points) - 2))
    forecast = at_zero + slope * len(values)
    return Trend(slope, forecast, forecast - _BAND_ERRORS * error, forecast + _BAND_ERRORS * error)
