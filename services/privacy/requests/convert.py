"""Messages to the domain's words and back."""

from datetime import datetime
from typing import cast
from uuid import UUID

from google.protobuf.descriptor import EnumDescriptor
from weir.privacy.v1 import subject_request_service_pb2 as pb

from libs.common.errors import InvalidArgument
from libs.rpc.subject_data import counts_message
from services.privacy.requests.model import (
    Kind,
    RequestCursor,
    State,
    Step,
    StepState,
    SubjectRequest,
)

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["SubjectRequestService"].full_name


def request_message(request: SubjectRequest, receipt: str = "") -> pb.SubjectRequest:
    """A request as it is now."""
    result = request.result or {}
    return pb.SubjectRequest(
        request_id=str(request.request_id),
        app_id=request.app_id,
        # The stubs take the number for less than it is.
        kind=cast(
            "pb.SubjectRequestKind",
            pb.SubjectRequestKind.Value(f"SUBJECT_REQUEST_KIND_{request.kind.name}"),
        ),
        state=cast(
            "pb.SubjectRequestState",
            pb.SubjectRequestState.Value(f"SUBJECT_REQUEST_STATE_{request.state.name}"),
        ),
        subject=request.subject,
        subject_id=request.subject_id or "",
        categories=request.categories,
        requester=request.requester,
        created_at=request.created_at,
        due_at=request.due_at,
        done_at=request.done_at,
        expires_at=request.expires_at,
        steps_done=sum(step.state is StepState.DONE for step in request.steps),
        steps_total=len(request.steps),
        steps=map(_step, request.steps),
        failure=request.failure,
        receipt_json=receipt,
        size_bytes=result.get("size_bytes", 0),
        sha256=bytes.fromhex(result.get("sha256", "")),
        event_uuid=request.parameters.get("event", ""),
        rectified=[
            pb.RectifiedProperty(property=path, hash_before=before, hash_after=after)
            for path, (before, after) in result.get("rectified", {}).items()
        ],
    )


def _step(step: Step) -> pb.SubjectRequestStep:
    return pb.SubjectRequestStep(
        name=step.name,
        service=step.service,
        state=cast(
            "pb.SubjectStepState",
            pb.SubjectStepState.Value(f"SUBJECT_STEP_STATE_{step.state.name}"),
        ),
        stores=map(counts_message, step.stores),
    )


def kind_of(number: int) -> Kind | None:
    """The kind that a request asks for; None for none. Raises InvalidArgument."""
    return Kind[_word(pb.SubjectRequestKind.DESCRIPTOR, number, "kind")] if number else None


def state_of(number: int) -> State | None:
    """The state that a request asks for; None for none. Raises InvalidArgument."""
    return State[_word(pb.SubjectRequestState.DESCRIPTOR, number, "state")] if number else None


def _word(names: EnumDescriptor, number: int, field: str) -> str:
    known = names.values_by_number.get(number)
    if known is None:
        raise InvalidArgument("is not one that this release knows", field=field)
    return str(known.name).rpartition("_")[2]


def uuid_of(text: str, field: str = "request_id") -> UUID:
    """Raises InvalidArgument for anything but a UUID."""
    try:
        return UUID(text)
    except ValueError:
        raise InvalidArgument("must be a UUID", field=field) from None


def cursor_values(request: SubjectRequest) -> tuple[str, str]:
    """Where a request stands in a list, as a page token carries it; `request_cursor` reads it."""
    return request.created_at.isoformat(), str(request.request_id)


def request_cursor(created_at: str, request_id: str) -> RequestCursor:
    """The cursor that `cursor_values` wrote. Raises ValueError or TypeError for values that it never
    writes."""
    moment = datetime.fromisoformat(created_at)
    if moment.tzinfo is None:
        raise ValueError("not a moment")
    return RequestCursor(moment, UUID(request_id))
