"""QueryCohortRetention: how many of each cohort came back, page by page."""

from dataclasses import replace

from weir.aggregate.v1 import aggregate_service_pb2 as pb

from libs.catalog import Catalogs
from libs.common.clock import Clock
from libs.rpc.page_tokens import PageTokens
from services.aggregate.behaviour.cohorts import retention
from services.aggregate.behaviour.convert import cohort_page, cohort_query
from services.aggregate.convert import SERVICE_NAME, zoned_time
from services.aggregate.plan_lookup import plan_of
from services.aggregate.ports import ActivityReader


class CohortQueries:
    """Answers `weir.aggregate.v1.AggregateService/QueryCohortRetention`."""

    def __init__(self, catalogs: Catalogs, activity: ActivityReader, clock: Clock) -> None:
        self._catalogs = catalogs
        self._activity = activity
        self._pages = PageTokens(f"/{SERVICE_NAME}/QueryCohortRetention", clock)

    async def query(
        self, request: pb.QueryCohortRetentionRequest
    ) -> pb.QueryCohortRetentionResponse:
        """One page. Raises AppUnknown, InvalidArgument."""
        app = plan_of(self._catalogs.current, request.app_id)
        first = self._pages.read(request, zoned_time)
        query = replace(cohort_query(request), first=first)
        newest, counts = await self._activity.active_counts(app.app_id, query.period)
        cohorts, following = cohort_page(retention(query, newest, counts))
        token = self._pages.issue(request, [following.isoformat()]) if following else ""
        return pb.QueryCohortRetentionResponse(cohorts=cohorts, next_page_token=token)
