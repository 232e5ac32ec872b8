"""ListEvents: stored events, page by page in the order of time."""

from weir.aggregate.v1 import event_query_pb2 as pb

from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock
from libs.events.filtering import Condition
from libs.events.selection import EventSelection
from libs.events.selection_postgres import SelectedEvents
from libs.rpc.page_tokens import PageTokens, page_size
from services.aggregate.answer_sizes import MESSAGE_BYTES, fitting
from services.aggregate.convert import SERVICE_NAME
from services.aggregate.events.convert import (
    behind_cell,
    event_message,
    filter_of,
    frame_of,
    is_descending,
    page_cursor,
    place_of,
    read_page_cursor,
)
from services.aggregate.plan_lookup import plan_of, rollup_of
from services.aggregate.read_slots import ReadSlots

_DEFAULT_PAGE_SIZE = 100
_MAX_PAGE_SIZE = 1_000


class EventLists:
    """Answers `weir.aggregate.v1.AggregateService/ListEvents`."""

    def __init__(
        self, catalogs: Catalogs, events: SelectedEvents, slots: ReadSlots, clock: Clock
    ) -> None:
        self._catalogs = catalogs
        self._events = events
        self._slots = slots
        self._clock = clock
        self._pages = PageTokens(f"/{SERVICE_NAME}/ListEvents", clock)

    async def list(self, request: pb.ListEventsRequest) -> pb.ListEventsResponse:
        """One page. Raises AppUnknown, NotFound, InvalidArgument, LimitExceeded, DeadlineExceeded."""
        snapshot = self._catalogs.current
        catalog = catalog_of(snapshot, request.app_id)
        limit = page_size(request.page_size, default=_DEFAULT_PAGE_SIZE, maximum=_MAX_PAGE_SIZE)
        descending = is_descending(request)
        asked = frame_of(request, self._clock)
        found = filter_of(request.filter)
        conditions: tuple[Condition, ...] = ()
        if request.HasField("of"):
            plan = rollup_of(plan_of(snapshot, request.app_id), request.of.cell.rollup)
            rollup = catalog.rollups[plan.name]
            characters = catalog.limits.dimension_characters
            asked, found, conditions = behind_cell(request, rollup, characters, found)
        frame, after = self._pages.read(request, read_page_cursor) or (asked, None)
        selection = EventSelection(request.app_id, *frame, found, conditions)
        async with self._slots.hold():
            page = await self._events.page(
                selection,
                limit=limit,
                max_bytes=MESSAGE_BYTES,
                newest_first=descending,
                after=after,
            )
        events = fitting(map(event_message, page.events))
        place = page.next
        if len(events) < len(page.events):
            place = place_of(page.events[len(events) - 1])
        token = self._pages.issue(request, page_cursor(frame, place)) if place else ""
        return pb.ListEventsResponse(events=events, next_page_token=token)
