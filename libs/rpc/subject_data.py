"""`SubjectDataService`: the same for each service that holds data about people, bound beside its own."""

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from weir.privacy.v1 import subject_data_service_pb2 as pb
from weir.privacy.v1 import subject_data_service_pb2_grpc as pb_grpc
from weir.privacy.v1 import subject_request_service_pb2 as requests_pb

from libs.common.errors import InvalidArgument, NotFound
from libs.common.pseudonym import is_pseudonym
from libs.common.rectification import (
    ChangedNumbers,
    PropertyChange,
    RectifiableEvents,
    Rectification,
    Rectified,
)
from libs.common.subject_data import (
    Erasure,
    Export,
    HeldRows,
    KeptKey,
    SealedValues,
    StoreCounts,
    SubjectData,
    SubjectRef,
)
from libs.rpc.server import Binding
from libs.stores.watch import Needs

_MESSAGE_BYTES = 512 * 1024
_MOST_KEYS = 1_000
_UUID_BYTES = 16
SERVICE_NAME = pb.DESCRIPTOR.services_by_name["SubjectDataService"].full_name


def subject_data(
    data: SubjectData,
    *,
    needs: Needs,
    sealed: SealedValues | None = None,
    events: RectifiableEvents | None = None,
    numbers: ChangedNumbers | None = None,
) -> Binding:
    """Binds the service to what one service holds, which needs these stores; without `sealed`, `events` or
    `numbers`, it has no sealed values, no stored events, or no numbers made of these."""
    return Binding(
        SERVICE_NAME,
        SubjectDataServicer(data, sealed, events, numbers),
        pb_grpc.add_SubjectDataServiceServicer_to_server,
        needs=needs,
    )


class SubjectDataServicer(pb_grpc.SubjectDataServiceServicer):
    """Implements `weir.privacy.v1.SubjectDataService`."""

    def __init__(
        self,
        data: SubjectData,
        sealed: SealedValues | None = None,
        events: RectifiableEvents | None = None,
        numbers: ChangedNumbers | None = None,
    ) -> None:
        self._data = data
        self._sealed = sealed
        self._events = events
        self._numbers = numbers

    async def Fence(  # noqa: N802
        self, request: pb.FenceRequest, _: grpc.aio.ServicerContext
    ) -> pb.FenceResponse:
        since = await self._data.fence(_subject(request), _moment(request, "fenced_at"))
        return pb.FenceResponse(in_force_from=since)

    async def EraseSubject(  # noqa: N802
        self, request: pb.EraseSubjectRequest, _: grpc.aio.ServicerContext
    ) -> pb.EraseSubjectResponse:
        request_id = _request_id(request)
        if len(request.withheld_names) != len(request.withheld_because):
            raise InvalidArgument("must say why of each name", field="withheld_because")
        progress = await self._data.erase(
            Erasure(
                _subject(request),
                request_id,
                _moment(request, "fenced_at"),
                tuple(request.event_names) or None,
                dict(zip(request.withheld_names, request.withheld_because, strict=True)),
                {each.name: list(each.days) for each in request.changed},
                request.anonymize_events,
            )
        )
        return pb.EraseSubjectResponse(
            done=progress.done,
            stores=[counts_message(each) for each in progress.stores],
            changed=[
                pb.ChangedEvents(name=name, days=days) for name, days in progress.changed.items()
            ],
        )

    async def ExportSubject(  # noqa: N802
        self, request: pb.ExportSubjectRequest, _: grpc.aio.ServicerContext
    ) -> AsyncGenerator[pb.ExportSubjectResponse]:
        export = Export(
            _subject(request),
            _moment(request, "received_before"),
            tuple(request.event_names) or None,
        )
        found = cast("AsyncGenerator[HeldRows]", self._data.export(export))
        async with aclosing(found) as parts:
            async for held in parts:
                for lines in bounded(held.lines):
                    yield pb.ExportSubjectResponse(store=held.store, kind=held.kind, rows=lines)

    async def AwaitWriters(  # noqa: N802
        self, request: pb.AwaitWritersRequest, _: grpc.aio.ServicerContext
    ) -> pb.AwaitWritersResponse:
        return pb.AwaitWritersResponse(
            settled=await self._data.settled(_moment(request, "appended_before"))
        )

    async def FindNeededKeys(  # noqa: N802
        self, request: pb.FindNeededKeysRequest, _: grpc.aio.ServicerContext
    ) -> pb.FindNeededKeysResponse:
        if not request.app_id:
            raise InvalidArgument("must not be empty", field="app_id")
        if len(request.keys) > _MOST_KEYS:
            raise InvalidArgument(f"must be {_MOST_KEYS} at most", field="keys")
        keys = [_kept_key(key) for key in request.keys]
        needed = await self._sealed.still_needed(request.app_id, keys) if self._sealed else ()
        return pb.FindNeededKeysResponse(key_ids=sorted(key_id.bytes for key_id in needed))

    async def RectifyEvent(  # noqa: N802
        self, request: pb.RectifyEventRequest, _: grpc.aio.ServicerContext
    ) -> pb.RectifyEventResponse:
        subject, request_id = _subject(request), _request_id(request)
        if len(request.event_uuid) != _UUID_BYTES:
            raise InvalidArgument("must have 16 bytes", field="event_uuid")
        if self._events is None:
            raise NotFound(
                "this service stores no events", reason="STORED_EVENT_UNKNOWN", metadata={}
            )
        changes = changes_of(request.changes)
        done = await self._events.rectify(
            Rectification(subject, request_id, UUID(bytes=request.event_uuid), changes)
        )
        return pb.RectifyEventResponse(event=_rectified_message(done))

    async def FindRectification(  # noqa: N802
        self, request: pb.FindRectificationRequest, _: grpc.aio.ServicerContext
    ) -> pb.FindRectificationResponse:
        request_id = _request_id(request)
        if self._events is None:
            return pb.FindRectificationResponse()
        done = await self._events.outcome(request.app_id, request_id, give_up=request.give_up)
        return pb.FindRectificationResponse(event=_rectified_message(done) if done else None)

    async def RecountChanged(  # noqa: N802
        self, request: pb.RecountChangedRequest, _: grpc.aio.ServicerContext
    ) -> pb.RecountChangedResponse:
        request_id = _request_id(request)
        changed = {each.name: list(each.days) for each in request.changed}
        done = self._numbers is None or await self._numbers.recount(
            request.app_id, request_id, changed
        )
        return pb.RecountChangedResponse(done=done)


def changes_of(messages: Iterable[requests_pb.PropertyChange]) -> list[PropertyChange]:
    """The changes that a request asks for."""
    return [
        PropertyChange(
            each.property, None if each.WhichOneof("change") == "removed" else each.value_json
        )
        for each in messages
    ]


def changes_message(changes: Iterable[PropertyChange]) -> list[requests_pb.PropertyChange]:
    """What `changes_of` reads."""
    return [
        requests_pb.PropertyChange(property=each.path, removed=True)
        if each.value_json is None
        else requests_pb.PropertyChange(property=each.path, value_json=each.value_json)
        for each in changes
    ]


def _rectified_message(rectified: Rectified) -> pb.RectifiedEvent:
    return pb.RectifiedEvent(
        name=rectified.name,
        day=rectified.day,
        properties=[
            requests_pb.RectifiedProperty(property=path, hash_before=before, hash_after=after)
            for path, (before, after) in rectified.hashes.items()
        ],
    )


def rectified_of(message: pb.RectifiedEvent) -> Rectified:
    """What was done to an event, as a service has answered it."""
    hashes = {each.property: (each.hash_before, each.hash_after) for each in message.properties}
    return Rectified(message.name, message.day, hashes)


def _kept_key(key: pb.KeptKey) -> KeptKey:
    """Raises InvalidArgument."""
    if len(key.key_id) != _UUID_BYTES or len(key.person) != _UUID_BYTES:
        raise InvalidArgument("must have a key and a person of 16 bytes each", field="keys")
    return KeptKey(UUID(bytes=key.key_id), UUID(bytes=key.person), _moment(key, "kept_since"))


def counts_message(counts: StoreCounts) -> requests_pb.SubjectStoreCounts:
    """The counts of one store."""
    return requests_pb.SubjectStoreCounts(
        store=counts.store,
        erased=counts.erased,
        anonymized=counts.anonymized,
        withheld=counts.withheld,
        withheld_because=counts.withheld_because,
    )


def counts_of(message: requests_pb.SubjectStoreCounts) -> StoreCounts:
    """The counts that `counts_message` wrote."""
    return StoreCounts(
        message.store,
        message.erased,
        message.anonymized,
        message.withheld,
        message.withheld_because,
    )


def bounded(lines: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """The same rows in messages of some hundred kilobytes: one part at least, also without rows."""
    together: list[bytes] = []
    size = 0
    for line in lines:
        if together and size + len(line) > _MESSAGE_BYTES:
            yield together
            together, size = [], 0
        together.append(line)
        size += len(line)
    yield together


def _request_id(
    request: pb.EraseSubjectRequest
    | pb.RectifyEventRequest
    | pb.FindRectificationRequest
    | pb.RecountChangedRequest,
) -> UUID:
    """Raises InvalidArgument."""
    try:
        return UUID(request.request_id)
    except ValueError:
        raise InvalidArgument("must be a UUID", field="request_id") from None


def _subject(
    request: pb.FenceRequest
    | pb.EraseSubjectRequest
    | pb.ExportSubjectRequest
    | pb.RectifyEventRequest,
) -> SubjectRef:
    """Raises InvalidArgument."""
    for name in ("app_id", "subject_id"):
        if not getattr(request, name):
            raise InvalidArgument("must not be empty", field=name)
    if not request.persons or not all(map(is_pseudonym, request.persons)):
        raise InvalidArgument("must be 32 hex digits each", field="persons")
    return SubjectRef(request.app_id, request.subject_id, tuple(request.persons))


def _moment(
    request: pb.FenceRequest
    | pb.EraseSubjectRequest
    | pb.ExportSubjectRequest
    | pb.AwaitWritersRequest
    | pb.KeptKey,
    field: str,
) -> datetime:
    """Raises InvalidArgument."""
    found: Timestamp = getattr(request, field)
    if not request.HasField(field):
        raise InvalidArgument("must not be empty", field=field)
    try:
        return found.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument("must be a time", field=field) from None
