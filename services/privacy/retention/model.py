"""A retention run that was asked for, and what privacy says of its own stores. Pure."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.common.expiry import RetentionLimit

# In this order, so that events go before what was counted from them.
SERVICES = ("enrich", "ingest", "aggregate", "privacy")
# Consents are proof, and kept without limit.
OWN_LIMITS = (
    RetentionLimit("privacy.consents", None, "", ""),
    RetentionLimit("privacy.consent_history", None, "", ""),
)


@dataclass(frozen=True, slots=True)
class Step:
    """How a job of a run stands: `outcome` is a word of the journal."""

    job: str
    outcome: str
    counts: Mapping[str, int]
    error: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether it failed each time that it was tried."""
        return self.outcome == "failed"


@dataclass(frozen=True, slots=True)
class RetentionRun:
    """A run: `steps` are those that were begun. It goes on until `finished_at` is set; `waiting_because` says
    which service is away, empty if none is."""

    request_id: uuid.UUID
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None = None
    steps: Sequence[Step] = ()
    waiting_because: str = ""
