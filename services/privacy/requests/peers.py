"""The other services' data about people, through their `SubjectDataService`."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from grpc.aio import AioRpcError
from weir.privacy.v1 import subject_data_service_pb2 as pb
from weir.privacy.v1 import subject_data_service_pb2_grpc as pb_grpc

from libs.common.rectification import Rectification, Rectified
from libs.common.subject_data import Erasure, Export, HeldRows, KeptKey, Progress, SubjectRef
from libs.rpc.peers import Peers
from libs.rpc.status import caller_error_of
from libs.rpc.subject_data import changes_message, counts_of, rectified_of


class PeerSubjectData:
    """Implements `SubjectData` and `SealedValues` of `libs.common.subject_data`, and the ports of
    `libs.common.rectification`, for another service. All methods raise grpc.aio.AioRpcError."""

    def __init__(self, peers: Peers, service: str) -> None:
        self._calls = peers.calls(service, pb_grpc.SubjectDataServiceStub)

    async def fence(self, subject: SubjectRef, fenced_at: datetime) -> datetime:
        """See the port."""
        answer: pb.FenceResponse = await self._calls.Fence(
            pb.FenceRequest(
                app_id=subject.app_id,
                subject_id=subject.subject_id,
                persons=subject.persons,
                fenced_at=fenced_at,
            )
        )
        return answer.in_force_from.ToDatetime(tzinfo=UTC)

    async def settled(self, appended_before: datetime) -> bool:
        """See the port."""
        answer: pb.AwaitWritersResponse = await self._calls.AwaitWriters(
            pb.AwaitWritersRequest(appended_before=appended_before)
        )
        return answer.settled

    async def still_needed(self, app_id: str, keys: Sequence[KeptKey]) -> Collection[UUID]:
        """See `SealedValues`."""
        answer: pb.FindNeededKeysResponse = await self._calls.FindNeededKeys(
            pb.FindNeededKeysRequest(
                app_id=app_id,
                keys=[
                    pb.KeptKey(
                        key_id=key.key_id.bytes,
                        person=key.person.bytes,
                        kept_since=key.kept_since,
                    )
                    for key in keys
                ],
            )
        )
        return {UUID(bytes=key_id) for key_id in answer.key_ids}

    async def erase(self, erasure: Erasure) -> Progress:
        """See the port."""
        subject = erasure.subject
        answer: pb.EraseSubjectResponse = await self._calls.EraseSubject(
            pb.EraseSubjectRequest(
                app_id=subject.app_id,
                subject_id=subject.subject_id,
                persons=subject.persons,
                request_id=str(erasure.request_id),
                fenced_at=erasure.fenced_at,
                event_names=erasure.names or (),
                withheld_names=list(erasure.withheld),
                withheld_because=list(erasure.withheld.values()),
                changed=[
                    pb.ChangedEvents(name=name, days=days) for name, days in erasure.changed.items()
                ],
                anonymize_events=erasure.anonymizes_events,
            )
        )
        return Progress(
            answer.done,
            [counts_of(each) for each in answer.stores],
            {each.name: list(each.days) for each in answer.changed},
        )

    async def rectify(self, rectification: Rectification) -> Rectified:
        """See `RectifiableEvents`."""
        subject = rectification.subject
        try:
            answer: pb.RectifyEventResponse = await self._calls.RectifyEvent(
                pb.RectifyEventRequest(
                    app_id=subject.app_id,
                    subject_id=subject.subject_id,
                    persons=subject.persons,
                    request_id=str(rectification.request_id),
                    event_uuid=rectification.event_uuid.bytes,
                    changes=changes_message(rectification.changes),
                )
            )
        except AioRpcError as error:
            problem = caller_error_of(error)
            if problem is None:
                raise
            raise problem from None
        return rectified_of(answer.event)

    async def outcome(self, app_id: str, request_id: UUID, *, give_up: bool) -> Rectified | None:
        """See `RectifiableEvents`."""
        answer: pb.FindRectificationResponse = await self._calls.FindRectification(
            pb.FindRectificationRequest(app_id=app_id, request_id=str(request_id), give_up=give_up)
        )
        return rectified_of(answer.event) if answer.HasField("event") else None

    async def recount(
        self, app_id: str, request_id: UUID, changed: Mapping[str, Sequence[str]]
    ) -> bool:
        """See `ChangedNumbers`."""
        answer: pb.RecountChangedResponse = await self._calls.RecountChanged(
            pb.RecountChangedRequest(
                app_id=app_id,
                request_id=str(request_id),
                changed=[pb.ChangedEvents(name=name, days=days) for name, days in changed.items()],
            )
        )
        return answer.done

    async def export(self, export: Export) -> AsyncIterator[HeldRows]:
        """See the port."""
        if export.names == ():
            # In a message, no names are all.
            return
        subject = export.subject
        call = self._calls.ExportSubject(
            pb.ExportSubjectRequest(
                app_id=subject.app_id,
                subject_id=subject.subject_id,
                persons=subject.persons,
                event_names=export.names or (),
                received_before=export.received_before,
            ),
            endless=True,
        )
        async for answer in call:
            yield HeldRows(answer.store, answer.kind, list(answer.rows))
