"""Prometheus metrics of the catalogs that a service works with."""

from prometheus_client import Counter, Gauge

CATALOG_INFO = Gauge(
    "weir_catalog_info",
    "Always 1; the version of the catalogs in use",
    ["version"],
    # Of several workers that have different ones: all of these.
    multiprocess_mode="livemax",
)
CATALOG_APPS = Gauge(
    "weir_catalog_apps", "Apps in the catalogs in use", multiprocess_mode="livemostrecent"
)
CATALOG_LOADED = Gauge(
    "weir_catalog_loaded_timestamp_seconds",
    "When the catalogs in use were loaded, Unix time",
    multiprocess_mode="livemin",
)
CATALOG_BROKEN = Gauge(
    "weir_catalog_broken",
    "1 while the folder's catalogs are broken and those from before stay in use",
    multiprocess_mode="livemax",
)
CATALOG_FAILURES = Counter(
    "weir_catalog_reload_failures", "Times that changed catalogs were refused"
)
