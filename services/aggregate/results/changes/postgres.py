"""Reads how often what a job reads has changed. Values come in as parameters only."""

from collections import defaultdict
from datetime import datetime
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.aggregate.results.inputs import Versions
from services.aggregate.results.model import ResultJob

# Each event is counted by the rollup `events`, whose measures' versions grow with it: so also an event that
# changes no other rollup, but a metric of single people. A recount of any bucket makes its revision grow.
_VERSIONS = text("""
SELECT c.bucket, sum(m.version) AS version
FROM aggregate.cells AS c JOIN aggregate.measures AS m USING (cell_id)
WHERE c.app_id = :app_id AND c.rollup = 'events' AND c.dimensions ->> 'name' = ANY(:names)
    AND c.bucket >= :start AND c.bucket < :end
GROUP BY c.bucket
UNION ALL
SELECT bucket, sum(revision) FROM aggregate.buckets
WHERE app_id = :app_id AND rollup = ANY(:rollups) AND bucket >= :start AND bucket < :end
GROUP BY bucket
""")
_IS_DIRTY = text("""
SELECT EXISTS (
    SELECT FROM aggregate.buckets
    WHERE app_id = :app_id AND rollup = ANY(:rollups) AND bucket >= :start AND bucket < :end
        AND dirty_mark IS NOT NULL
)
""")


async def read_versions(
    connection: AsyncConnection, job: ResultJob, start: datetime, end: datetime
) -> Versions:
    """The changes of what the job reads, in buckets that begin from `start` (inclusive) to `end`
    (exclusive)."""
    parameters = {**_parameters(job, start, end), "names": sorted(job.inputs.names)}
    found: defaultdict[datetime, Decimal] = defaultdict(Decimal)
    for bucket, version in await connection.execute(_VERSIONS, parameters):
        found[bucket] += version
    return Versions.of(found)


async def is_dirty(
    connection: AsyncConnection, job: ResultJob, start: datetime, end: datetime
) -> bool:
    """Whether one of these buckets of the job's rollups is about to be recounted."""
    found = await connection.execute(_IS_DIRTY, _parameters(job, start, end))
    return bool(found.scalar_one())


def _parameters(job: ResultJob, start: datetime, end: datetime) -> dict[str, object]:
    rollups = sorted(job.inputs.rollups)
    return {"app_id": job.app_id, "rollups": rollups, "start": start, "end": end}
