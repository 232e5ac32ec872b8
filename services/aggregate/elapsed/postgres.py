"""Times between events, which are not counted but computed from stored events when cells are read: of events
that have expired there are none."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.events.recount import RecountQuery, cell_key
from libs.stores.postgres import driver_connection
from services.aggregate.buckets import bucket_end, moment, seconds_since_epoch
from services.aggregate.model import Measure
from services.aggregate.plan import RollupPlan

# A cell's bucket and dimensions, and its measures by name.
ReadMeasures = tuple[datetime, Mapping[str, Any], dict[str, Measure]]


async def add_elapsed(
    connection: AsyncConnection, app_id: str, plan: RollupPlan, cells: Sequence[ReadMeasures]
) -> None:
    """Adds the measures of the times of each cell to those that were read. Raises what Postgres raises."""
    if plan.elapsed is None or not cells:
        return
    buckets = [bucket for bucket, _, _ in cells]
    end = bucket_end(plan.period, seconds_since_epoch(max(buckets)))
    query = RecountQuery(
        app_id, plan.elapsed.rollup, plan.elapsed.dimension_characters, min(buckets), moment(end)
    )
    driver = await driver_connection(connection)
    rows = await driver.execute(query.statement.encode(), query.parameters)
    found = query.cells(await rows.fetchall())
    for bucket, dimensions, measures in cells:
        key = cell_key(seconds_since_epoch(bucket), dimensions)
        for name, one in found.get(key, {}).items():
            measures[name] = Measure(one.count, one.total, None, None)
