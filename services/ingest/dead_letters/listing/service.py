"""ListDeadLetters: the dead letters of an app, page by page."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from weir.ingest.v1 import dead_letter_service_pb2 as pb

from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock
from libs.rpc.answer_sizes import MESSAGE_BYTES, fitting
from libs.rpc.page_tokens import PageTokens, page_size
from libs.rpc.permissions import Permission
from libs.rpc.principal import check_permission
from services.ingest.dead_letters.convert import (
    SERVICE_NAME,
    letter_message,
    selection_of,
)
from services.ingest.dead_letters.listing.postgres import KeptLetter, ListedLetters, Place
from services.ingest.dead_letters.restrictions import RestrictedLetters

_DEFAULT_PAGE_SIZE = 100
_MAX_PAGE_SIZE = 1_000


class LetterLists:
    """Answers `weir.ingest.v1.DeadLetterService/ListDeadLetters`."""

    def __init__(
        self,
        catalogs: Catalogs,
        letters: ListedLetters,
        restricted: RestrictedLetters,
        clock: Clock,
    ) -> None:
        self._catalogs = catalogs
        self._letters = letters
        self._restricted = restricted
        self._pages = PageTokens(f"/{SERVICE_NAME}/ListDeadLetters", clock)

    async def list(self, request: pb.ListDeadLettersRequest) -> pb.ListDeadLettersResponse:
        """One page. Raises AppUnknown, InvalidArgument, PermissionDenied, and Unavailable if events are to be
        shown and it is not known whose data are restricted."""
        catalog_of(self._catalogs.current, request.app_id)
        if request.show_events:
            check_permission(Permission.READ_EVENTS)
        limit = page_size(request.page_size, default=_DEFAULT_PAGE_SIZE, maximum=_MAX_PAGE_SIZE)
        selection = selection_of(request.app_id, request.filter)
        after = self._pages.read(request, _read_place)
        page = await self._letters.page(selection, limit, MESSAGE_BYTES, after)
        shown: set[UUID] = set()
        if request.show_events:
            shown = await self._shown(request.app_id, page.letters)
        letters = fitting(
            letter_message(each, shows_event=each.dead_letter_id in shown) for each in page.letters
        )
        response = pb.ListDeadLettersResponse(dead_letters=letters)
        if page.has_more or len(letters) < len(page.letters):
            last = page.letters[len(letters) - 1]
            cursor = (last.received_at.isoformat(), str(last.dead_letter_id))
            response.next_page_token = self._pages.issue(request, cursor)
        if after is None:
            response.counts.extend(
                pb.DeadLetterCount(reason=reason, field=field, letters=number)
                for reason, field, number in await self._letters.counts(selection)
            )
        return response

    async def _shown(self, app_id: str, letters: Sequence[KeptLetter]) -> set[UUID]:
        """The letters whose events may be shown: all but those about people whose data are restricted."""
        hidden = await self._restricted.places(app_id, [each.event for each in letters])
        return {each.dead_letter_id for place, each in enumerate(letters) if place not in hidden}


def _read_place(received_at: str, dead_letter_id: str) -> Place:
    """Raises ValueError or TypeError for values that were never issued."""
    return datetime.fromisoformat(received_at), UUID(dead_letter_id)
