"""WatchRollups: the cells of the current buckets, and then every cell that changes."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from weir.aggregate.v1 import aggregate_service_pb2 as pb

from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.rpc.audited_reads import ReadNote
from libs.rpc.permissions import Permission
from libs.rpc.principal import check_permission, is_permitted
from services.aggregate.live.suppressed.service import SuppressedWatches
from services.aggregate.live.watch_hub import WatchHub
from services.aggregate.plan import AppPlan
from services.aggregate.plan_lookup import plan_of, rollup_of
from services.aggregate.suppression.convert import least_people
from services.aggregate.suppression.tables import NO_LIMIT


class RollupWatches:
    """Answers `weir.aggregate.v1.AggregateService/WatchRollups`."""

    def __init__(self, catalogs: Catalogs, hub: WatchHub, suppressed: SuppressedWatches) -> None:
        self._catalogs = catalogs
        self._hub = hub
        self._suppressed = suppressed

    async def watch(
        self, request: pb.WatchRollupsRequest, note: ReadNote
    ) -> AsyncGenerator[pb.WatchRollupsResponse, None]:
        """The messages of one watcher, who is put on record with `note` if they are about single people.
        Raises AppUnknown, NotFound, LimitExceeded, PermissionDenied."""
        while True:
            snapshot = self._catalogs.current
            app = plan_of(snapshot, request.app_id)
            least = least_people(catalog_of(snapshot, request.app_id))
            for rollup in sorted(set(request.rollups)):
                if rollup_of(app, rollup).is_personal:
                    check_permission(Permission.READ_PERSONAL_NUMBERS)
            rollups = frozenset(request.rollups) or _permitted(app)
            personal = sorted(name for name in rollups if app.rollups[name].is_personal)
            # It ends when the app's catalog has changed: then all of this is looked up again.
            watched = (
                self._hub.watch(app, rollups)
                if least == NO_LIMIT
                else self._suppressed.watch(app, rollups, least)
            )
            async with aclosing(watched) as messages:
                async for message in messages:
                    if personal:
                        await note({"rollups": personal})
                    yield pb.WatchRollupsResponse.FromString(message)


def _permitted(app: AppPlan) -> frozenset[str]:
    """All rollups, but for those of single people if the caller may not see these."""
    people = is_permitted(Permission.READ_PERSONAL_NUMBERS)
    return frozenset(name for name, plan in app.rollups.items() if people or not plan.is_personal)
