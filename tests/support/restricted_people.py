"""Privacy, as far as the other services ask it whose data are restricted, for tests of one of them alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from weir.privacy.v1 import subject_request_service_pb2 as pb
from weir.privacy.v1 import subject_request_service_pb2_grpc

from tests.support.pseudonyms import PSEUDONYMS


class RestrictingPrivacy(subject_request_service_pb2_grpc.SubjectRequestServiceServicer):
    """Says that the people of `restricted`, a set of ids, are restricted, in every app: each on a page of
    their own, whatever size is asked for, which takes `page_seconds`."""

    def __init__(self) -> None:
        self.restricted: set[str] = set()
        self.address = ""
        self.is_away = False
        self.page_seconds = 0.0

    async def ListRestrictedPeople(  # noqa: N802
        self, request: pb.ListRestrictedPeopleRequest, context: grpc.aio.ServicerContext
    ) -> pb.ListRestrictedPeopleResponse:
        if self.is_away:
            await context.abort(grpc.StatusCode.UNAVAILABLE)
        await asyncio.sleep(self.page_seconds)
        [subject_id, *others] = [
            each for each in sorted(self.restricted) if each > request.page_token
        ] or [""]
        if not subject_id:
            return pb.ListRestrictedPeopleResponse()
        return pb.ListRestrictedPeopleResponse(
            subject_ids=[subject_id],
            persons=[
                bytes.fromhex(person)
                for person in PSEUDONYMS.all_epochs(request.app_id, subject_id)
            ],
            next_page_token=subject_id if others else "",
        )


@asynccontextmanager
async def restricting_privacy() -> AsyncIterator[RestrictingPrivacy]:
    """A server that restricts no one yet."""
    privacy = RestrictingPrivacy()
    server = grpc.aio.server()
    subject_request_service_pb2_grpc.add_SubjectRequestServiceServicer_to_server(privacy, server)
    port = server.add_insecure_port("127.0.0.1:0")
    privacy.address = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield privacy
    finally:
        await server.stop(0)
