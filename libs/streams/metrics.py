"""Prometheus metrics of stream readers, by consumer group."""

from prometheus_client import Counter, Gauge, Histogram

CHUNK_SECONDS = Histogram(
    "weir_stream_chunk_seconds",
    "From reading a chunk to acknowledging it; the group `ingest` reads dead letters",
    ["group"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
RETRIES = Counter(
    "weir_stream_retries",
    "Chunks tried again because a store was unavailable or overloaded",
    ["group", "failure"],
)
FAILURES = Counter(
    "weir_stream_failed_entries",
    "Attempts at an entry that failed for a reason of its own",
    ["group"],
)
WAITING = Counter(
    "weir_stream_waiting_entries",
    "Attempts at an entry that has to wait for something outside of it, such as a newer catalog",
    ["group"],
)
QUARANTINED = Counter(
    "weir_stream_quarantined_entries",
    "Entries moved to quarantine, because no reader could handle them",
    ["group"],
)
WAITING_SECONDS = Gauge(
    "weir_stream_waiting_seconds",
    "Since the oldest entry that the group has not acknowledged was added, by Redis's clock",
    ["group", "stream"],
    multiprocess_mode="livemostrecent",
)
AGE_SECONDS = Gauge(
    "weir_stream_age_seconds",
    "Since ingest received the oldest event that the group has not acknowledged, by the services' clocks",
    ["group", "stream"],
    multiprocess_mode="livemostrecent",
)
PENDING = Gauge(
    "weir_stream_pending_entries",
    "Entries delivered to a reader of the group and not acknowledged",
    ["group", "stream"],
    multiprocess_mode="livemostrecent",
)
