"""VerifyRollups: what of the rollups is not what the stored events come to."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing

from weir.aggregate.v1 import verify_pb2 as pb

from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock, moment_of
from libs.common.errors import LimitExceeded
from services.aggregate.plan_lookup import plan_of, rollup_of
from services.aggregate.verify.convert import difference_messages, summary_message, verify_query
from services.aggregate.verify.model import Totals
from services.aggregate.verify.verifier import Verifier

# Differences that are sent, of each rollup.
MAX_LISTED = 1_000
# Minutes, if there are many events.
_RETRY_AFTER_SECONDS = 10.0


class Verifications:
    """Answers `weir.aggregate.v1.AggregateService/VerifyRollups`; at most `limit` calls at once."""

    def __init__(self, catalogs: Catalogs, verifier: Verifier, clock: Clock, *, limit: int) -> None:
        self._catalogs = catalogs
        self._verifier = verifier
        self._clock = clock
        self._limit = limit
        self._open = 0

    async def verify(
        self, request: pb.VerifyRollupsRequest
    ) -> AsyncGenerator[pb.VerifyRollupsResponse, None]:
        """The differences and then the summary. Raises AppUnknown, NotFound, InvalidArgument, LimitExceeded,
        DeadlineExceeded."""
        snapshot = self._catalogs.current
        app = plan_of(snapshot, request.app_id)
        for name in request.rollups:
            rollup_of(app, name)
        catalog = catalog_of(snapshot, request.app_id)
        query = verify_query(request, catalog, moment_of(self._clock.now_us()))
        if self._open >= self._limit:
            raise LimitExceeded(
                f"{self._open} verifications are running; the limit is max_verifications",
                limit="max_verifications",
                value=self._limit,
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        totals, listed = Totals(), Counter[str]()
        self._open += 1
        try:
            async with aclosing(self._verifier.verify(query, totals)) as differences:
                async for difference in differences:
                    for message in difference_messages(difference):
                        if listed[difference.rollup] < MAX_LISTED:
                            listed[difference.rollup] += 1
                            yield message
            yield summary_message(totals)
        finally:
            self._open -= 1
