"""Carries out rectifications: the event first, then the numbers that it is in."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from libs.audit import Action, Auditor, Caller, Details, Outcome
from libs.common.clock import Clock, moment_of
from libs.common.errors import FailedPrecondition, InvalidArgument, NotFound, WeirError
from libs.common.pseudonym import Pseudonymizer
from libs.common.rectification import (
    ChangedNumbers,
    PropertyChange,
    RectifiableEvents,
    Rectification,
    Rectified,
)
from libs.common.subject_data import SubjectData, SubjectRef
from services.privacy.audit.postgres import add_entry
from services.privacy.requests.model import (
    Kind,
    RequestQuery,
    State,
    Step,
    StepState,
    SubjectRequest,
)
from services.privacy.requests.postgres import PostgresRequests, hold_of, save
from services.privacy.requests.waiting import StreamClock, await_step, awaited

_CHANGE, _COUNT = "rectify event", "count again"
# Enrich first: what it hands on is in the streams of aggregate when it is done. What is still on its way says
# what the event said before, and must not be counted behind the recount.
STEPS = (
    Step(_CHANGE, "enrich"),
    await_step("enrich"),
    await_step("aggregate"),
    Step(_COUNT, "aggregate"),
)
# The values come with the call, and are nowhere else: so long the call may take, or be repeated.
_CALL_LASTS = timedelta(seconds=60)
CUT_OFF = "was cut off before the event was changed: ask again"
_CALLER_ERRORS = (InvalidArgument, NotFound, FailedPrecondition)


class RectificationHandler:
    """Implements `requests.engine.Handler` for rectifications."""

    def __init__(
        self,
        requests: PostgresRequests,
        events: RectifiableEvents,
        numbers: ChangedNumbers,
        services: Mapping[str, SubjectData],
        streams: StreamClock,
        pseudonymizer: Pseudonymizer,
        auditor: Auditor,
        clock: Clock,
    ) -> None:
        self._requests = requests
        self._events = events
        self._numbers = numbers
        self._services = services
        self._streams = streams
        self._pseudonymizer = pseudonymizer
        self._auditor = auditor
        self._clock = clock

    async def change(
        self, request: SubjectRequest, changes: Sequence[PropertyChange], caller: Caller
    ) -> None:
        """Has the event of an open request changed, unless that is done, and writes down what was done, or
        why it cannot be. Raises InvalidArgument, NotFound, FailedPrecondition, also if the person is being
        erased, or the data are on hold; and what the other service raises while it is away: then it may be
        repeated, with the same changes."""
        assert request.subject_id is not None
        persons = tuple(self._pseudonymizer.all_epochs(request.app_id, request.subject_id))
        subject = SubjectRef(request.app_id, request.subject_id, persons)
        event_uuid = UUID(request.parameters["event"])
        wanted = Rectification(subject, request.request_id, event_uuid, changes)
        try:
            await self._check_erasures(subject)
            done = await self._rectify(wanted)
        except _CALLER_ERRORS as problem:
            # Not by a call beside this one either.
            found = await self._events.outcome(request.app_id, request.request_id, give_up=True)
            if found is None:
                await self._refuse(request, caller, problem)
                raise
            done = found
        await self._note_changed(request, caller, done)

    async def _rectify(self, wanted: Rectification) -> Rectified:
        """Has the event changed; no hold is placed before there is an answer."""
        subject = wanted.subject
        async with self._requests.engine.begin() as connection:
            if await hold_of(connection, subject.app_id, subject.persons) is not None:
                raise FailedPrecondition(
                    "the person's data are on hold, and stay as they are", reason="NOT_RECTIFIABLE"
                )
            return await self._events.rectify(wanted)

    async def _check_erasures(self, subject: SubjectRef) -> None:
        """Raises FailedPrecondition if the person is being erased. One that begins later sets its fence, and
        enrich asks for that."""
        running = RequestQuery(subject.app_id, subject.persons, Kind.ERASURE, State.RUNNING)
        if await self._requests.list(running, None, 1):
            raise FailedPrecondition("the person is being erased", reason="NOT_RECTIFIABLE")

    async def advance(self, request: SubjectRequest) -> bool:
        """See the port."""
        if not request.steps:
            request = replace(request, steps=STEPS)
        place = request.next_step
        assert place is not None
        step = request.steps[place]
        if step.name == _CHANGE:
            return await self._find_changed(request)
        if step.name == _COUNT:
            return await self._count(request, place)
        return await self._await(request, place)

    async def _find_changed(self, request: SubjectRequest) -> bool:
        """The call changes the event; here is what follows if it was cut off."""
        caller = Caller(request.requester)
        is_late = self._now() > request.created_at + _CALL_LASTS
        done = await self._events.outcome(request.app_id, request.request_id, give_up=is_late)
        if done is not None:
            await self._note_changed(request, caller, done)
            return True
        if is_late:
            await self._fail(request, caller, CUT_OFF, {})
        return False

    async def _await(self, request: SubjectRequest, place: int) -> bool:
        step = await awaited(request.steps[place], self._services, self._streams)
        if step is None:
            return False
        await self._requests.update(request.with_step(place, step))
        return True

    async def _count(self, request: SubjectRequest, place: int) -> bool:
        changed = request.steps[0].note["changed"]
        if not await self._numbers.recount(request.app_id, request.request_id, changed):
            return False
        step = replace(request.steps[place], state=StepState.DONE)
        counted = request.with_step(place, step)
        await self._requests.update(counted.ended(State.DONE, self._now()))
        return True

    async def _note_changed(self, request: SubjectRequest, caller: Caller, done: Rectified) -> None:
        """Once: the call and the engine may both come here."""
        entry = self._auditor.entry(
            Action.SUBJECT_RECTIFIED,
            request.app_id,
            caller,
            person=request.subject,
            details={
                **_details(request),
                "name": done.name,
                "properties": list(done.hashes),
                "before": [before for before, _ in done.hashes.values()],
                "after": [after for _, after in done.hashes.values()],
            },
        )
        step = replace(STEPS[0], state=StepState.DONE, note={"changed": {done.name: [done.day]}})
        async with self._requests.changing(request.request_id) as (connection, current):
            if current is None or not current.is_open or current.steps:
                return
            hashes = {path: list(pair) for path, pair in done.hashes.items()}
            begun = replace(
                current,
                state=State.RUNNING,
                # Not needed any more, and an erasure that is under way may not come back for it.
                subject_id=None,
                steps=(step, *STEPS[1:]),
                result={"rectified": hashes},
            )
            await save(connection, begun)
            await add_entry(connection, entry)

    async def _refuse(self, request: SubjectRequest, caller: Caller, problem: WeirError) -> None:
        """Fields and reasons are made of the catalog's words alone."""
        said = f"{problem.field}: {problem.message}" if problem.field else problem.message
        why = {"reason": problem.reason, "field": problem.field}
        await self._fail(request, caller, said, why)

    async def _fail(
        self, request: SubjectRequest, caller: Caller, failure: str, details: Details
    ) -> None:
        """Ends a request whose event was not changed."""
        entry = self._auditor.entry(
            Action.SUBJECT_RECTIFIED,
            request.app_id,
            caller,
            person=request.subject,
            outcome=Outcome.FAILED,
            details={**_details(request), **details},
        )
        async with self._requests.changing(request.request_id) as (connection, current):
            if current is None or not current.is_open or current.steps:
                return
            await save(connection, current.ended(State.FAILED, self._now(), failure=failure))
            await add_entry(connection, entry)

    def _now(self) -> datetime:
        return moment_of(self._clock.now_us())


def _details(request: SubjectRequest) -> Details:
    return {"request": str(request.request_id), "event": str(request.parameters["event"])}
