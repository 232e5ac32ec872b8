"""Asks privacy whose data are restricted, for services that show events or numbers of people."""

from uuid import UUID

import grpc
import grpc.aio
from weir.privacy.v1 import subject_request_service_pb2 as pb
from weir.privacy.v1 import subject_request_service_pb2_grpc

from libs.common.errors import Unavailable
from libs.common.restricted import RestrictedPeople
from libs.rpc.peers import Peers

# Of one page.
_TIMEOUT_SECONDS = 5.0
_PAGE_SIZE = 1_000


class RemoteRestrictedPeople:
    """See `libs.common.restricted.RestrictionSource`. Nothing is remembered: a restriction is in force
    from the return of the call that makes it."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def of_app(self, app_id: str) -> RestrictedPeople:
        """The people of an app who are restricted now. Raises Unavailable."""
        calls = self._peers.calls(
            "privacy",
            subject_request_service_pb2_grpc.SubjectRequestServiceStub,
            seconds=_TIMEOUT_SECONDS,
        )
        request = pb.ListRestrictedPeopleRequest(app_id=app_id, page_size=_PAGE_SIZE)
        subject_ids: list[str] = []
        persons: list[UUID] = []
        while True:
            try:
                answer = await calls.ListRestrictedPeople(request)
            except grpc.aio.AioRpcError as error:
                raise Unavailable(
                    f"whose data are restricted is not known now: privacy: {error.code().name}",
                    retry_after_seconds=1.0,
                ) from None
            subject_ids += answer.subject_ids
            persons += (UUID(bytes=person) for person in answer.persons)
            if not answer.next_page_token:
                return RestrictedPeople(tuple(subject_ids), tuple(persons))
            request.page_token = answer.next_page_token
