"""`SubjectDataService`: the same for each service that holds data about people, bound beside its own."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from weir.privacy.v1 import subject_data_service_pb2 as pb
from weir.privacy.v1 import subject_data_service_pb2_grpc as pb_grpc
from weir.privacy.v1 import subject_request_service_pb2 as requests_pb

from libs.common.errors import InvalidArgument
from libs.common.pseudonym import is_pseudonym
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


def subject_data(data: SubjectData, *, needs: Needs, sealed: SealedValues | None = None) -> Binding:
    """Binds the service to what one service holds, which needs these stores; without `sealed`, it has no
    sealed values."""
    return Binding(
        SERVICE_NAME,
        SubjectDataServicer(data, sealed),
        pb_grpc.add_SubjectDataServiceServicer_to_server,
        needs=needs,
    )


class SubjectDataServicer(pb_grpc.SubjectDataServiceServicer):
    """Implements `weir.privacy.v1.SubjectDataService`."""

    def __init__(self, data: SubjectData, sealed: SealedValues | None = None) -> None:
        self._data = data
        self._sealed = sealed

    async def Fence(  # noqa: N802
        self, request: pb.FenceRequest, _: grpc.aio.ServicerContext
    ) -> pb.FenceResponse:
        since = await self._data.fence(_subject(request), _moment(request, "fenced_at"))
        return pb.FenceResponse(in_force_from=since)

    async def EraseSubject(  # noqa: N802
        self, request: pb.EraseSubjectRequest, _: grpc.aio.ServicerContext
    ) -> pb.EraseSubjectResponse:
        try:
            request_id = UUID(request.request_id)
        except ValueError:
            raise InvalidArgument("must be a UUID", field="request_id") from None
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


def _subject(
    request: pb.FenceRequest | pb.EraseSubjectRequest | pb.ExportSubjectRequest,
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
