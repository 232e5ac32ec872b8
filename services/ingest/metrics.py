"""Prometheus metrics of the ingest service. `multiprocess_mode`: what workers show of a gauge together."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter(
    "weir_ingest_events", "Events by verdict; the sum is what arrived", ["app", "verdict"]
)
REJECTED_FRAMES = Counter(
    "weir_ingest_rejected_frames",
    "Frames that were too large; none of their events is counted",
    ["app"],
)
PERSONAL_DATA = Counter(
    "weir_ingest_personal_data",
    "E-mail addresses and the like that were found in places that the catalog does not mark",
    ["app", "kind"],
)
CONFLICTS = Counter("weir_ingest_conflicts", "Resent ids with a different payload", ["app"])
FRAME_SECONDS = Histogram(
    "weir_ingest_frame_seconds",
    "From a frame's arrival to its verdicts; a call counts as a frame",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
BATCH_EVENTS = Histogram(
    "weir_ingest_batch_events",
    "Events of the frames that share a batch",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000),
)
STREAMS = Gauge("weir_ingest_open_streams", "Open StreamEvents calls", multiprocess_mode="livesum")
BACKLOG_ENTRIES = Gauge(
    "weir_ingest_backlog_entries",
    "Batches that enrich has not acknowledged",
    ["shard"],
    multiprocess_mode="livemostrecent",
)
BACKLOG_BYTES = Gauge(
    "weir_ingest_backlog_bytes",
    "The size of that and of dead letters in Redis",
    ["shard"],
    multiprocess_mode="livemostrecent",
)
REPLAYED = Counter(
    "weir_ingest_dead_letters_replayed",
    "Dead letters that a replay looked at, by what became of them",
    ["app", "fate"],
)
DEAD_LETTERS = Counter("weir_ingest_dead_letters_stored", "Dead letters written to Postgres")
