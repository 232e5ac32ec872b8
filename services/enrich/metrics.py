"""Prometheus metrics of the enrich service."""

from prometheus_client import Counter, Gauge

STORED = Counter("weir_enrich_events_stored", "Events inserted", ["app"])
SKIPPED = Counter(
    "weir_enrich_events_skipped", "Events that were stored before, or that ingest had seen", ["app"]
)
ANONYMIZED = Counter(
    "weir_enrich_events_anonymized",
    "Events that were due to be anonymized when they arrived",
    ["app"],
)
FENCED = Counter(
    "weir_enrich_events_fenced",
    "Events that were not stored, because their person was erased after they occurred",
    ["app"],
)
NOT_SEALED = Counter(
    "weir_enrich_events_not_sealed",
    "Events stored without their sealed properties: the person's key was destroyed after they had occurred",
    ["app"],
)
DEAD_LETTERED = Counter(
    "weir_enrich_events_dead_lettered",
    "Events that could not be enriched or stored, and became dead letters",
    ["app"],
)
FORWARDED = Counter("weir_enrich_batches_forwarded", "Batches handed to aggregate")
CONFLICT_CHUNKS = Counter(
    "weir_enrich_conflict_chunks",
    "Chunks that took the slower way, because some of it was stored before",
)
PARTITIONS = Gauge("weir_enrich_partitions", "Leaves of enrich.events")
