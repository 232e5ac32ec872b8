"""ListDeadLetters: the dead letters of an app, page by page."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from weir.ingest.v1 import dead_letter_service_pb2 as pb

from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock
from libs.consent import is_restricted, is_subject_id
from libs.rpc.answer_sizes import MESSAGE_BYTES, fitting
from libs.rpc.page_tokens import PageTokens, page_size
from libs.rpc.permissions import Permission
from libs.rpc.principal import check_permission
from services.ingest.dead_letters.convert import (
    SERVICE_NAME,
    event_of,
    letter_message,
    selection_of,
)
from services.ingest.dead_letters.listing.postgres import KeptLetter, ListedLetters, Place

_DEFAULT_PAGE_SIZE = 100
_MAX_PAGE_SIZE = 1_000


class ConsentStates(Protocol):
    """See `libs.consent.ConsentReader`."""

    async def read(self, app_id: str, subject_ids: Sequence[str]) -> Sequence[bytes | None]:
        """The encoded state of each person, in the order asked. Raises Unavailable."""
        ...


class LetterLists:
    """Answers `weir.ingest.v1.DeadLetterService/ListDeadLetters`."""

    def __init__(
        self, catalogs: Catalogs, letters: ListedLetters, consents: ConsentStates, clock: Clock
    ) -> None:
        self._catalogs = catalogs
        self._letters = letters
        self._consents = consents
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
        people = {each.dead_letter_id: event_of(each.event).subject_id for each in letters}
        ids = [*dict.fromkeys(filter(is_subject_id, people.values()))]
        states = await self._consents.read(app_id, ids) if ids else ()
        restricted = {
            subject_id
            for subject_id, state in zip(ids, states, strict=True)
            if is_restricted(state)
        }
        return {id_ for id_, subject_id in people.items() if subject_id not in restricted}


def _read_place(received_at: str, dead_letter_id: str) -> Place:
    """Raises ValueError or TypeError for values that were never issued."""
    return datetime.fromisoformat(received_at), UUID(dead_letter_id)
