"""Messages to the domain's words and back."""

from collections.abc import Mapping, Sequence
from typing import cast

from google.protobuf.timestamp_pb2 import Timestamp
from weir.privacy.v1 import privacy_service_pb2 as pb

from libs.catalog import Catalog, Ground, Purpose
from libs.common.errors import InvalidArgument
from libs.consent import Ruling, Status, grant_end
from services.privacy.consent.changes import Change
from services.privacy.consent.model import (
    ActorRole,
    HistoryCursor,
    HistoryEntry,
    Recording,
    Subject,
)
from services.privacy.consent.receipts import ReceiptPurpose

DEFAULT_SOURCE = "api"


def check_response(ruling: Ruling) -> pb.CheckConsentResponse:
    """The answer about one person."""
    decision, status, reason, version = ruling
    # The stubs do not know that our numbers are theirs.
    return pb.CheckConsentResponse(
        decision=cast("pb.Decision", decision),
        recorded=status is not Status.UNKNOWN,
        status=cast("pb.ConsentStatus", status),
        reason=cast("pb.DecisionReason", reason),
        consent_version=version,
    )


def batch_response(rulings: Sequence[Ruling]) -> pb.BatchCheckConsentResponse:
    """The answers in their order."""
    decisions, statuses, reasons, versions = zip(*rulings, strict=True)
    return pb.BatchCheckConsentResponse(
        decisions=decisions, statuses=statuses, reasons=reasons, consent_versions=versions
    )


def consent_recording(catalog: Catalog, request: pb.RecordConsentRequest) -> Recording:
    """What is to be recorded; nothing is checked yet, and of a repeated purpose the last counts. Raises
    InvalidArgument for a role that is not defined."""
    return Recording(
        subject=Subject(request.app_id, request.subject_id),
        choices={
            choice.purpose: _status(catalog.purposes.get(choice.purpose), choice.granted)
            for choice in request.choices
        },
        actor=request.actor,
        method=request.method,
        notice_version=request.notice_version,
        source=request.source or DEFAULT_SOURCE,
        actor_role=_role(request.actor_role),
        expires_at_us=_us(request.expires_at) if request.HasField("expires_at") else None,
        age_band=request.age_band,
    )


def _status(purpose: Purpose | None, granted: bool) -> Status:
    if granted:
        return Status.GRANTED
    objected = purpose is not None and purpose.ground is Ground.LEGITIMATE_INTEREST
    return Status.OBJECTED if objected else Status.DENIED


def _role(number: int) -> ActorRole:
    try:
        return ActorRole(number)
    except ValueError:
        raise InvalidArgument("is not a role that this release knows", field="actor_role") from None


def _us(moment: Timestamp) -> int:
    return moment.seconds * 1_000_000 + moment.nanos // 1000


def timestamp(microseconds: int) -> Timestamp:
    """Microseconds since 1970 as a Timestamp."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def consent_entry(entry: HistoryEntry, purpose: Purpose | None, now_us: int) -> pb.ConsentEntry:
    """One line of a history, as it is `now_us`; no purpose: the catalog no longer declares it."""
    ends = _end_of(entry, purpose)
    status = entry.status
    if ends is not None and ends <= min(now_us, entry.replaced_at_us or now_us):
        status = Status.EXPIRED
    return pb.ConsentEntry(
        # A restriction stands under a name that is no purpose.
        purpose=entry.purpose if entry.status is not None else "",
        granted=entry.status is Status.GRANTED,
        actor=entry.actor,
        method=entry.method,
        notice_version=entry.notice_version,
        recorded_at=timestamp(entry.recorded_at_us),
        status=cast("pb.ConsentStatus", status or 0),
        source=entry.source,
        actor_role=cast("pb.ActorRole", entry.actor_role),
        expires_at=None if ends is None else timestamp(ends),
        version=entry.version,
        age_band=entry.age_band,
        restricted=entry.restricts,
    )


def consent_change(change: Change, purposes: Mapping[str, Purpose]) -> pb.ConsentChange:
    """One recording; as it was recorded, whatever ended since."""
    return pb.ConsentChange(
        subject_id=change.subject_id,
        entries=[consent_entry(each, purposes.get(each.purpose), 0) for each in change.entries],
    )


def verification_response(purposes: Sequence[ReceiptPurpose]) -> pb.VerifyReceiptResponse:
    """What a genuine receipt is worth now."""
    return pb.VerifyReceiptResponse(
        genuine=True,
        in_force=bool(purposes) and all(one.in_force for one in purposes),
        purposes=[
            pb.ReceiptPurpose(
                purpose=one.purpose,
                in_force=one.in_force,
                status=cast("pb.ConsentStatus", one.ruling.status),
                consent_version=one.ruling.version,
            )
            for one in purposes
        ],
    )


def _end_of(entry: HistoryEntry, purpose: Purpose | None) -> int | None:
    """When a grant ends, in microseconds since 1970; None if it does not, or is none."""
    if entry.status is not Status.GRANTED:
        return None
    return grant_end(purpose, entry.recorded_at_us, entry.expires_at_us)


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
