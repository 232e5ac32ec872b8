"""What aggregate measures; the README says what each is for."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter("weir_aggregate_events", "Events counted", ["app"])
BATCHES = Counter("weir_aggregate_batches", "Batches counted")
DUPLICATES = Counter("weir_aggregate_duplicate_batches", "Batches delivered again and not counted")
CHUNK_SECONDS = Histogram(
    "weir_aggregate_chunk_seconds",
    "From a chunk's arrival to its acknowledgement",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
RETRIES = Counter("weir_aggregate_retries", "Transactions that are tried again")
FAILURES = Counter("weir_aggregate_failed_entries", "Attempts at entries that cannot be counted")
POISON = Counter("weir_aggregate_poison_entries", "Entries put aside", ["stream"])
LAG_SECONDS = Gauge(
    "weir_aggregate_lag_seconds", "Age of the oldest entry that is not acknowledged", ["stream"]
)
PENDING = Gauge(
    "weir_aggregate_pending_entries", "Entries delivered and not acknowledged", ["stream"]
)
WATCHERS = Gauge("weir_aggregate_watchers", "Open WatchMetrics calls")
