"""Rows of aggregate that name one person, in Postgres. Buckets that can be recounted are."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.subject_data import SubjectRef
from services.aggregate.erasure.left_early import Limits
from services.aggregate.person_cells import NAMED_IN, NAMES, forms_in_numbers, ids_in_numbers
from services.aggregate.results.writers.postgres import exclude_writers

CELLS_AT_A_TIME = 5_000
_NEXT_CELLS = text("""
SELECT cell_id FROM aggregate.cells WHERE app_id = :app_id AND cell_id > :after
ORDER BY cell_id LIMIT :limit
""")
# Those of sealed buckets are not recounted any more. A rollup that no catalog declares never is.
_CELLS = """
    SELECT c.cell_id, c.rollup, c.bucket, c.dimensions,
        declared.rollup IS NULL OR c.bucket < declared.open_from AS is_sealed,
        declared.rollup IS NULL OR c.bucket < declared.member_from AS is_over
    FROM aggregate.cells AS c LEFT JOIN unnest(
        CAST(:rollups AS text[]), CAST(:open_from AS timestamptz[]), CAST(:member_from AS timestamptz[])
    ) AS declared (rollup, open_from, member_from) ON declared.rollup = c.rollup
    WHERE c.cell_id = ANY(:cells)
"""
_FORMS = "CAST(:forms AS text[])"
_NAMED_MEMBER = NAMES.format(text="m.member", forms=_FORMS)
_NAMED_CELL = NAMED_IN.format(dimensions="found.dimensions", forms=_FORMS)
_DELETE_MEMBERS = text(f"""
DELETE FROM aggregate.members AS m USING ({_CELLS}) AS found
WHERE m.cell_id = found.cell_id AND (
    (found.is_over AND m.member = ANY(CAST(:ids AS text[]))) OR (found.is_sealed AND {_NAMED_MEMBER})
)
""")
_HIDE_CELLS = text(f"""
WITH gone AS (
    DELETE FROM aggregate.cells AS c USING ({_CELLS}) AS found
    WHERE found.is_sealed AND c.cell_id = found.cell_id AND {_NAMED_CELL}
    RETURNING c.cell_id
)
INSERT INTO aggregate.old_cells (cell_id) SELECT cell_id FROM gone ON CONFLICT DO NOTHING
""")
_OPEN_BUCKETS = text(f"""
SELECT DISTINCT found.rollup, extract(epoch FROM found.bucket)::bigint FROM ({_CELLS}) AS found
WHERE found.is_sealed IS FALSE AND ({_NAMED_CELL} OR EXISTS (
    SELECT FROM aggregate.members AS m WHERE m.cell_id = found.cell_id AND {_NAMED_MEMBER}
))
""")
_DELETE_RESULTS = text(f"""
WITH gone AS (
    DELETE FROM aggregate.result_cells
    WHERE app_id = :app_id AND {NAMED_IN.format(dimensions="dimensions", forms=_FORMS)}
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
    limits: Mapping[str, Limits],
) -> tuple[int, int]:
    """Deletes the person's memberships in cells of buckets that are over, and in sealed ones other members
    that name the person, and cells whose dimensions do; how many members and cells. `limits` are those of
    each declared rollup."""
    values = _values(subject, cells, limits)
    members = (await connection.execute(_DELETE_MEMBERS, values)).rowcount
    hidden = (await connection.execute(_HIDE_CELLS, values)).rowcount
    return members, hidden


async def open_buckets_with(
    connection: AsyncConnection,
    subject: SubjectRef,
    cells: Sequence[UUID],
    limits: Mapping[str, Limits],
) -> Sequence[tuple[str, int]]:
    """Of the buckets of these cells that are not sealed, those that name the person: rollups and starts, in
    seconds since the epoch."""
    rows = await connection.execute(_OPEN_BUCKETS, _values(subject, cells, limits))
    return [(rollup, start) for rollup, start in rows]


async def forget_in_results(connection: AsyncConnection, subject: SubjectRef) -> int:
    """Deletes cells of stored results that name the person, those included that are being written; how many.
    Only once no cell has the person. Raises Unavailable if a result takes long to write."""
    await exclude_writers(connection)
    values = {"app_id": subject.app_id, "forms": forms_in_numbers(subject)}
    return int((await connection.execute(_DELETE_RESULTS, values)).scalar_one())


def _values(
    subject: SubjectRef, cells: Sequence[UUID], limits: Mapping[str, Limits]
) -> dict[str, Any]:
    return {
        "cells": list(cells),
        "rollups": list(limits),
        "open_from": [each.open_from for each in limits.values()],
        "member_from": [each.member_from for each in limits.values()],
        "ids": ids_in_numbers(subject),
        "forms": forms_in_numbers(subject),
    }
