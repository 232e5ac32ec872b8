"""CPU time and resident memory of the suite's parts, each with its own child processes."""

from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from suite.supervisor import Suite

PARTS = ("ingest", "enrich", "aggregate", "privacy", "postgres", "redis")
CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of CPU since each part's start, and megabytes resident now, by part."""

    cpu_seconds: Mapping[str, float]
    resident_mb: Mapping[str, float]


class Processes:
    """The parts of a running suite, and this process as the client. `more`: process ids of other servers, by
    name."""

    def __init__(self, suite: Suite, more: Mapping[str, int] | None = None) -> None:
        pids = {name: suite.pid(name) for name in PARTS} | dict(more or {})
        self._parts = {name: psutil.Process(pid) for name, pid in pids.items()}

    def usage(self) -> Usage:
        """What every part has used so far, and holds now."""
        cpu = {name: _tree_cpu_seconds(process) for name, process in self._parts.items()}
        resident = {name: _tree_resident_mb(process) for name, process in self._parts.items()}
        # The suite's parts are children of this process: the client is this process alone.
        this = psutil.Process()
        cpu[CLIENT] = _own_cpu_seconds(this)
        resident[CLIENT] = this.memory_info().rss / 1e6
        return Usage(cpu, resident)


def cpu_us_per_event(before: Usage, after: Usage, events: int) -> dict[str, float]:
    """Microseconds of CPU for one of `events`, by part."""
    return {
        name: (after.cpu_seconds[name] - before.cpu_seconds[name]) / events * 1e6
        for name in after.cpu_seconds
    }


def _own_cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _tree_cpu_seconds(root: psutil.Process) -> float:
    times = root.cpu_times()
    # Children that have ended (a database session, a background save) are in the parent's books.
    total = times.user + times.system + times.children_user + times.children_system
    for child in root.children(recursive=True):
        try:
            total += _own_cpu_seconds(child)
        except psutil.NoSuchProcess:
            continue
    return total


def _tree_resident_mb(root: psutil.Process) -> float:
    """Resident memory; pages that several processes of a tree share are counted once."""
    children = root.children(recursive=True)
    if not children:
        return root.memory_info().rss / 1e6
    total = 0
    for process in (root, *children):
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6
