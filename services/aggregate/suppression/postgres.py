"""Reads how many people the cells of a rollup are about. Values come in as parameters only."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.catalog import Catalog
from libs.common.errors import LimitExceeded
from services.aggregate.buckets import bucket_end, moment, seconds_since_epoch
from services.aggregate.plan import RollupPlan
from services.aggregate.suppression.lines import (
    CellKey,
    is_about_people,
    lines_of,
    longer_periods,
    whole,
)
from services.aggregate.suppression.tables import NO_LIMIT, withheld
from services.aggregate.suppression.values import people_measure

# Cells that one answer is judged by; about 1 KB each while that lasts.
MAX_CELLS = 100_000
# Of a rollup that counts no people: how many events there are. People may be fewer, never more.
_COUNT = """coalesce((
    SELECT max(m.count) FROM aggregate.measures AS m
    WHERE m.cell_id = c.cell_id AND (CAST(:people AS text) = '' OR m.metric = :people)
), 0)"""
_CONDITIONS = """
WHERE c.app_id = :app_id AND c.rollup = :rollup AND c.bucket >= :start AND c.bucket < :end
"""
_SINGLE = text(f"""
SELECT c.cell_id, c.bucket, c.dimensions, {_COUNT} AS people
FROM aggregate.cells AS c {_CONDITIONS} LIMIT :limit
""")
_GROUPS_OF_PEOPLE = """
SELECT c.bucket, {values} AS dimensions, count(DISTINCT m.member) AS people
FROM aggregate.cells AS c
LEFT JOIN aggregate.members AS m ON m.cell_id = c.cell_id AND m.metric = :people
{conditions} GROUP BY 1, 2 LIMIT :limit
"""
_GROUPS_OF_EVENTS = """
SELECT c.bucket, {values} AS dimensions, CAST(sum({count}) AS bigint) AS people
FROM aggregate.cells AS c {conditions} GROUP BY 1, 2 LIMIT :limit
"""


def json_text(value: Any) -> str:
    """A dimension's value as text, the same for equal values."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


async def shown_cells(
    connection: AsyncConnection,
    catalog: Catalog,
    plan: RollupPlan,
    buckets: tuple[datetime, datetime],
    least: int,
) -> Set[bytes]:
    """The ids of the cells of a rollup that are shown, at least of those from the first to before the second
    of `buckets`. They depend on what is stored alone, and not on what else a caller asks for. Raises
    LimitExceeded."""
    periods = longer_periods(catalog, catalog.rollups[plan.name])
    rows = await _rows(connection, _SINGLE, _parameters(catalog, plan, whole(periods, *buckets)))
    # Two cells have one key if one of them was counted before the rollup had the dimension.
    ids: defaultdict[CellKey, list[bytes]] = defaultdict(list)
    people: dict[CellKey, int] = {}
    for row in rows:
        key = (row.bucket, *(json_text(row.dimensions.get(name)) for name in plan.dimension_names))
        ids[key].append(row.cell_id.bytes)
        people[key] = min(row.people, people.get(key, row.people))
    hidden = withheld(people, lines_of(periods), least)
    return {cell_id for key in people if key not in hidden for cell_id in ids[key]}


class ShownCells:
    """The cells that are shown, over connections of `engine`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of(
        self, catalog: Catalog, plan: RollupPlan, buckets: Collection[datetime], least: int
    ) -> Set[bytes] | None:
        """See `shown_cells`; those of some buckets of a rollup. None: all are."""
        if least == NO_LIMIT or not buckets:
            return None
        if not is_about_people(catalog, catalog.rollups[plan.name]):
            return None
        end = bucket_end(plan.period, seconds_since_epoch(max(buckets)))
        async with self._engine.connect() as connection:
            return await shown_cells(connection, catalog, plan, (min(buckets), moment(end)), least)


async def withheld_groups(
    connection: AsyncConnection,
    catalog: Catalog,
    plan: RollupPlan,
    labels: Sequence[str],
    buckets: tuple[datetime, datetime],
    least: int,
) -> tuple[Set[CellKey], Mapping[CellKey, int]]:
    """The groups of a rollup's cells, by bucket and some of its dimensions, that are withheld, and how many
    people each group has. Raises LimitExceeded."""
    periods = longer_periods(catalog, catalog.rollups[plan.name])
    parameters = _parameters(catalog, plan, whole(periods, *buckets))
    names = []
    for number, label in enumerate(labels):
        parameters[f"label{number}"] = label
        names.append(f"coalesce(c.dimensions -> CAST(:label{number} AS text), 'null')")
    statement = _GROUPS_OF_PEOPLE if parameters["people"] else _GROUPS_OF_EVENTS
    values = f"jsonb_build_array({', '.join(names)})"
    sql = statement.format(values=values, conditions=_CONDITIONS, count=_COUNT)
    people = {
        (row.bucket, *map(json_text, row.dimensions)): row.people
        for row in await _rows(connection, text(sql), parameters)
    }
    return withheld(people, lines_of(periods), least), people


def _parameters(
    catalog: Catalog, plan: RollupPlan, buckets: tuple[datetime, datetime]
) -> dict[str, object]:
    return {
        "app_id": catalog.app_id,
        "rollup": plan.name,
        "people": people_measure(plan),
        "start": buckets[0],
        "end": buckets[1],
        "limit": MAX_CELLS + 1,
    }


async def _rows(connection: AsyncConnection, statement: Any, parameters: Any) -> Sequence[Any]:
    rows = (await connection.execute(statement, parameters)).all()
    if len(rows) > MAX_CELLS:
        raise LimitExceeded(
            "the buckets have too many cells to see which of them are of a few people; ask for less time,"
            " or with a token for numbers of single people",
            limit="max_cells",
            value=MAX_CELLS,
        )
    return rows
