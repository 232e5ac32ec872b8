"""Privacy, as far as aggregate asks it whose data are restricted, for tests of aggregate alone."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc
from weir.privacy.v1 import subject_request_service_pb2 as pb
from weir.privacy.v1 import subject_request_service_pb2_grpc


class _Privacy(subject_request_service_pb2_grpc.SubjectRequestServiceServicer):
    def __init__(self, persons: Sequence[bytes]) -> None:
        self._persons = persons

    async def ListRestrictedPeople(  # noqa: N802
        self, request: pb.ListRestrictedPeopleRequest, _: grpc.aio.ServicerContext
    ) -> pb.ListRestrictedPeopleResponse:
        return pb.ListRestrictedPeopleResponse(persons=self._persons)


@asynccontextmanager
async def answering(*persons: bytes) -> AsyncIterator[str]:
    """The address of a server that says that these people are restricted, in every app."""
    server = grpc.aio.server()
    subject_request_service_pb2_grpc.add_SubjectRequestServiceServicer_to_server(
        _Privacy(persons), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)
