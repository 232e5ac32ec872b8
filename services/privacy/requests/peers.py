"""The other services' data about people, through their `SubjectDataService`."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID

from weir.privacy.v1 import subject_data_service_pb2 as pb
from weir.privacy.v1 import subject_data_service_pb2_grpc as pb_grpc

from libs.common.subject_data import Erasure, Export, HeldRows, KeptKey, Progress, SubjectRef
from libs.rpc.peers import Peers
from libs.rpc.subject_data import counts_of


class PeerSubjectData:
    """Implements `SubjectData` and `SealedValues` of `libs.common.subject_data` for another service. All
    methods raise grpc.aio.AioRpcError."""

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
            )
        )
        return Progress(
            answer.done,
            [counts_of(each) for each in answer.stores],
            {each.name: list(each.days) for each in answer.changed},
        )

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
