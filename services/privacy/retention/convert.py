"""Messages to the domain's words and back."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from weir.privacy.v1 import retention_service_pb2 as pb
from weir.privacy.v1 import retention_target_service_pb2 as target_pb

from libs.common.errors import InvalidArgument
from services.privacy.retention.model import RetentionRun, Step

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["RetentionService"].full_name


def request_id_of(request: pb.RunRequest) -> uuid.UUID:
    """The caller's id. Raises InvalidArgument."""
    try:
        return uuid.UUID(request.request_id)
    except ValueError:
        raise InvalidArgument(
            "must be a UUID that the caller makes", field="request_id", reason="FIELD_INVALID"
        ) from None


def check_no_app(app_id: str) -> None:
    """Raises InvalidArgument: a run is of all apps."""
    if app_id:
        raise InvalidArgument(
            "must be empty: a run is of all apps", field="app_id", reason="FIELD_INVALID"
        )


def run_message(run: RetentionRun) -> pb.RetentionRun:
    """One run."""
    return pb.RetentionRun(
        request_id=str(run.request_id),
        requested_by=run.requested_by,
        requested_at=run.requested_at,
        state=_state(run),
        steps=[
            target_pb.RetentionStep(
                job=step.job, outcome=step.outcome, counts=step.counts, error=step.error
            )
            for step in run.steps
        ],
        waiting_because=run.waiting_because,
        finished_at=run.finished_at,
    )


def steps_of(messages: Sequence[target_pb.RetentionStep]) -> list[Step]:
    """The steps that a service answers."""
    return [Step(each.job, each.outcome, dict(each.counts), each.error) for each in messages]


def run_values(run: RetentionRun) -> tuple[str, str]:
    """Where a run stands in a list, as a page token carries it; `run_cursor` reads it."""
    return run.requested_at.isoformat(), str(run.request_id)


def run_cursor(requested_at: str, request_id: str) -> tuple[datetime, uuid.UUID]:
    """The place that `run_values` wrote. Raises ValueError or TypeError for values that it never wrote."""
    return datetime.fromisoformat(requested_at).astimezone(UTC), uuid.UUID(request_id)


def _state(run: RetentionRun) -> pb.RetentionRunState:
    if run.finished_at is None:
        return pb.RETENTION_RUN_STATE_RUNNING
    has_failed = any(step.has_failed for step in run.steps)
    return pb.RETENTION_RUN_STATE_FAILED if has_failed else pb.RETENTION_RUN_STATE_DONE
