"""Messages of ReplayDeadLetters and CancelReplay to the domain's words and back."""

import math
import uuid

from weir.ingest.v1 import dead_letter_service_pb2 as pb

from libs.common.errors import InvalidArgument
from services.ingest.dead_letters.convert import selection_of
from services.ingest.replay.model import Replay, ReplayRequest, ReplayState

_DEFAULT_PER_SECOND = 200
_MAX_PER_SECOND = 10_000
_DEFAULT_SHARE = 0.5
_STATES = {
    ReplayState.RUNNING: pb.REPLAY_STATE_RUNNING,
    ReplayState.DONE: pb.REPLAY_STATE_DONE,
    ReplayState.STOPPED: pb.REPLAY_STATE_STOPPED,
    ReplayState.CANCELLED: pb.REPLAY_STATE_CANCELLED,
}


def replay_request(request: pb.ReplayDeadLettersRequest) -> ReplayRequest:
    """What is asked for. Raises InvalidArgument with the field at fault."""
    request_id = replay_id(request.request_id)
    if request.events_per_second > _MAX_PER_SECOND:
        raise InvalidArgument(f"must be at most {_MAX_PER_SECOND}", field="events_per_second")
    share = request.max_rejected_share
    if not (math.isfinite(share) and 0 <= share <= 1):
        raise InvalidArgument("must be from 0 to 1", field="max_rejected_share")
    return ReplayRequest(
        request_id,
        selection_of(request.app_id, request.filter),
        request.dry_run,
        request.events_per_second or _DEFAULT_PER_SECOND,
        share or _DEFAULT_SHARE,
    )


def replay_id(text: str) -> uuid.UUID:
    """The id of a replay. Raises InvalidArgument."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise InvalidArgument("must be a UUID that the caller makes", field="request_id") from None


def replay_message(replay: Replay) -> pb.DeadLetterReplay:
    """How far a replay is; reasons by name."""
    message = pb.DeadLetterReplay(
        request_id=str(replay.request.request_id),
        requested_by=replay.requested_by,
        dry_run=replay.request.dry_run,
        state=_STATES[replay.state],
        stopped_because=replay.stopped_because,
        reasons=[
            pb.ReplayedReason(reason=reason, **fates)
            for reason, fates in sorted(replay.counts.items())
        ],
        rejected_now=replay.rejected_now,
    )
    message.requested_at.FromDatetime(replay.requested_at)
    if replay.finished_at is not None:
        message.finished_at.FromDatetime(replay.finished_at)
    return message
