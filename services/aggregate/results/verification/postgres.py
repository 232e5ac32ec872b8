"""Reads stored results, and works them out again. Values come in as parameters only."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from libs.common.errors import LimitExceeded
from services.aggregate.postgres import VerifyingConnections
from services.aggregate.results.model import ResultCell, ResultJob, ResultPeriod
from services.aggregate.results.postgres import computed_pages, is_outdated
from services.aggregate.results.verification.compare import Comparison, compare

# Cells of one result, which are held in memory twice; about 1 KB each.
MAX_CELLS = 100_000
_PERIODS = text("""
SELECT period_start, period_end FROM aggregate.results
WHERE app_id = :app_id AND job = :job
    AND period_end > coalesce(CAST(:start AS timestamptz), '-infinity')
    AND period_start < coalesce(CAST(:end AS timestamptz), 'infinity')
ORDER BY period_start
""")
_RESULT = text("""
SELECT inputs, cells FROM aggregate.results
WHERE app_id = :app_id AND job = :job AND period_start = :start
""")
_CELLS = text("""
SELECT rollup, bucket, cell_id, dimensions, metrics FROM aggregate.result_cells
WHERE app_id = :app_id AND job = :job AND period_start = :start
""")


class ResultChecks:
    """Compares results, each in one state of all tables."""

    def __init__(self, connections: VerifyingConnections) -> None:
        self._connections = connections

    async def periods(
        self, job: ResultJob, start: datetime | None, end: datetime | None
    ) -> Sequence[ResultPeriod]:
        """The periods between two moments that have a result, the oldest first."""
        parameters = {"app_id": job.app_id, "job": job.name, "start": start, "end": end}
        async with self._connections.open() as connection:
            rows = (await connection.execute(_PERIODS, parameters)).all()
        return [ResultPeriod(row.period_start, row.period_end) for row in rows]

    async def check(self, job: ResultJob, period: ResultPeriod) -> Comparison | None:
        """A result beside what its job would write now; None if the result is out of date, or gone. Raises
        LimitExceeded, DeadlineExceeded, Unavailable."""
        key = {"app_id": job.app_id, "job": job.name, "start": period.start}
        async with self._connections.open() as connection:
            found = (await connection.execute(_RESULT, key)).one_or_none()
            if found is None or await is_outdated(connection, job, period, found.inputs):
                return None
            _check_size(job, found.cells)
            rows = (await connection.execute(_CELLS, key)).all()
            computed: list[ResultCell] = []
            async for page in computed_pages(connection, job, period):
                computed += page
                _check_size(job, len(computed))
        return compare([ResultCell(*row) for row in rows], computed)


def _check_size(job: ResultJob, cells: int) -> None:
    if cells > MAX_CELLS:
        raise LimitExceeded(
            f"a result of {job.name} has more than {MAX_CELLS} cells: verify the other jobs without it",
            limit="max_cells",
            value=MAX_CELLS,
        )
