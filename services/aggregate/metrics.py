"""What aggregate measures; the README says what each is for."""

from prometheus_client import Counter, Gauge

EVENTS = Counter("weir_aggregate_events", "Events counted", ["app"])
BATCHES = Counter("weir_aggregate_batches", "Batches counted")
DUPLICATES = Counter("weir_aggregate_duplicate_batches", "Batches delivered again and not counted")
LAG_SECONDS = Gauge(
    "weir_aggregate_lag_seconds", "Age of the oldest entry that is not acknowledged", ["stream"]
)
PENDING = Gauge(
    "weir_aggregate_pending_entries", "Entries delivered and not acknowledged", ["stream"]
)
WATCHERS = Gauge("weir_aggregate_watchers", "Open WatchRollups calls")
REFUSED_WATCHERS = Counter(
    "weir_aggregate_refused_watchers", "Calls to watch numbers beyond a limit", ["limit"]
)
RESTARTED_WATCHERS = Counter(
    "weir_aggregate_restarted_watchers",
    "Times that a watcher fell so far behind that it gets the current buckets again",
)
WATCHED_BYTES = Gauge(
    "weir_aggregate_watch_held_bytes", "Changes and messages that watchers have yet to take"
)
