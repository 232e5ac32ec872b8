"""VerifyRollups: what of the rollups is not what the stored events come to."""

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from weir.aggregate.v1 import verify_pb2 as pb

from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock, moment_of
from libs.rpc.audited_reads import ReadNote
from libs.rpc.permissions import Permission
from libs.rpc.principal import is_permitted
from services.aggregate.plan_lookup import plan_of, rollup_of
from services.aggregate.read_slots import ReadSlots
from services.aggregate.stalls import StallLimit
from services.aggregate.verify.convert import difference_messages, summary_message, verify_query
from services.aggregate.verify.model import Totals
from services.aggregate.verify.verifier import Verifier

# Differences that are sent, of each rollup.
MAX_LISTED = 1_000
Send = Callable[[pb.VerifyRollupsResponse], Awaitable[None]]


class Verifications:
    """Answers `weir.aggregate.v1.AggregateService/VerifyRollups`. A client that takes nothing for
    too long is cut off, because it keeps others from a slot."""

    def __init__(
        self,
        catalogs: Catalogs,
        verifier: Verifier,
        slots: ReadSlots,
        clock: Clock,
        stall: StallLimit,
    ) -> None:
        self._catalogs = catalogs
        self._verifier = verifier
        self._slots = slots
        self._clock = clock
        self._stall = stall

    async def verify(self, request: pb.VerifyRollupsRequest, send: Send, note: ReadNote) -> None:
        """Sends the differences and then the summary; differences that are about single people are put on
        record with `note`. Raises AppUnknown, NotFound, InvalidArgument, LimitExceeded, DeadlineExceeded."""
        snapshot = self._catalogs.current
        app = plan_of(snapshot, request.app_id)
        for name in request.rollups:
            rollup_of(app, name)
        catalog = catalog_of(snapshot, request.app_id)
        query = verify_query(request, catalog, moment_of(self._clock.now_us()))
        people = is_permitted(Permission.READ_PERSONAL_NUMBERS)
        hidden = {
            name: frozenset[str]() if people else rollup.personal_dimensions
            for name, rollup in catalog.rollups.items()
        }
        totals, listed = Totals(), Counter[str]()
        async with (
            self._slots.hold(),
            aclosing(self._verifier.verify(query, totals)) as differences,
        ):
            async for difference in differences:
                for message in difference_messages(difference, hidden[difference.rollup]):
                    if listed[difference.rollup] < MAX_LISTED:
                        listed[difference.rollup] += 1
                        if people and catalog.rollups[difference.rollup].personal_dimensions:
                            await note({"rollups": [difference.rollup]})
                        await self._stall.send(send(message))
            await self._stall.send(send(summary_message(totals)))
