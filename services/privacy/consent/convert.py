"""Messages to the domain's words and back."""

from collections.abc import Sequence
from typing import cast

from google.protobuf.timestamp_pb2 import Timestamp
from weir.privacy.v1 import privacy_service_pb2 as pb

from libs.consent import Decision
from services.privacy.consent.model import (
    ConsentAnswer,
    HistoryCursor,
    HistoryEntry,
    Recording,
    Subject,
)

# Every answer there is, made once: a check's answer is looked up, not built.
CHECK_RESPONSES = {
    ConsentAnswer(decision, recorded): pb.CheckConsentResponse(
        decision=pb.Decision.Name(decision), recorded=recorded
    )
    for decision in Decision
    for recorded in (False, True)
}


def batch_response(decisions: Sequence[Decision]) -> pb.BatchCheckConsentResponse:
    """The decisions in their order."""
    # The stubs do not know that our numbers are theirs.
    return pb.BatchCheckConsentResponse(decisions=cast("Sequence[pb.Decision]", decisions))


def consent_recording(request: pb.RecordConsentRequest) -> Recording:
    """What is to be recorded; nothing is checked yet, and of a repeated purpose the last counts."""
    return Recording(
        subject=Subject(request.app_id, request.subject_id),
        choices={choice.purpose: choice.granted for choice in request.choices},
        actor=request.actor,
        method=request.method,
        notice_version=request.notice_version,
    )


def timestamp(microseconds: int) -> Timestamp:
    """Microseconds since 1970 as a Timestamp."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def consent_entry(entry: HistoryEntry) -> pb.ConsentEntry:
    """One line of a history."""
    return pb.ConsentEntry(
        purpose=entry.purpose,
        granted=entry.granted,
        actor=entry.actor,
        method=entry.method,
        notice_version=entry.notice_version,
        recorded_at=timestamp(entry.recorded_at_us),
    )


def cursor_values(entry: HistoryEntry) -> tuple[int, str]:
    """Where an entry stands in its history, as a page token carries it; `history_cursor` reads it."""
    return entry.version, entry.purpose


def history_cursor(version: int, purpose: str) -> HistoryCursor:
    """The cursor that `cursor_values` wrote. Raises ValueError or TypeError for values that it never
    writes."""
    # A version is a Postgres bigint.
    if not 0 <= version < 2**63 or "\x00" in purpose:
        raise ValueError("not a place in a history")
    return HistoryCursor(int(version), purpose)
