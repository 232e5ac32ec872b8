"""What a reader sees of a stored measure, worked out by hand."""

from decimal import Decimal

import pytest

from libs.catalog import Metric, MetricKind
from services.aggregate.model import Measure
from services.aggregate.values import metric_value


def _metric(kind: MetricKind) -> Metric:
    return Metric("m", kind, None)


def test_an_average_is_rounded_once() -> None:
    """74235848979120126 and a little, divided by 3, is 24745282993040042 and a little. Doubles of this size
    are 4 apart: it lies just beyond the middle of ...040 and ...044, and rounds to the latter. Rounded to 28
    digits first it would be the middle itself, which rounds to the even one, ...040."""
    total = Decimal(-34649899916066816) + Decimal(-39585949063053310)
    exact = Measure(3, Decimal("-74235848979120126.00000000000000000000000000002867"), -1.0, 1.0)
    assert total == -74235848979120126
    assert metric_value(_metric(MetricKind.AVG), exact) == -24745282993040044.0
    assert (
        metric_value(_metric(MetricKind.AVG), Measure(3, total, -1.0, 1.0)) == -24745282993040040.0
    )


@pytest.mark.parametrize(
    ("kind", "measure", "value"),
    [
        (MetricKind.COUNT, Measure(3, None, None, None), 3.0),
        (MetricKind.DISTINCT, Measure(2, None, None, None), 2.0),
        (MetricKind.SUM, Measure(2, Decimal("0.3"), 0.1, 0.2), 0.3),
        (MetricKind.AVG, Measure(4, Decimal(10), 1.0, 4.0), 2.5),
        (MetricKind.MIN, Measure(2, Decimal(5), -1.0, 6.0), -1.0),
        (MetricKind.MAX, Measure(2, Decimal(5), -1.0, 6.0), 6.0),
        (MetricKind.SUM, Measure(0, None, None, None), None),
        (MetricKind.DISTINCT, Measure(0, None, None, None), None),
    ],
)
def test_what_a_reader_sees(kind: MetricKind, measure: Measure, value: float | None) -> None:
    assert metric_value(_metric(kind), measure) == value


@pytest.mark.parametrize(("count", "value"), [(2, 6.0), (3, None)])
def test_a_quantile_is_of_all_numbers_that_were_counted(count: int, value: float | None) -> None:
    """4 is 2**2 and 6 is 1.5 * 2**2, so their bins are (1023 + 2) * 128 and 64 more. Of three numbers one was
    counted before the catalog had the quantile."""
    metric = Metric("p90", MetricKind.QUANTILE, None, at=0.9)
    measure = Measure(count, Decimal(20), 4.0, 10.0, {"131200": 1, "131264": 1})
    assert metric_value(metric, measure) == value
    assert metric_value(metric, Measure(count, Decimal(20), 4.0, 10.0)) is None
