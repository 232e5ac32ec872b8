"""The servicer of dead letters: messages in, messages out."""

import grpc
from weir.ingest.v1 import dead_letter_service_pb2 as pb
from weir.ingest.v1 import dead_letter_service_pb2_grpc as pb_grpc

from libs.audit import Action
from libs.rpc.audited_reads import AuditedReads
from services.ingest.dead_letters.listing.service import LetterLists


class DeadLetterServicer(pb_grpc.DeadLetterServiceServicer):
    """Implements `weir.ingest.v1.DeadLetterService`."""

    def __init__(self, lists: LetterLists, reads: AuditedReads) -> None:
        self._lists = lists
        self._reads = reads

    async def ListDeadLetters(  # noqa: N802
        self, request: pb.ListDeadLettersRequest, context: grpc.aio.ServicerContext
    ) -> pb.ListDeadLettersResponse:
        response = await self._lists.list(request)
        if request.show_events:
            await self._reads.note(
                Action.DEAD_LETTERS_LISTED,
                request.app_id,
                context,
                details={"letters": len(response.dead_letters)},
            )
        return response
