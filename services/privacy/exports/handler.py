"""Carries out requests for exports: waits for the streams, and has the file written."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from libs.audit import Action, AuditEntry, Auditor, Caller, Details, Outcome
from libs.catalog import Catalogs
from libs.common.clock import Clock, moment_of
from libs.common.pseudonym import Pseudonymizer
from libs.common.subject_data import Export, SubjectData, SubjectRef
from services.privacy.exports.work import ExportWork
from services.privacy.requests.model import State, Step, StepState, SubjectRequest
from services.privacy.requests.steps import names_of
from services.privacy.requests.waiting import StreamClock, await_step, awaited, is_await_step

_READ, _WRITE = "read", "write archive"
# Enrich first: what it hands on is in the streams of the others when it is done.
STEPS = (
    await_step("enrich"),
    await_step("ingest"),
    await_step("aggregate"),
    Step(f"{_READ} enrich", "enrich"),
    Step(f"{_READ} ingest", "ingest"),
    Step(f"{_READ} aggregate", "aggregate"),
    Step(f"{_READ} privacy", "privacy"),
    Step(_WRITE, "privacy"),
)
PERSON_ERASED = "the person is erased"
# An erasure of some categories ends exports as well: these may have the events.
DATA_ERASED = "data of the person are being erased: ask again when that is done"


class ExportProgress(Protocol):
    """The journal of requests."""

    async def is_erased(self, request: SubjectRequest, persons: Sequence[str]) -> bool:
        """Whether an erasure of the person with these pseudonyms is under way, or has been since the request
        was made."""
        ...

    async def save(self, request: SubjectRequest, entry: AuditEntry | None = None) -> bool:
        """Writes how far a request has come, with an entry of the audit trail if there is one; False, and
        nothing, if the request is over."""
        ...


class ExportHandler:
    """Implements `requests.engine.Handler` for exports."""

    def __init__(
        self,
        progress: ExportProgress,
        work: ExportWork,
        services: Mapping[str, SubjectData],
        streams: StreamClock,
        catalogs: Catalogs,
        pseudonymizer: Pseudonymizer,
        auditor: Auditor,
        clock: Clock,
    ) -> None:
        self._progress = progress
        self._work = work
        self._services = services
        self._streams = streams
        self._catalogs = catalogs
        self._pseudonymizer = pseudonymizer
        self._auditor = auditor
        self._clock = clock

    async def advance(self, request: SubjectRequest) -> bool:
        """See the port. Waiting for the streams of a service is a part; all that follows is one."""
        subject_id = request.subject_id
        if subject_id is None:
            await self._end(request, State.CANCELLED, PERSON_ERASED)
            return True
        if self._export(request, subject_id).names == ():
            # Without names it would be an export of everything.
            await self._end(request, State.FAILED, "no event is of its categories")
            return True
        if not request.steps:
            request = replace(request, steps=STEPS)
        place = request.next_step
        if place is not None and is_await_step(request.steps[place]):
            return await self._await(request, place)
        await self._write(request, subject_id)
        return True

    async def _await(self, request: SubjectRequest, place: int) -> bool:
        step = await awaited(request.steps[place], self._services, self._streams)
        if step is None:
            return False
        await self._progress.save(replace(request.with_step(place, step), state=State.RUNNING))
        return True

    async def _write(self, request: SubjectRequest, subject_id: str) -> None:
        """Begins with the first service, however far it had come: nothing is kept of what was read."""
        current = request

        async def on_read(service: str) -> None:
            nonlocal current
            current = _with_done(current, f"{_READ} {service}")
            await self._progress.save(current)

        async def is_erased() -> bool:
            return await self._progress.is_erased(request, export.subject.persons)

        export = self._export(request, subject_id)
        file = await self._work.write(request.request_id, export, is_erased, on_read)
        if file.stored is None:
            await self._end(current, State.CANCELLED, DATA_ERASED)
            return
        for step in STEPS:
            current = _with_done(current, step.name)
        result = {"size_bytes": file.stored.bytes, "sha256": file.stored.sha256}
        await self._progress.save(
            current.ended(State.DONE, self._now(), expires_at=file.expires_at, result=result),
            self._entry(request, Outcome.DONE, file.stored.rows),
        )

    def _export(self, request: SubjectRequest, subject_id: str) -> Export:
        catalog = self._catalogs.current.catalogs.get(request.app_id)
        persons = tuple(self._pseudonymizer.all_epochs(request.app_id, subject_id))
        names = names_of(catalog, request.categories)
        return Export(SubjectRef(request.app_id, subject_id, persons), request.created_at, names)

    async def _end(self, request: SubjectRequest, state: State, why: str) -> None:
        ended = request.ended(state, self._now(), failure=why)
        await self._progress.save(ended, self._entry(request, Outcome.FAILED, {}))

    def _entry(self, request: SubjectRequest, outcome: Outcome, details: Details) -> AuditEntry:
        return self._auditor.entry(
            Action.SUBJECT_EXPORTED,
            request.app_id,
            Caller(request.requester),
            person=request.subject,
            outcome=outcome,
            details={"request": str(request.request_id), **details},
        )

    def _now(self) -> datetime:
        return moment_of(self._clock.now_us())


def _with_done(request: SubjectRequest, name: str) -> SubjectRequest:
    place = next(n for n, step in enumerate(request.steps) if step.name == name)
    return request.with_step(place, replace(request.steps[place], state=StepState.DONE))
