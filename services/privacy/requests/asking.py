"""Makes requests, finds them, and cancels those that have not begun."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from libs.audit import Action, Auditor, Caller
from libs.catalog import Catalog, Catalogs, Ground
from libs.common.apps import catalog_of
from libs.common.clock import Clock, moment_of
from libs.common.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from libs.common.ids import new_uuid7
from libs.common.pseudonym import Pseudonymizer
from libs.consent import Status
from services.privacy.audit.postgres import add_entry
from services.privacy.consent.model import Recording, Subject
from services.privacy.consent.validation import check_subject
from services.privacy.requests.model import Kind, State, SubjectRequest
from services.privacy.requests.postgres import PostgresRequests, begin_by, save
from services.privacy.requests.steps import names_of

# Of recordings of consent that an erasure makes.
METHOD = "erasure"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller asks for; without an id, the request gets a new one."""

    kind: Kind
    app_id: str
    subject_id: str
    request_id: UUID | None
    categories: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)


class Asking:
    """Decides about new requests. `withdraw` records a withdrawal of consent."""

    def __init__(
        self,
        catalogs: Catalogs,
        requests: PostgresRequests,
        auditor: Auditor,
        pseudonymizer: Pseudonymizer,
        clock: Clock,
        withdraw: Callable[[Recording, Caller], Awaitable[object]],
    ) -> None:
        self._catalogs = catalogs
        self._requests = requests
        self._auditor = auditor
        self._pseudonymizer = pseudonymizer
        self._clock = clock
        self._withdraw = withdraw

    async def ask(self, asked: Asked, caller: Caller, *, delay_seconds: int = 0) -> SubjectRequest:
        """The request that is made, or was made before. Raises AppUnknown, InvalidArgument, AlreadyExists if
        its id is that of another one."""
        catalog = catalog_of(self._catalogs.current, asked.app_id)
        check_subject(asked.subject_id)
        for name in asked.categories:
            if name not in catalog.categories:
                raise InvalidArgument(
                    f"the catalog has no category {name[:64]!r}", field="categories"
                )
        if asked.categories and not names_of(catalog, asked.categories):
            raise InvalidArgument("no event is of these categories", field="categories")
        now = moment_of(self._clock.now_us())
        request = SubjectRequest(
            request_id=asked.request_id or UUID(bytes=new_uuid7()),
            app_id=asked.app_id,
            kind=asked.kind,
            # Its caller has the event changed at once, so it cannot be cancelled.
            state=State.RUNNING if asked.kind is Kind.RECTIFICATION else State.WAITING,
            subject=self._pseudonymizer.pseudonym(asked.app_id, asked.subject_id),
            subject_id=asked.subject_id,
            categories=asked.categories,
            requester=caller.actor,
            created_at=now,
            due_at=now + timedelta(seconds=delay_seconds),
            parameters=asked.parameters,
        )
        entry = self._auditor.entry(
            Action.SUBJECT_REQUESTED,
            asked.app_id,
            caller,
            subject_id=asked.subject_id,
            details={"request": str(request.request_id), "kind": str(asked.kind)},
        )
        made = await self._requests.create(request, entry)
        if not made.asks_the_same(request):
            raise AlreadyExists("another request has this id")
        if delay_seconds == 0 and made.state is State.WAITING and made.due_at > now:
            made = await self._begin_now(made, caller, now)
        waits = made.state is State.WAITING and made.due_at > now
        if (
            waits
            and made.kind is Kind.ERASURE
            and not made.categories
            and catalog.erasure.withdraws_at_once
        ):
            # Also when the call is repeated: the one before may have ended in between.
            await self._withdraw(withdrawal(catalog, asked.subject_id, caller.actor), caller)
        return made

    async def _begin_now(
        self, waiting: SubjectRequest, caller: Caller, now: datetime
    ) -> SubjectRequest:
        """Ends the time for which a request waits, which was asked for before, with an audit entry."""
        async with self._requests.changing(waiting.request_id) as (connection, found):
            if found is None or found.state is not State.WAITING or found.due_at <= now:
                return found or waiting
            await begin_by(connection, found.request_id, now)
            entry = self._auditor.entry(
                Action.SUBJECT_REQUESTED,
                found.app_id,
                caller,
                subject_id=found.subject_id or "",
                details={"request": str(found.request_id), "kind": str(found.kind), "now": True},
            )
            await add_entry(connection, entry)
        return replace(found, due_at=now)

    async def get(self, app_id: str, request_id: UUID) -> SubjectRequest:
        """One request. Raises NotFound."""
        found = await self._requests.get(request_id)
        if found is None or found.app_id != app_id:
            raise _unknown()
        return found

    async def cancel(self, app_id: str, request_id: UUID, caller: Caller) -> SubjectRequest:
        """Cancels a request that has not begun. Raises NotFound, FailedPrecondition."""
        now = moment_of(self._clock.now_us())
        async with self._requests.changing(request_id) as (connection, found):
            if found is None or found.app_id != app_id:
                raise _unknown()
            if found.state is State.CANCELLED:
                return found
            if found.state is not State.WAITING:
                raise FailedPrecondition(
                    "the request has begun, or is over", reason="REQUEST_UNDER_WAY"
                )
            cancelled = found.ended(State.CANCELLED, now)
            await save(connection, cancelled)
            await add_entry(
                connection,
                self._auditor.entry(
                    Action.SUBJECT_CANCELLED,
                    app_id,
                    caller,
                    subject_id=found.subject_id or "",
                    details={"request": str(request_id)},
                ),
            )
        return cancelled


def withdrawal(catalog: Catalog | None, subject_id: str, actor: str) -> Recording:
    """The end of consent to all purposes; an objection to those that need no consent."""
    purposes = catalog.purposes.values() if catalog else ()
    choices = {
        each.name: Status.OBJECTED
        if each.ground is Ground.LEGITIMATE_INTEREST
        else Status.WITHDRAWN
        for each in purposes
    }
    subject = Subject(catalog.app_id if catalog else "", subject_id)
    return Recording(subject, choices, actor, METHOD, "", source="privacy")


def _unknown() -> NotFound:
    return NotFound("there is no such request", reason="REQUEST_UNKNOWN", metadata={})
