"""Settings of the ingest service."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from libs.runtime.settings import PeerSettings, PseudonymSettings
from libs.streams.settings import StreamReaderSettings


class IngestSettings(StreamReaderSettings, PseudonymSettings, PeerSettings):
    """Limits and secrets of the ingest service."""

    model_config = SettingsConfigDict(env_prefix="WEIR_INGEST_")

    port: int = 50051
    # Processes that share the port, for a machine with cores to spare.
    workers: int = Field(1, ge=1)
    max_events_per_frame: int = Field(1_000, ge=1, le=1_000)
    max_frame_bytes: int = Field(4 * 1024 * 1024, ge=1)
    # Frames in flight that a stream may have.
    stream_credits: int = Field(16, ge=1)
    # Above either, producers have to wait: the stream is never trimmed to make room.
    max_backlog_entries: int = 50_000
    max_backlog_bytes: int = 512 * 1024 * 1024
    retry_after_seconds: float = 0.5
    idempotency_window_seconds: int = Field(3_600, ge=1)
    # How long dead letters are kept; no longer than their events would be.
    dead_letters_kept_days: int = Field(30, ge=1, le=3_650)
    # How long after its end a replay of dead letters is kept: its filter and counts. A request id that comes
    # later is a new replay.
    replays_kept_days: int = Field(90, ge=1, le=3_650)
