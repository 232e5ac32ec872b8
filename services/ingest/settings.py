"""What ingest can be told from outside."""

from pydantic import Field, SecretStr

from libs.runtime.settings import CommonSettings


class IngestSettings(CommonSettings):
    """Limits and secrets of the ingest service."""

    port: int = 50051
    # Required: who holds it can tell which pseudonym stands for whom.
    pseudonym_key: SecretStr = SecretStr("")
    pseudonym_epoch: int = 1
    max_events_per_frame: int = Field(1_000, ge=1, le=1_000)
    max_frame_bytes: int = 4 * 1024 * 1024
    # Frames in flight that a stream may have.
    stream_credits: int = 16
    # Above either, producers are told to wait: the stream is never trimmed to make room.
    max_backlog_entries: int = 50_000
    max_backlog_bytes: int = 512 * 1024 * 1024
    retry_after_seconds: float = 0.5
    idempotency_window_seconds: int = 3_600
