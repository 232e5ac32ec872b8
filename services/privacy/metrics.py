"""What privacy counts. Numbers of the hot path are plain integers, read when somebody asks."""

from collections.abc import Iterator
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Counted(Protocol):
    """Where the numbers lie."""

    checks: int
    recordings: int


class PrivacyCollector(Collector):
    """Exports the counts of a servicer, a checker, a keeper and its repairs."""

    def __init__(self, servicer: Counted, checker: "Counting", keeper: "Filling", repairs: "Sized"):
        self._servicer = servicer
        self._checker = checker
        self._keeper = keeper
        self._repairs = repairs

    def collect(self) -> Iterator[Metric]:
        """The current numbers."""
        yield _counter("checks", "People asked about", self._servicer.checks)
        yield _counter(
            "checks_from_postgres",
            "Of these, answered without the mirror in Redis",
            self._checker.from_store,
        )
        yield _counter("recordings", "Grants and withdrawals recorded", self._servicer.recordings)
        yield _counter("mirror_fills", "Times an app's mirror was filled", self._keeper.fills)
        yield GaugeMetricFamily(
            "weir_privacy_repairs",
            "People whose mirror may differ from what is recorded",
            value=len(self._repairs),
        )


class Counting(Protocol):
    """What a checker counts."""

    from_store: int


class Filling(Protocol):
    """What a keeper counts."""

    fills: int


class Sized(Protocol):
    """Something with a length."""

    def __len__(self) -> int: ...


def _counter(name: str, description: str, value: int) -> CounterMetricFamily:
    return CounterMetricFamily(f"weir_privacy_{name}", description, value=value)
