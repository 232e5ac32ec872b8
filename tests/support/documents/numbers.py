"""The numbers of a shipped catalog's rollup, as a reader gets them."""

from decimal import Decimal
from typing import Any

from weir.common.v1 import event_pb2

from services.aggregate.counting.fold import fold
from services.aggregate.model import Measure
from services.aggregate.plan import compile_plan
from services.aggregate.values import cell_values
from tests.support.aggregate_batches import batch
from tests.support.documents.shipped import catalogs
from tests.support.pseudonyms import PSEUDONYMS


def cells(
    app_id: str, rollup: str, *events: event_pb2.Event
) -> dict[tuple[Any, ...], dict[str, float]]:
    """The numbers of a rollup, by bucket and dimensions."""
    plan = compile_plan(catalogs()[app_id])
    found = {}
    for key, measures, members in fold(plan, [batch(*events)], PSEUDONYMS)[rollup].cells():
        stored = {
            measure.metric: Measure(
                # A store counts the members of a distinct metric.
                len(members.get(measure.metric, ())) or measure.count,
                None if measure.total is None else Decimal(measure.total),
                measure.minimum,
                measure.maximum,
                measure.bins,
                measure.first_number,
                measure.last_number,
            )
            for measure in measures
        }
        found[key] = cell_values(plan.rollups[rollup], stored)
    return found
