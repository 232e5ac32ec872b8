"""ListEvents: stored events, page by page in the order of time."""

from collections.abc import Sequence

from weir.aggregate.v1 import event_query_pb2 as pb

from libs.catalog import Catalog, Catalogs
from libs.catalog.problems import did_you_mean
from libs.common.apps import catalog_of
from libs.common.clock import Clock
from libs.common.errors import InvalidArgument, Unavailable
from libs.events.filtering import Condition, Node
from libs.events.opening import opened_events
from libs.events.selection import EventSelection, Place
from libs.events.selection_postgres import SelectedEvents
from libs.rpc.answer_sizes import MESSAGE_BYTES, fitting
from libs.rpc.page_tokens import PageTokens, page_size
from libs.rpc.permissions import Permission
from libs.rpc.principal import check_permission, current_principal
from libs.sealing import Opening, SubjectKeys
from libs.sealing.keys import KeysUnavailable
from services.aggregate.behaviour.people.convert import of_people, people_reliability
from services.aggregate.behaviour.people.model import People
from services.aggregate.behaviour.people.service import PeopleBehind
from services.aggregate.convert import SERVICE_NAME
from services.aggregate.events.convert import (
    behind_cell,
    event_message,
    filter_of,
    frame_of,
    is_descending,
    page_cursor,
    people_cursor,
    place_of,
    read_page_cursor,
    read_people_cursor,
)
from services.aggregate.plan_lookup import plan_of, rollup_of
from services.aggregate.read_slots import ReadSlots
from services.aggregate.restrictions.reads import Restrictions

_DEFAULT_PAGE_SIZE = 100
_MAX_PAGE_SIZE = 1_000


class EventLists:
    """Answers `weir.aggregate.v1.AggregateService/ListEvents`."""

    def __init__(
        self,
        catalogs: Catalogs,
        events: SelectedEvents,
        slots: ReadSlots,
        clock: Clock,
        behind: PeopleBehind,
        keys: SubjectKeys,
        restrictions: Restrictions,
    ) -> None:
        self._catalogs = catalogs
        self._events = events
        self._slots = slots
        self._clock = clock
        self._behind = behind
        self._keys = keys
        self._restrictions = restrictions
        self._pages = PageTokens(f"/{SERVICE_NAME}/ListEvents", clock)

    async def list(self, request: pb.ListEventsRequest) -> pb.ListEventsResponse:
        """One page. Raises AppUnknown, NotFound, InvalidArgument, FailedPrecondition, LimitExceeded,
        DeadlineExceeded, Unavailable."""
        snapshot = self._catalogs.current
        catalog = catalog_of(snapshot, request.app_id)
        limit = page_size(request.page_size, default=_DEFAULT_PAGE_SIZE, maximum=_MAX_PAGE_SIZE)
        descending = is_descending(request)
        asked = frame_of(request, self._clock)
        found = filter_of(request.filter, catalog)
        opening = _opening(request, catalog)
        permitted = await self._restrictions.conditions(request.app_id, found)
        conditions: tuple[Condition, ...] = ()
        if request.of.WhichOneof("of") in ("drop_off", "cohort"):
            return await self._of_people(
                request, catalog, found, limit, descending, opening, permitted
            )
        if request.HasField("of"):
            plan = rollup_of(plan_of(snapshot, request.app_id), request.of.cell.rollup)
            if plan.is_personal:
                check_permission(Permission.READ_PERSONAL_NUMBERS)
            rollup = catalog.rollups[plan.name]
            characters = catalog.limits.dimension_characters
            asked, found, conditions = behind_cell(request, rollup, characters, found)
        frame, after = self._pages.read(request, read_page_cursor) or (asked, None)
        selection = EventSelection(request.app_id, *frame, found, (*conditions, *permitted))
        events, place = await self._page(selection, limit, descending, after, opening)
        token = self._pages.issue(request, page_cursor(frame, place)) if place else ""
        return pb.ListEventsResponse(events=events, next_page_token=token)

    async def _of_people(
        self,
        request: pb.ListEventsRequest,
        catalog: Catalog,
        found: Node | None,
        limit: int,
        descending: bool,
        opening: Opening | None,
        permitted: tuple[Condition, ...],
    ) -> pb.ListEventsResponse:
        """One page of the events of the people behind a number. Further pages know these people."""
        if request.HasField("time"):
            raise InvalidArgument("not together with `of`: a number has its own time", field="time")
        read = self._pages.read(request, read_people_cursor)
        if read is None:
            people, after = await self._people(request, catalog), None
        else:
            people, after = read
        if not people.people:
            return pb.ListEventsResponse(reliability=people_reliability(people))
        frame = people.start, people.end
        conditions = (of_people(people.people), *permitted)
        selection = EventSelection(request.app_id, *frame, found, conditions)
        events, place = await self._page(selection, limit, descending, after, opening)
        token = self._pages.issue(request, people_cursor(people, place)) if place else ""
        return pb.ListEventsResponse(
            events=events, next_page_token=token, reliability=people_reliability(people)
        )

    async def _people(self, request: pb.ListEventsRequest, catalog: Catalog) -> People:
        if request.of.HasField("drop_off"):
            return await self._behind.stopped(request.app_id, request.of.drop_off, catalog)
        return await self._behind.in_cohort(request.app_id, request.of.cohort, catalog)

    async def _page(
        self,
        selection: EventSelection,
        limit: int,
        descending: bool,
        after: Place | None,
        opening: Opening | None,
    ) -> tuple[Sequence[pb.StoredEvent], Place | None]:
        """Events of a page, and the place after which to go on."""
        async with self._slots.hold():
            page = await self._events.page(
                selection,
                limit=limit,
                max_bytes=MESSAGE_BYTES,
                newest_first=descending,
                after=after,
            )
        stored = page.events
        if opening is not None:
            try:
                stored = await opened_events(stored, selection.app_id, self._keys, opening)
            except KeysUnavailable as error:
                raise Unavailable(
                    "the keys of sealed values cannot be had now", retry_after_seconds=1.0
                ) from error
        events = fitting(map(event_message, stored))
        place = page.next
        if len(events) < len(page.events):
            place = place_of(page.events[len(events) - 1])
        return events, place


def _opening(request: pb.ListEventsRequest, catalog: Catalog) -> Opening | None:
    """What sealed values are opened for, None if they stay sealed. Raises PermissionDenied,
    InvalidArgument."""
    purpose = request.open_sealed_for
    if not purpose:
        return None
    check_permission(Permission.OPEN_SEALED)
    if purpose not in catalog.purposes:
        hint = did_you_mean(purpose, catalog.purposes)
        raise InvalidArgument(f"is no purpose of the app's catalog{hint}", field="open_sealed_for")
    return Opening(purpose, current_principal().name)
