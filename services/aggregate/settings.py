"""What aggregate can be told from outside."""

from pydantic import Field

from libs.runtime.settings import CommonSettings


class AggregateSettings(CommonSettings):
    """Limits of the aggregate service."""

    port: int = 50053
    # Members of distinct metrics remembered as stored; about 120 bytes each.
    known_members: int = Field(500_000, ge=0)
    # Cells whose ids are remembered; about 500 bytes each.
    known_cells: int = Field(50_000, ge=1)
    # The least time between two messages to one watcher.
    watch_interval_seconds: float = 0.2
    # Open WatchMetrics calls, of all apps and of one.
    max_watchers: int = Field(200, ge=1)
    max_watchers_per_app: int = Field(100, ge=1)
    # Changes that slow watchers have not been sent yet, of all together.
    max_watch_bytes: int = Field(32 * 1024 * 1024, ge=1)
