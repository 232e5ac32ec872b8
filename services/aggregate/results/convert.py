"""Requests for results, and their answers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from weir.aggregate.v1 import job_service_pb2 as pb

from libs.common.errors import NotFound
from services.aggregate.buckets import seconds_since_epoch
from services.aggregate.convert import cell_message, reliability_message, zoned_time
from services.aggregate.results.model import COHORTS, METRICS, PEOPLE, Place, ResultCell, ResultPage


class PageCursor:
    """Where a page ended: the result, how often it had been written, and the last cell."""

    def __init__(self, start: datetime, revision: int, place: Place) -> None:
        self.start = start
        self.revision = revision
        self.place = place

    def values(self) -> tuple[str, int, str, str, str]:
        """As a page token carries it."""
        rollup, bucket, cell_id = self.place
        return self.start.isoformat(), self.revision, rollup, bucket.isoformat(), cell_id.hex


def page_cursor(start: str, revision: int, rollup: str, bucket: str, cell_id: str) -> PageCursor:
    """The cursor of `PageCursor.values`. Raises ValueError or TypeError for values that it never makes."""
    return PageCursor(
        zoned_time(start), int(revision), (str(rollup), zoned_time(bucket), UUID(cell_id))
    )


def result_unknown(job: str, newest: Sequence[datetime]) -> NotFound:
    """The error for a result that is not there. `newest` is where the periods of some others begin."""
    starts = ", ".join(f"{start.astimezone(UTC):%Y-%m-%dT%H:%MZ}" for start in newest)
    return NotFound(
        f"the job has no result of this period; its newest are of the periods from {starts}"
        if newest
        else "the job has no result yet",
        reason="RESULT_UNKNOWN",
        metadata={"job": job},
    )


def cell(found: ResultCell) -> pb.ResultCell:
    """One cell of a result."""
    bucket = seconds_since_epoch(found.bucket)
    return pb.ResultCell(
        rollup="" if found.rollup in (METRICS, PEOPLE, COHORTS) else found.rollup,
        cell=cell_message(bucket, found.dimensions, found.metrics),
    )


def response(page: ResultPage) -> pb.GetJobResultResponse:
    """An answer without its cells."""
    result = page.result
    message = pb.GetJobResultResponse(
        total_cells=result.cells,
        revision=result.revision,
        reliability=reliability_message(
            is_final=result.is_final and not page.is_outdated,
            watermark=result.watermark,
            calculated_at=result.calculated_at,
        ),
        is_outdated=page.is_outdated,
    )
    message.period_start.FromDatetime(result.period.start)
    message.period_end.FromDatetime(result.period.end)
    return message
