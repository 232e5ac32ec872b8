"""The metrics of several processes, added up.

prometheus_client's multiprocess mode: each process keeps its numbers in files of one folder, which outlive
it, so that a counter does not go back when a process dies. What becomes of a gauge is said at its definition
(`multiprocess_mode`). Metrics of the process and of Python (`process_*`, `python_*`) are not among them.
"""

import atexit
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def keeping_metrics_in(folder: Path) -> Mapping[str, str]:
    """The environment variable with which a process keeps its metrics in files of `folder`."""
    return {_FOLDER: str(folder)}


def metrics_are_shared() -> bool:
    """Whether this process keeps its metrics in files, where functions that are called for a value, and the
    removal of labels, have no effect."""
    return _FOLDER in os.environ


def forget_gauges(pid: int, folder: Path) -> None:
    """Takes the gauges of a process that has ended out of the sums; its counters stay."""
    mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]


def remove_files_at_exit() -> None:
    """Removes the folder with this process's metrics when it ends, because its parent has gone and cannot."""
    atexit.register(shutil.rmtree, os.environ[_FOLDER], ignore_errors=True)


class SharedMetrics(Collector):
    """Collects what all processes with files in a folder have measured, for a registry."""

    def __init__(self, folder: Path) -> None:
        self._files = MultiProcessCollector(None, str(folder))  # type: ignore[no-untyped-call]

    def collect(self) -> Iterator[Metric]:
        """Each metric once, with the numbers of all processes. Labels of an info metric that no process has
        any more are left out: their processes have set them to 0, because files keep them."""
        for metric in self._files.collect():  # type: ignore[no-untyped-call]
            if metric.name.endswith("_info"):
                metric.samples = [sample for sample in metric.samples if sample.value]
            yield metric
