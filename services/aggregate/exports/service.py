"""ExportEvents: stored events as a file, streamed; a client that was cut off goes on where it was."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from weir.aggregate.v1 import event_query_pb2 as pb

from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock
from libs.common.errors import Unavailable
from libs.events.selection import EventSelection, LinePage, Place
from libs.events.selection_postgres import SelectedEvents
from libs.rpc.page_tokens import PageTokens
from libs.rpc.permissions import Permission
from libs.rpc.principal import check_permission
from services.aggregate.convert import SERVICE_NAME
from services.aggregate.events.convert import filter_of, frame_of
from services.aggregate.exports.chunks import chunks_of
from services.aggregate.exports.convert import (
    ExportForm,
    Resumption,
    changed_lines,
    form_of,
    impersonal_filter,
    read_resumption,
    resumption_values,
)
from services.aggregate.exports.read_ahead import pages
from services.aggregate.read_slots import ReadSlots
from services.aggregate.restrictions.reads import Restrictions
from services.aggregate.stalls import StallLimit

# Read by one statement. Two such pages are in memory: one that the client takes, and the next one.
_PAGE_ROWS = 10_000
_PAGE_BYTES = 4 * 1024 * 1024
Send = Callable[[pb.ExportEventsResponse], Awaitable[None]]


class EventExports:
    """Answers `weir.aggregate.v1.AggregateService/ExportEvents`. A client that takes nothing for
    too long is cut off, because it keeps others from a slot."""

    def __init__(
        self,
        catalogs: Catalogs,
        events: SelectedEvents,
        slots: ReadSlots,
        clock: Clock,
        stall: StallLimit,
        restrictions: Restrictions,
    ) -> None:
        self._catalogs = catalogs
        self._events = events
        self._slots = slots
        self._clock = clock
        self._stall = stall
        self._restrictions = restrictions
        self._tokens = PageTokens(f"/{SERVICE_NAME}/ExportEvents", clock, field="resume_token")
        self._draining = False

    def drain(self) -> None:
        """Ends the exports that are open, at the end of a chunk: they can be resumed elsewhere."""
        self._draining = True

    async def export(self, request: pb.ExportEventsRequest, send: Send) -> None:
        """Sends the file. Raises PermissionDenied, AppUnknown, InvalidArgument, FailedPrecondition,
        LimitExceeded, DeadlineExceeded and Unavailable."""
        if not request.without_personal_data:
            check_permission(Permission.READ_EVENTS)
        catalog = catalog_of(self._catalogs.current, request.app_id)
        form = form_of(request, catalog)
        asked = frame_of(request, self._clock)
        found = (
            impersonal_filter(request.filter, catalog)
            if request.without_personal_data
            else filter_of(request.filter, catalog)
        )
        resumed = self._tokens.read(request, read_resumption)
        at = resumed or Resumption(*asked, "", None)
        # Before anything is sent; and again before each page, because an export may take hours.
        await self._restrictions.conditions(request.app_id, found)
        selection = EventSelection(request.app_id, at.start, at.end, found)
        async with self._slots.hold():
            if resumed is None and form.file.header:
                await self._send(send, self._response(request, form.file.header, 0, at))
            async with aclosing(self._responses(request, selection, form, at)) as responses:
                async for response in responses:
                    await self._send(send, response)
            await self._send(send, pb.ExportEventsResponse(last=True))

    async def _responses(
        self,
        request: pb.ExportEventsRequest,
        selection: EventSelection,
        form: ExportForm,
        at: Resumption,
    ) -> AsyncGenerator[pb.ExportEventsResponse]:
        names = await self._events.names(selection)
        begun = at.name
        if names is not None:
            names = [
                name
                for name in names
                if name >= begun and (form.names is None or name in form.names)
            ]
        for name in [None] if names is None else names:
            after = at.after if (name or "") == begun else None
            read = partial(self._page, selection, form, name)
            async with aclosing(pages(read, after)) as found:
                async for page in found:
                    lines = changed_lines(form, page.lines)
                    for chunk in chunks_of(lines):
                        at = replace(at, name=name or "", after=chunk.place)
                        reached = at if chunk.place else None
                        yield self._response(request, chunk.data, chunk.rows, reached)
                    if page.next is not None and (not lines or lines[-1].place != page.next):
                        # The client gets on, also while the filter finds nothing.
                        at = replace(at, name=name or "", after=page.next)
                        yield self._response(request, b"", 0, at)

    async def _page(
        self, selection: EventSelection, form: ExportForm, name: str | None, after: Place | None
    ) -> LinePage:
        permitted = await self._restrictions.conditions(selection.app_id, selection.filter)
        selection = replace(selection, conditions=permitted)
        return await self._events.lines(
            selection, name, form.file, limit=_PAGE_ROWS, max_bytes=_PAGE_BYTES, after=after
        )

    def _response(
        self, request: pb.ExportEventsRequest, data: bytes, rows: int, at: Resumption | None
    ) -> pb.ExportEventsResponse:
        token = self._tokens.issue(request, resumption_values(at)) if at else ""
        return pb.ExportEventsResponse(data=data, rows=rows, resume_token=token)

    async def _send(self, send: Send, response: pb.ExportEventsResponse) -> None:
        if self._draining:
            raise Unavailable(
                "the process ends: go on with the last resume_token",
                reason="DRAINING",
                retry_after_seconds=1.0,
            )
        await self._stall.send(send(response))
