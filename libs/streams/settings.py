"""Settings of services that read streams."""

from pydantic import Field

from libs.runtime.settings import CommonSettings


class StreamReaderSettings(CommonSettings):
    """What a reader of streams does with entries that are not acknowledged, or that fail."""

    # How long a batch may lie with a consumer that does not answer before another one takes it.
    claim_idle_seconds: float = Field(10.0, gt=0)
    # How often an entry that fails, or kills its reader, is tried alone before it is quarantined.
    max_attempts: int = Field(5, ge=1)
    # With so many entries of a shard in quarantine, or dead-lettered within an hour, the fault is in the
    # release or its set-up: the rest stays.
    max_quarantined_entries: int = Field(100, ge=1)
    # How long entries stay in quarantine, for a person to look at and to put back.
    quarantine_kept_days: int = Field(30, ge=1, le=3_650)
