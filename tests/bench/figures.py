"""The arithmetic of measurements: medians with ranges, percentiles, ratios of pairs; and their digits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

# From here on, nothing after the point means anything.
_WHOLE_FROM = 100


@dataclass(frozen=True, slots=True)
class Figure:
    """What several runs of one measurement gave."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        """The median (of an even number, the mean of the middle two), smallest and largest value.

        Raises ValueError if there is none.
        """
        if not values:
            raise ValueError("no run, no figure")
        return cls(median(values), min(values), max(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` % of the values do not exceed (nearest rank).

    Always one of the values: nothing is interpolated. Raises ValueError if there is none.
    """
    if not values:
        raise ValueError("no values, no percentile")
    rank = max(1, math.ceil(percent / 100 * len(values)))
    return sorted(values)[rank - 1]


def pair_ratios(values: Sequence[float], references: Sequence[float]) -> list[float]:
    """Each value over the reference that was measured right after it, so that what the machine did
    meanwhile weighs on both. Raises ValueError if one has no partner."""
    return [value / reference for value, reference in zip(values, references, strict=True)]


def ratio_of_medians(values: Sequence[float], references: Sequence[float]) -> Figure:
    """The median of the values over that of the references, with the range of the pairs' ratios.

    For sides that take turns, if now and then a run is slowed a lot more than the sides differ. Raises
    ValueError if a value has no partner, or if there is none.
    """
    ratios = Figure.of(pair_ratios(values, references))
    return Figure(median(values) / median(references), ratios.low, ratios.high)


def rounded(value: float) -> float:
    """As many digits as mean anything."""
    return round(value) if value >= _WHOLE_FROM else round(value, 3)


def text(value: float) -> str:
    """A number for people, with as many digits as mean anything."""
    return f"{value:,.0f}" if value >= _WHOLE_FROM else f"{value:.3g}"


def range_text(figure: Figure) -> str:
    """The smallest and the largest value."""
    return f"{text(figure.low)} .. {text(figure.high)}"
