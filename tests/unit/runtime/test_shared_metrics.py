"""Every gauge of a service that may have workers says how these are shown together."""

from importlib import import_module

import pytest
from prometheus_client import Gauge

MODULES = [
    "services.ingest.metrics",
    *(f"libs.{library}.metrics" for library in ("jobs", "rpc", "runtime", "stores", "streams")),
]


@pytest.mark.parametrize("module", MODULES)
def test_each_gauge_is_put_together_from_living_workers(module: str) -> None:
    gauges = [value for value in vars(import_module(module)).values() if isinstance(value, Gauge)]
    assert gauges
    # `live`: what a dead process measured says nothing; `liveall` would add its process id as a label.
    modes = {gauge._name: gauge._multiprocess_mode for gauge in gauges}
    allowed = {"livesum", "livemin", "livemax", "livemostrecent"}
    assert {name for name, mode in modes.items() if mode not in allowed} == set()
