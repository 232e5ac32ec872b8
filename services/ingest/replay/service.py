"""ReplayDeadLetters and CancelReplay: asks for a replay, says how far it is, and ends it."""

from collections.abc import Awaitable, Callable

from weir.ingest.v1 import dead_letter_service_pb2 as pb

from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock, moment_of
from libs.common.errors import AlreadyExists, NotFound
from services.ingest.replay.convert import replay_id, replay_message, replay_request
from services.ingest.replay.model import Replay, ReplayState
from services.ingest.replay.postgres import PostgresReplays


class RequestedReplays:
    """Answers ReplayDeadLetters and CancelReplay of `weir.ingest.v1.DeadLetterService`."""

    def __init__(self, catalogs: Catalogs, replays: PostgresReplays, clock: Clock) -> None:
        self._catalogs = catalogs
        self._replays = replays
        self._clock = clock

    async def replay(
        self,
        request: pb.ReplayDeadLettersRequest,
        actor: str,
        note: Callable[[], Awaitable[None]],
    ) -> pb.ReplayDeadLettersResponse:
        """The replay, begun with this call or before; `note` puts it on record before it begins. Raises
        AppUnknown, InvalidArgument, AlreadyExists, LimitExceeded."""
        catalog_of(self._catalogs.current, request.app_id)
        asked = replay_request(request)
        found = await self._replays.find(request.app_id, asked.request_id)
        if found is None:
            await note()
            now = moment_of(self._clock.now_us())
            found = await self._replays.add(Replay(asked, actor, now))
        if found.request != asked:
            raise AlreadyExists(
                "there is a replay with this id and other fields", field="request_id"
            )
        return pb.ReplayDeadLettersResponse(replay=replay_message(found))

    async def cancel(
        self,
        request: pb.CancelReplayRequest,
        actor: str,
        note: Callable[[], Awaitable[None]],
    ) -> pb.CancelReplayResponse:
        """The replay, which is over; if it was under way, `note` puts the call on record before it is ended.
        Raises AppUnknown, InvalidArgument, NotFound."""
        catalog_of(self._catalogs.current, request.app_id)
        request_id = replay_id(request.request_id)
        found = await self._replays.find(request.app_id, request_id)
        if found is not None and found.state is ReplayState.RUNNING:
            await note()
            found = await self._replays.cancel(request.app_id, request_id, actor)
        if found is None:
            raise NotFound("there is no such replay", reason="REQUEST_UNKNOWN", metadata={})
        return pb.CancelReplayResponse(replay=replay_message(found))
