"""ListOwnEvents: what is stored of a person's events, page by page."""

from uuid import UUID

from weir.aggregate.v1 import event_query_pb2 as pb

from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock
from libs.common.errors import InvalidArgument
from libs.common.pseudonym import Pseudonymizer
from libs.events.selection import EventSelection
from libs.events.selection_postgres import SelectedEvents
from libs.rpc.answer_sizes import MESSAGE_BYTES, fitting
from libs.rpc.page_tokens import PageTokens, page_size
from services.aggregate.behaviour.people.convert import of_people
from services.aggregate.convert import SERVICE_NAME
from services.aggregate.events.convert import (
    event_message,
    frame_of,
    page_cursor,
    place_of,
    read_page_cursor,
)
from services.aggregate.read_slots import ReadSlots

_DEFAULT_PAGE_SIZE = 100
_MAX_PAGE_SIZE = 1_000


class OwnEvents:
    """Answers `weir.aggregate.v1.AggregateService/ListOwnEvents`."""

    def __init__(
        self,
        catalogs: Catalogs,
        events: SelectedEvents,
        pseudonymizer: Pseudonymizer,
        slots: ReadSlots,
        clock: Clock,
    ) -> None:
        self._catalogs = catalogs
        self._events = events
        self._pseudonymizer = pseudonymizer
        self._slots = slots
        self._clock = clock
        self._pages = PageTokens(f"/{SERVICE_NAME}/ListOwnEvents", clock)

    async def list(self, request: pb.ListOwnEventsRequest) -> pb.ListOwnEventsResponse:
        """One page. Raises AppUnknown, InvalidArgument, LimitExceeded, DeadlineExceeded."""
        catalog_of(self._catalogs.current, request.app_id)
        if not request.subject_id:
            raise InvalidArgument("is required", field="subject_id")
        limit = page_size(request.page_size, default=_DEFAULT_PAGE_SIZE, maximum=_MAX_PAGE_SIZE)
        asked = frame_of(request, self._clock)
        frame, after = self._pages.read(request, read_page_cursor) or (asked, None)
        people = self._pseudonymizer.all_epochs(request.app_id, request.subject_id)
        conditions = (of_people([UUID(person) for person in people]),)
        selection = EventSelection(request.app_id, *frame, None, conditions)
        async with self._slots.hold():
            page = await self._events.page(
                selection, limit=limit, max_bytes=MESSAGE_BYTES, newest_first=True, after=after
            )
        events = fitting(map(event_message, page.events))
        place = page.next
        if len(events) < len(page.events):
            place = place_of(page.events[len(events) - 1])
        token = self._pages.issue(request, page_cursor(frame, place)) if place else ""
        return pb.ListOwnEventsResponse(events=events, next_page_token=token)
