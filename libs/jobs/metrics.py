"""Prometheus metrics of jobs."""

from prometheus_client import Counter, Gauge, Histogram

RUNS = Counter(
    "weir_job_runs",
    "Runs that ended, by outcome: succeeded, failed, abandoned (its runner died), stopped (with its service)",
    ["job", "outcome"],
)
LAST_SUCCESS = Gauge(
    "weir_job_last_success_timestamp_seconds",
    "When a run last succeeded at any replica, Unix time; 0 if never",
    ["job"],
    multiprocess_mode="livemax",
)
SECONDS = Histogram(
    "weir_job_seconds",
    "How long a run took",
    ["job"],
    buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400),
)
