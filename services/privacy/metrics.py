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
ROTATION_DUE = Gauge(
    "weir_privacy_wrapping_key_rotation_due_timestamp_seconds",
    "When the wrapping key in use is to be replaced, Unix time; 0 until it is known",
)
OVERDUE = Gauge(
    "weir_privacy_retention_overdue_rows",
    "Rows and entries that are past their limit, of all services; some minutes after midnight, none without a"
    " reason to be kept",
    ["store", "app", "kept_because"],
)
OVERDUE_MEASURED = Gauge(
    "weir_privacy_retention_measured_timestamp_seconds",
    "When all services last answered what is past its limit, Unix time; 0 if never",
)
