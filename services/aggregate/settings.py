"""Settings of the aggregate service."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from libs.runtime.settings import PeerSettings, PseudonymSettings, ReadDatabaseSettings
from libs.streams.settings import StreamReaderSettings


class AggregateSettings(
    StreamReaderSettings, ReadDatabaseSettings, PseudonymSettings, PeerSettings
):
    """Limits of the aggregate service, and the key of the pseudonyms."""

    model_config = SettingsConfigDict(env_prefix="WEIR_AGGREGATE_")

    port: int = 50053
    # How long a batch waits for a catalog that declares its app and events, before that counts as a failure.
    catalog_wait_seconds: float = Field(3600.0, ge=0)
    # Members of distinct metrics remembered as stored; about 120 bytes each.
    known_members: int = Field(100_000, ge=0)
    # Cells whose ids are remembered; about 500 bytes each.
    known_cells: int = Field(50_000, ge=1)
    # The least time between two messages to one watcher; more with many watchers.
    watch_interval_seconds: float = Field(0.02, ge=0)
    # Open WatchRollups calls, of all apps and of one.
    max_watchers: int = Field(200, ge=1)
    max_watchers_per_app: int = Field(100, ge=1)
    # Changes that slow watchers have not been sent yet, of all together.
    max_watch_bytes: int = Field(32 * 1024 * 1024, ge=1)
    # The least time between two messages to one watcher of gauges, whose limits are those of watchers.
    gauge_interval_seconds: float = Field(0.25, gt=0)
    # Values of one gauge's `by` that are counted apart.
    max_gauge_groups: int = Field(1_000, ge=1, le=10_000)
    # Calls of QueryGauges that read at once, and how many more wait for them.
    max_gauge_queries: int = Field(4, ge=1)
    max_waiting_gauge_queries: int = Field(64, ge=0)
    # Calls of ListEvents that read at once, and how many more wait for them.
    max_event_pages: int = Field(2, ge=1)
    max_waiting_event_pages: int = Field(16, ge=0)
    # Calls of GetMetric that read at once, and how many more wait for them.
    max_metrics: int = Field(2, ge=1)
    max_waiting_metrics: int = Field(16, ge=0)
    # Open ExportEvents calls, and how long one may wait for its client to take something.
    max_exports: int = Field(2, ge=1)
    export_stall_seconds: float = Field(60.0, gt=0)
    # Questions about behaviour that are answered at once, and how many more wait for them.
    max_behaviour_queries: int = Field(2, ge=1)
    max_waiting_behaviour_queries: int = Field(4, ge=0)
    # Events that one of them reads; beyond that people are sampled.
    max_scanned_events: int = Field(2_000_000, ge=1)
    # How long one statement of theirs may take.
    behaviour_statement_seconds: float = Field(25.0, gt=0)
    # How long one statement that reads stored events may take.
    event_statement_seconds: float = Field(20.0, gt=0)
    # How long a handled batch is remembered at least; for longer, if a stream still has it. An older copy of
    # Redis, or an entry taken out of quarantine, may be brought back for so long.
    batch_ids_kept_hours: float = Field(72.0, ge=1)
    # How long the journal of all services' jobs keeps runs; the newest of each job stay.
    job_runs_kept_days: float = Field(90.0, ge=1)
    # Open VerifyRollups and VerifyJobResults calls of this process; each reads much of its app.
    max_verifications: int = Field(1, ge=1)
    # How long a verification may wait for its client to take a difference.
    verify_stall_seconds: float = Field(60.0, gt=0)
    # How long one statement of a verification may take.
    verify_statement_seconds: float = Field(25.0, gt=0)
