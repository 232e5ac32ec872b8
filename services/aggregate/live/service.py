"""WatchRollups: the cells of the current buckets, and then every cell that changes."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from weir.aggregate.v1 import aggregate_service_pb2 as pb

from libs.catalog import Catalogs
from services.aggregate.live.watch_hub import WatchHub
from services.aggregate.plan_lookup import plan_of, rollup_of


class RollupWatches:
    """Answers `weir.aggregate.v1.AggregateService/WatchRollups`."""

    def __init__(self, catalogs: Catalogs, hub: WatchHub) -> None:
        self._catalogs = catalogs
        self._hub = hub

    async def watch(
        self, request: pb.WatchRollupsRequest
    ) -> AsyncGenerator[pb.WatchRollupsResponse, None]:
        """The messages of one watcher. Raises AppUnknown, NotFound, LimitExceeded."""
        while True:
            app = plan_of(self._catalogs.current, request.app_id)
            rollups = frozenset(request.rollups) or frozenset(app.rollups)
            for rollup in sorted(rollups):
                rollup_of(app, rollup)
            # It ends when the app's catalog has changed: then all of this is looked up again.
            async with aclosing(self._hub.watch(app, rollups)) as messages:
                async for message in messages:
                    yield pb.WatchRollupsResponse.FromString(message)
