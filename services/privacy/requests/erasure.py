"""Erasure: what is done step by step, and written down after each."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.audit import Action, Auditor, Caller
from libs.catalog import Catalogs, kept_names
from libs.common.clock import Clock, moment_of
from libs.common.pseudonym import Pseudonymizer
from libs.common.subject_data import Erasure, StoreCounts, SubjectData, SubjectRef
from services.privacy.audit.postgres import add_entry
from services.privacy.consent.model import Recorded, Subject
from services.privacy.consent.ports import ConsentTransaction
from services.privacy.consent.postgres import PostgresConsentTransaction
from services.privacy.consent.receipts import Receipts
from services.privacy.consent.recording import Recorder
from services.privacy.consent.redis import RedisConsentMirror
from services.privacy.requests.asking import withdrawal
from services.privacy.requests.model import State, Step, StepState, SubjectRequest
from services.privacy.requests.own_data import CONSENTS, erase_own
from services.privacy.requests.postgres import PostgresRequests, hold_of, locked, save
from services.privacy.requests.receipt import audit_counts, receipt_content
from services.privacy.requests.steps import (
    ANONYMIZES_EVENTS,
    FENCE,
    PRIVACY,
    WAIT,
    WITHDRAW,
    anonymizes_events,
    changed_events,
    erasure_steps,
    names_of,
)
from services.privacy.requests.waiting import StreamClock, awaited
from services.privacy.sealing.erasing import why_keys_stay
from services.privacy.sealing.postgres import STORE as KEYS
from services.privacy.sealing.postgres import retire_keys
from services.privacy.sealing.redis import RetiredKeys


class _MayNotBegin(Exception):
    """The request was cancelled, or a hold was placed, before it could begin."""


class ErasureHandler:
    """Implements `engine.Handler`. `services` are the others, in the order in which they erase."""

    def __init__(
        self,
        catalogs: Catalogs,
        requests: PostgresRequests,
        services: Mapping[str, SubjectData],
        streams: StreamClock,
        recorder: Recorder,
        mirror: RedisConsentMirror,
        retired_keys: RetiredKeys,
        receipts: Receipts,
        auditor: Auditor,
        pseudonymizer: Pseudonymizer,
        clock: Clock,
    ) -> None:
        self._catalogs = catalogs
        self._requests = requests
        self._services = services
        self._streams = streams
        self._recorder = recorder
        self._mirror = mirror
        self._retired_keys = retired_keys
        self._receipts = receipts
        self._auditor = auditor
        self._pseudonymizer = pseudonymizer
        self._clock = clock

    async def advance(self, request: SubjectRequest) -> bool:
        """See the port."""
        if not await self._may_go_on(request):
            return False
        request = replace(request, failure="")
        if not request.steps:
            request = replace(request, steps=erasure_steps(self._services))
        place = request.next_step
        assert place is not None
        step = request.steps[place]
        if step.name == WITHDRAW:
            await self._withdraw(request, place)
            return True
        if step.service == PRIVACY:
            await self._finish(request, place)
            return True
        step, goes_on = await self._do(request, step)
        if step != request.steps[place]:
            await self._requests.update(request.with_step(place, step))
        return goes_on

    async def _may_go_on(self, request: SubjectRequest) -> bool:
        """Whether it is known what must be kept, and nothing demands that the data are; writes down what
        keeps it from going on."""
        failure = ""
        if request.app_id not in self._catalogs.current.catalogs:
            # A folder that is mounted wrongly must not erase what a law keeps.
            failure = "no catalog of the app is loaded"
        else:
            hold = await self._requests.hold(request.app_id, self._subject(request).persons)
            failure = f"on hold: {hold.reason}" if hold else ""
        if failure != request.failure:
            async with self._requests.changing(request.request_id) as (connection, current):
                if current and current.is_open:
                    await save(connection, replace(current, failure=failure))
        return not failure

    async def _is_held(self, connection: AsyncConnection, request: SubjectRequest) -> bool:
        """Whether the person's data must be kept, in the caller's transaction."""
        persons = self._subject(request).persons
        return await hold_of(connection, request.app_id, persons) is not None

    async def _withdraw(self, request: SubjectRequest, place: int) -> None:
        """Withdraws everything, and sets the moment of the fences: in one transaction with its audit
        entry."""
        assert request.subject_id is not None
        caller = Caller(request.requester)
        catalog = self._catalogs.current.catalogs.get(request.app_id)
        recording = withdrawal(catalog, request.subject_id, request.requester)
        if request.categories or not recording.choices:
            # Consent is left as it is: the rest of the person's data stays, and goes on.
            await self._begin_without(request, place)
            return

        async def begin(transaction: ConsentTransaction, recorded: Recorded) -> None:
            assert isinstance(transaction, PostgresConsentTransaction)
            connection = transaction.connection
            current = await locked(connection, request.request_id)
            if current is None or current.state is not State.WAITING:
                raise _MayNotBegin
            if await self._is_held(connection, request):
                raise _MayNotBegin
            # Read now that the mirror says no: what came before it did is behind the fence.
            fenced_at = moment_of(self._clock.now_us())
            await self._note_begun(connection, request, place, fenced_at, recorded.version)
            await transaction.audit(
                self._auditor.entry(
                    Action.SUBJECT_FENCED,
                    request.app_id,
                    caller,
                    subject_id=recording.subject.subject_id,
                    details={"request": str(request.request_id)},
                )
            )

        # What the recording has closed in the mirror meanwhile is repaired.
        with suppress(_MayNotBegin):
            await self._recorder.record(recording, caller, begin)

    async def _begin_without(self, request: SubjectRequest, place: int) -> None:
        assert request.subject_id is not None
        now = moment_of(self._clock.now_us())
        entry = self._auditor.entry(
            Action.SUBJECT_FENCED,
            request.app_id,
            Caller(request.requester),
            subject_id=request.subject_id,
            details={"request": str(request.request_id), "categories": list(request.categories)},
        )
        async with self._requests.changing(request.request_id) as (connection, current):
            if (
                current
                and current.state is State.WAITING
                and not await self._is_held(connection, request)
            ):
                await self._note_begun(connection, request, place, now, version=0)
                await add_entry(connection, entry)

    async def _note_begun(
        self,
        connection: AsyncConnection,
        request: SubjectRequest,
        place: int,
        fenced_at: datetime,
        version: int,
    ) -> None:
        """Ends the first step, at `place`, in the caller's transaction. `version` is that of the
        withdrawal of consent; 0 for none."""
        catalog = self._catalogs.current.catalogs.get(request.app_id)
        is_whole = not request.categories
        note = {
            "version": version,
            "keys_retired": is_whole and await self._retire_keys(connection, request, fenced_at),
            ANONYMIZES_EVENTS: anonymizes_events(catalog, request),
        }
        step = replace(request.steps[place], state=StepState.DONE, note=note)
        begun = replace(request, state=State.RUNNING, fenced_at=fenced_at, failure="")
        await save(connection, begun.with_step(place, step))

    async def _retire_keys(
        self, connection: AsyncConnection, request: SubjectRequest, fenced_at: datetime
    ) -> bool:
        """Whether the person's keys seal nothing from the commit on: a person who comes back, while this
        erasure is under way, gets new ones. Not if they will stay: what a law keeps may still arrive."""
        catalog = self._catalogs.current.catalogs.get(request.app_id)
        if why_keys_stay(catalog, kept_names(catalog) if catalog else {}):
            return False
        if await retire_keys(connection, self._subject(request), fenced_at):
            await self._retired_keys.announce(request.app_id)
        return True

    async def _do(self, request: SubjectRequest, step: Step) -> tuple[Step, bool]:
        """A part of another service's step; what the step has come to, and whether it goes on at once."""
        data = self._services[step.service]
        subject = self._subject(request)
        assert request.fenced_at is not None
        done = replace(step, state=StepState.DONE)
        if step.name == FENCE:
            since = request.fenced_at
            if not request.categories:
                # Of a part, other events of the person may come at any time: there is no fence for it.
                since = await data.fence(subject, since)
            # For a replica of an earlier release, which goes by it when it waits.
            return replace(done, note={"since": since.isoformat()}), True
        if step.name == WAIT:
            waited = await awaited(step, self._services, self._streams)
            return (step, False) if waited is None else (waited, True)
        erasure = self._erasure(request)
        if erasure.names == ():
            # The categories have no events any more.
            return done, True
        progress = await data.erase(erasure)
        state = StepState.DONE if progress.done else StepState.RUNNING
        note = {"changed": {name: list(days) for name, days in progress.changed.items()}}
        found = replace(step, state=state, stores=tuple(progress.stores), note=note)
        return found, progress.done or found != step

    async def _finish(self, request: SubjectRequest, place: int) -> None:
        """Erases what privacy holds, and writes the receipt: in one transaction with its audit entry."""
        assert request.subject_id is not None
        now = moment_of(self._clock.now_us())
        own: list[StoreCounts] = []
        async with self._requests.changing(request.request_id) as (connection, current):
            if current is None or not current.is_open or await self._is_held(connection, request):
                return
            if not request.categories:
                withdrawal = request.steps[0].note["version"]
                # An older release may have begun it.
                only_retired = request.steps[0].note.get("keys_retired", False)
                persons = self._subject(request).persons
                catalog = self._catalogs.current.catalogs.get(request.app_id)
                because = why_keys_stay(catalog, kept_names(catalog) if catalog else {})
                own = await erase_own(
                    *(connection, self._mirror, request, withdrawal, persons, now),
                    keys_stay_because=because,
                    only_retired_keys=only_retired,
                )
                if because:
                    # Those that were in use are retired now.
                    await self._retired_keys.announce(request.app_id)
            step = replace(request.steps[place], state=StepState.DONE, stores=tuple(own))
            finished = request.with_step(place, step)
            stores = [each for one in finished.steps for each in one.stores]
            receipt = self._receipts.sign(receipt_content(request, stores, now))
            await save(
                connection,
                finished.ended(State.DONE, now, result={"receipt": receipt.decode()}),
            )
            if destroyed := sum(each.erased for each in own if each.store == KEYS):
                await add_entry(
                    connection,
                    self._auditor.entry(
                        Action.KEYS_DESTROYED,
                        request.app_id,
                        Caller(request.requester),
                        subject_id=request.subject_id,
                        details={"request": str(request.request_id), "keys": destroyed},
                    ),
                )
            await add_entry(
                connection,
                self._auditor.entry(
                    Action.SUBJECT_ERASED,
                    request.app_id,
                    Caller(request.requester),
                    subject_id=request.subject_id,
                    details={
                        "request": str(request.request_id),
                        **audit_counts(stores),
                    },
                ),
            )
        if any(each.store == CONSENTS and each.withheld for each in own):
            # A restriction may have ended with it: in the mirror only now that this is committed.
            self._recorder.mirror_again(Subject(request.app_id, request.subject_id))

    def _erasure(self, request: SubjectRequest) -> Erasure:
        assert request.fenced_at is not None
        catalog = self._catalogs.current.catalogs.get(request.app_id)
        return Erasure(
            self._subject(request),
            request.request_id,
            request.fenced_at,
            names_of(catalog, request.categories),
            kept_names(catalog) if catalog else {},
            changed_events(request),
            anonymizes_events(catalog, request),
        )

    def _subject(self, request: SubjectRequest) -> SubjectRef:
        assert request.subject_id is not None
        persons = self._pseudonymizer.all_epochs(request.app_id, request.subject_id)
        return SubjectRef(request.app_id, request.subject_id, tuple(persons))
