"""Rows of aggregate that are about one person, in Postgres. Buckets that can be recounted are, and have
none."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.subject_data import SubjectRef
from services.aggregate.person_cells import SPLIT_BY, ids_in_numbers

CELLS_AT_A_TIME = 5_000
_NEXT_CELLS = text("""
SELECT cell_id FROM aggregate.cells WHERE app_id = :app_id AND cell_id > :after
ORDER BY cell_id LIMIT :limit
""")
# Of buckets that are not recounted any more. A rollup that no catalog declares never is.
_SEALED = """
    SELECT c.cell_id, c.dimensions FROM aggregate.cells AS c
    LEFT JOIN unnest(CAST(:rollups AS text[]), CAST(:firsts AS timestamptz[])) AS open (rollup, first)
        ON open.rollup = c.rollup
    WHERE c.cell_id = ANY(:cells) AND (open.rollup IS NULL OR c.bucket < open.first)
"""
_DELETE_MEMBERS = text(f"""
DELETE FROM aggregate.members AS m USING ({_SEALED}) AS sealed
WHERE m.cell_id = sealed.cell_id AND m.member = ANY(:ids)
""")
_HIDE_CELLS = text(f"""
WITH gone AS (
    DELETE FROM aggregate.cells AS c USING ({_SEALED}) AS sealed
    WHERE c.cell_id = sealed.cell_id AND {SPLIT_BY.format("sealed.dimensions", ":ids")}
    RETURNING c.cell_id
)
INSERT INTO aggregate.old_cells (cell_id) SELECT cell_id FROM gone ON CONFLICT DO NOTHING
""")
_DELETE_RESULTS = text(f"""
WITH gone AS (
    DELETE FROM aggregate.result_cells WHERE app_id = :app_id AND {SPLIT_BY.format("dimensions", ":ids")}
    RETURNING job, period_start
), fewer AS (
    SELECT job, period_start, count(*) AS cells FROM gone GROUP BY job, period_start
), noted AS (
    UPDATE aggregate.results AS r SET cells = r.cells - fewer.cells FROM fewer
    WHERE r.app_id = :app_id AND r.job = fewer.job AND r.period_start = fewer.period_start
)
SELECT count(*) FROM gone
""")


async def next_cells(connection: AsyncConnection, app_id: str, after: UUID) -> Sequence[UUID]:
    """Ids of the next cells of an app."""
    rows = await connection.execute(
        _NEXT_CELLS, {"app_id": app_id, "after": after, "limit": CELLS_AT_A_TIME}
    )
    return rows.scalars().all()


async def forget_in_cells(
    connection: AsyncConnection,
    subject: SubjectRef,
    cells: Sequence[UUID],
    kept_from: Mapping[str, datetime],
) -> tuple[int, int]:
    """Deletes the person's memberships in cells of buckets that are not recounted, and such cells that are
    about the person alone; how many of each. `kept_from` says of each declared rollup when the first bucket
    begins that may have the person."""
    values: dict[str, Any] = {
        "cells": list(cells),
        "rollups": list(kept_from),
        "firsts": list(kept_from.values()),
        "ids": ids_in_numbers(subject),
    }
    members = (await connection.execute(_DELETE_MEMBERS, values)).rowcount
    hidden = (await connection.execute(_HIDE_CELLS, values)).rowcount
    return members, hidden


async def forget_in_results(connection: AsyncConnection, subject: SubjectRef) -> int:
    """Deletes cells of stored results that are about the person alone; how many."""
    values = {"app_id": subject.app_id, "ids": ids_in_numbers(subject)}
    return int((await connection.execute(_DELETE_RESULTS, values)).scalar_one())
