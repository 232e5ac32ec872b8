"""Straight lines through a few values, worked out by hand."""

from math import sqrt

import pytest

from services.aggregate.named_metrics.trends import trend


def test_values_on_a_line() -> None:
    found = trend([10, 12, 14, 16])
    assert found is not None
    assert (found.slope, found.forecast, found.low, found.high) == pytest.approx((2, 18, 18, 18))


def test_values_beside_the_line() -> None:
    """1, 3, 2, 4: mean 2.5 at 1.5; slope (2.25 - 0.25 - 0.25 + 2.25) / 5 = 0.8. The line is at
    1.3, 2.1, 2.9, 3.7; the residuals -0.3, 0.9, -0.9, 0.3 have squares of 1.8 together, 0.9 for each degree
    of freedom; next is 4.5."""
    found = trend([1, 3, 2, 4])
    assert found is not None
    assert (found.slope, found.forecast) == pytest.approx((0.8, 4.5))
    assert (found.low, found.high) == pytest.approx((4.5 - 2 * sqrt(0.9), 4.5 + 2 * sqrt(0.9)))


def test_a_period_without_a_value_keeps_its_place() -> None:
    """10, nothing, 14, 16 is still two more each period."""
    found = trend([10, None, 14, 16])
    assert found is not None
    assert (found.slope, found.forecast) == pytest.approx((2, 18))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [1.0, None, 2.0]])
def test_two_values_have_no_trend(values: list[float | None]) -> None:
    assert trend(values) is None
