"""Prometheus metrics of the stores, by store."""

from prometheus_client import Gauge

STORE_ANSWERS = Gauge(
    "weir_store_answers",
    "1 while the store answers, 0 while it does not",
    ["store"],
    # 0 if it leaves one of several workers without an answer.
    multiprocess_mode="livemin",
)
