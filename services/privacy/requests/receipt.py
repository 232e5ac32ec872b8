"""The receipt of an erasure: what was erased of each store, what stayed, and why. Pure."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from libs.common.subject_data import StoreCounts
from services.privacy.requests.model import SubjectRequest


def receipt_content(
    request: SubjectRequest, stores: Sequence[StoreCounts], done_at: datetime
) -> dict[str, Any]:
    """What the receipt of a request says. The person has the pseudonym: the receipt is kept."""
    return {
        "schema_version": "weir erasure 1",
        "request_id": str(request.request_id),
        "app_id": request.app_id,
        "subject": request.subject,
        "categories": list(request.categories),
        "requester": request.requester,
        "requested_at": request.created_at.isoformat(),
        "fenced_at": request.fenced_at.isoformat() if request.fenced_at else None,
        "done_at": done_at.isoformat(),
        "stores": [asdict(each) for each in sorted(stores, key=lambda each: each.store)],
    }


def audit_counts(stores: Sequence[StoreCounts]) -> dict[str, int]:
    """What the audit entry of an erasure says: the rows of each store that are gone, and those that stayed,
    without the person or as they were, if there are any."""
    counts = {each.store: each.erased for each in stores}
    counts |= {f"{each.store}.anonymized": each.anonymized for each in stores if each.anonymized}
    counts |= {f"{each.store}.withheld": each.withheld for each in stores if each.withheld}
    return counts


def receipt_of(request: SubjectRequest) -> str:
    """The receipt of an erasure that is done; empty for none."""
    return str(request.result["receipt"]) if request.result and "receipt" in request.result else ""
