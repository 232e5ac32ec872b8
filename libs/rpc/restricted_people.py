"""Asks privacy whose data are restricted, for services that show events or numbers of people."""

import asyncio
from uuid import UUID

import grpc
import grpc.aio
from weir.privacy.v1 import subject_request_service_pb2 as pb
from weir.privacy.v1 import subject_request_service_pb2_grpc

from libs.common.errors import Unavailable
from libs.common.restricted import RestrictedPeople
from libs.rpc.peers import Peers

_PAGE_TIMEOUT_SECONDS = 5.0
# Of all pages: a part of a replay waits for them with locks that new fences wait for.
_TIMEOUT_SECONDS = 10.0
_PAGE_SIZE = 1_000


class RemoteRestrictedPeople:
    """See `libs.common.restricted.RestrictionSource`. Nothing is remembered: a restriction is in force
    from the return of the call that makes it."""

    def __init__(self, peers: Peers, seconds: float = _TIMEOUT_SECONDS) -> None:
        """`seconds`: how long all pages may take."""
        self._peers = peers
        self._seconds = seconds

    async def of_app(self, app_id: str) -> RestrictedPeople:
        """The people of an app who are restricted now. Raises Unavailable."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._read(app_id)
        except TimeoutError:
            raise _unknown("no answer in time") from None
        except grpc.aio.AioRpcError as error:
            raise _unknown(error.code().name) from None

    async def _read(self, app_id: str) -> RestrictedPeople:
        calls = self._peers.calls(
            "privacy",
            subject_request_service_pb2_grpc.SubjectRequestServiceStub,
            seconds=_PAGE_TIMEOUT_SECONDS,
        )
        request = pb.ListRestrictedPeopleRequest(app_id=app_id, page_size=_PAGE_SIZE)
        subject_ids: list[str] = []
        persons: list[UUID] = []
        while True:
            answer = await calls.ListRestrictedPeople(request)
            subject_ids += answer.subject_ids
            persons += (UUID(bytes=person) for person in answer.persons)
            if not answer.next_page_token:
                return RestrictedPeople(tuple(subject_ids), tuple(persons))
            request.page_token = answer.next_page_token


def _unknown(problem: str) -> Unavailable:
    return Unavailable(
        f"whose data are restricted is not known now: privacy: {problem}", retry_after_seconds=1.0
    )
