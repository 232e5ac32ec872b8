"""VerifyJobResults: what of the stored results is not what their jobs would write now."""

from collections.abc import Awaitable, Callable, Sequence

from weir.aggregate.v1 import job_service_pb2 as pb

from libs.catalog import Catalog, Catalogs, Period
from libs.common.apps import catalog_of
from libs.common.clock import Clock, moment_of
from libs.rpc.audited_reads import ReadNote
from libs.rpc.permissions import Permission
from libs.rpc.principal import is_permitted
from services.aggregate.convert import time_range
from services.aggregate.plan_lookup import not_declared
from services.aggregate.read_slots import ReadSlots
from services.aggregate.results.convert import cell
from services.aggregate.results.model import (
    PEOPLE,
    ResultJob,
    ResultPeriod,
    is_personal,
    is_sealed,
    name_in_catalog,
    result_jobs,
)
from services.aggregate.results.verification.compare import ValueDifference
from services.aggregate.results.verification.postgres import ResultChecks
from services.aggregate.stalls import StallLimit

# Differences that are sent, of each job.
MAX_LISTED = 1_000
Send = Callable[[pb.VerifyJobResultsResponse], Awaitable[None]]


class ResultVerifications:
    """Answers `weir.aggregate.v1.JobService/VerifyJobResults`. A client that takes nothing for too long is
    cut off, because it keeps others from a slot."""

    def __init__(
        self,
        catalogs: Catalogs,
        checks: ResultChecks,
        slots: ReadSlots,
        clock: Clock,
        stall: StallLimit,
    ) -> None:
        self._catalogs = catalogs
        self._checks = checks
        self._slots = slots
        self._clock = clock
        self._stall = stall

    async def verify(self, request: pb.VerifyJobResultsRequest, send: Send, note: ReadNote) -> None:
        """Sends the differences and then the summary; differences that are about single people are put on
        record with `note`. Raises AppUnknown, NotFound, InvalidArgument,
        LimitExceeded, DeadlineExceeded."""
        snapshot = self._catalogs.current
        catalog = catalog_of(snapshot, request.app_id)
        jobs = _wanted(snapshot.derived(request.app_id, result_jobs), request)
        start, end = time_range(request, Period.HOUR)
        summary = pb.ResultsSummary()
        people = is_permitted(Permission.READ_PERSONAL_NUMBERS)
        async with self._slots.hold():
            for job in jobs:
                listed = 0
                for period in await self._checks.periods(job, start, end):
                    differences = await self._check(catalog, job, period, summary)
                    for difference in differences[: MAX_LISTED - listed]:
                        listed += 1
                        is_of_people = _is_of_people(job, difference)
                        if is_of_people and people:
                            await note({"jobs": [job.name]})
                        message = _message(
                            job, period, difference, is_named=people or not is_of_people
                        )
                        await self._stall.send(
                            send(pb.VerifyJobResultsResponse(difference=message))
                        )
            await self._stall.send(send(pb.VerifyJobResultsResponse(summary=summary)))

    async def _check(
        self, catalog: Catalog, job: ResultJob, period: ResultPeriod, summary: pb.ResultsSummary
    ) -> Sequence[ValueDifference]:
        """The differences of one result, which is added to the summary."""
        if is_sealed(catalog, job, period, moment_of(self._clock.now_us())):
            summary.results_sealed += 1
            return ()
        found = await self._checks.check(job, period)
        if found is None:
            summary.results_outdated += 1
            return ()
        summary.results_compared += 1
        summary.results_different += bool(found.differences)
        summary.values_compared += found.values
        summary.values_different += len(found.differences)
        return found.differences


def _wanted(declared: Sequence[ResultJob], request: pb.VerifyJobResultsRequest) -> list[ResultJob]:
    by_name = {job.name: job for job in declared}
    names = {name_in_catalog(request.app_id, name) for name in request.jobs}
    for name in names:
        if name not in by_name:
            raise not_declared("job", name, by_name)
    return [by_name[name] for name in sorted(names or by_name)]


def _is_of_people(job: ResultJob, difference: ValueDifference) -> bool:
    return difference.cell.rollup == PEOPLE or is_personal(job.app, difference.cell)


def _message(
    job: ResultJob, period: ResultPeriod, difference: ValueDifference, *, is_named: bool
) -> pb.ResultDifference:
    found = cell(difference.cell)
    message = pb.ResultDifference(
        job=job.name,
        rollup=found.rollup,
        bucket_start=found.cell.bucket_start,
        metric=difference.metric,
        stored=difference.stored,
        computed=difference.computed,
    )
    message.period_start.FromDatetime(period.start)
    if is_named:
        message.dimensions.CopyFrom(found.cell.dimensions)
    return message
