"""Names of metrics that are none."""

import pytest

from libs.common.errors import InvalidArgument, NotFound
from services.aggregate.named_metrics.convert import metric_of
from tests.support.arena_catalog import compile_arena

GAUGE = """
gauges:
  online: {seen: activity, within: 5m}
metrics:
  keen: {counts: [match.*]}
"""


def test_a_gauge_is_answered_by_another_call() -> None:
    catalog = compile_arena(lambda text: text + GAUGE)
    with pytest.raises(InvalidArgument, match="QueryGauges") as caught:
        metric_of(catalog, "online")
    assert caught.value.field == "metric"


def test_an_unknown_name_is_answered_with_those_that_there_are() -> None:
    catalog = compile_arena(lambda text: text + GAUGE)
    with pytest.raises(NotFound, match="keen") as caught:
        metric_of(catalog, "kean")
    assert caught.value.reason == "METRIC_UNKNOWN"
