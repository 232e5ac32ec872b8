"""The servicer of dead letters: messages in, messages out."""

from functools import partial

import grpc
from weir.ingest.v1 import dead_letter_service_pb2 as pb
from weir.ingest.v1 import dead_letter_service_pb2_grpc as pb_grpc

from libs.audit import Action
from libs.rpc.audited_reads import AuditedReads
from libs.rpc.principal import current_principal
from services.ingest.dead_letters.listing.service import LetterLists
from services.ingest.replay.service import RequestedReplays


class DeadLetterServicer(pb_grpc.DeadLetterServiceServicer):
    """Implements `weir.ingest.v1.DeadLetterService`."""

    def __init__(self, lists: LetterLists, replays: RequestedReplays, audit: AuditedReads) -> None:
        self._lists = lists
        self._replays = replays
        self._audit = audit

    async def ListDeadLetters(  # noqa: N802
        self, request: pb.ListDeadLettersRequest, context: grpc.aio.ServicerContext
    ) -> pb.ListDeadLettersResponse:
        response = await self._lists.list(request)
        if request.show_events:
            await self._audit.note(
                Action.DEAD_LETTERS_LISTED,
                request.app_id,
                context,
                details={"letters": len(response.dead_letters)},
            )
        return response

    async def ReplayDeadLetters(  # noqa: N802
        self, request: pb.ReplayDeadLettersRequest, context: grpc.aio.ServicerContext
    ) -> pb.ReplayDeadLettersResponse:
        note = partial(
            self._audit.note,
            Action.DEAD_LETTERS_REPLAYED,
            request.app_id,
            context,
            details={"replay": request.request_id, "dry_run": request.dry_run},
        )
        return await self._replays.replay(request, current_principal().name, note)

    async def CancelReplay(  # noqa: N802
        self, request: pb.CancelReplayRequest, context: grpc.aio.ServicerContext
    ) -> pb.CancelReplayResponse:
        note = partial(
            self._audit.note,
            Action.REPLAY_CANCELLED,
            request.app_id,
            context,
            details={"replay": request.request_id},
        )
        return await self._replays.cancel(request, current_principal().name, note)
