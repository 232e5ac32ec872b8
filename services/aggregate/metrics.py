"""Prometheus metrics of the aggregate service."""

from prometheus_client import Counter, Gauge

EVENTS = Counter("weir_aggregate_events", "Events counted", ["app"])
BATCHES = Counter("weir_aggregate_batches", "Batches counted")
EXPIRED_CHANGES = Counter(
    "weir_aggregate_expired_changes",
    "Changes of cells that are not kept any more, so that events of them came too late",
    ["app"],
)
DUPLICATES = Counter("weir_aggregate_duplicate_batches", "Batches delivered again and not counted")
WATCHERS = Gauge("weir_aggregate_watchers", "Open WatchRollups and WatchGauges calls")
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
RECOUNTED_EVENTS = Counter(
    "weir_aggregate_recounted_events", "Stored events that recounts have read", ["app"]
)
POSTPONED_RECOUNTS = Counter(
    "weir_aggregate_postponed_recounts", "Recounts that could not be done and are tried again"
)
CATALOGS_DISAGREE = Gauge(
    "weir_aggregate_catalogs_disagree",
    "Rollups that this process declares in another way than is adopted, or lacks: it counts nothing of them",
)
