"""Prometheus metrics of the privacy service."""

from prometheus_client import Counter, Gauge

CHECKS = Counter("weir_privacy_checks", "People asked about")
CHECKS_FROM_POSTGRES = Counter(
    "weir_privacy_checks_from_postgres",
    "Of these, answered without the mirror in Redis; rises while Redis is away",
)
RECORDINGS = Counter("weir_privacy_recordings", "Grants and withdrawals recorded")
MIRROR_FILLS = Counter(
    "weir_privacy_mirror_fills", "Times an app's mirror was filled; one for each app at the start"
)
WATCHERS = Gauge("weir_privacy_watchers", "Open WatchConsent calls")
RESYNCS_PENDING = Gauge(
    "weir_privacy_resyncs_pending",
    "People whose mirror may differ from what is recorded; 0 but for moments",
)
