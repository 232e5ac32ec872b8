"""CPU time and resident memory of the suite's parts, each with its own child processes."""

from collections.abc import Mapping

import psutil

from suite.supervisor import Suite

PARTS = ("ingest", "enrich", "aggregate", "privacy", "postgres", "redis")
CLIENT = "client"


class Processes:
    """The parts of a running suite, and this process as the client. `more`: process ids of other servers, by
    name."""

    def __init__(self, suite: Suite, more: Mapping[str, int] | None = None) -> None:
        pids = {name: suite.pid(name) for name in PARTS} | dict(more or {})
        self._parts = {name: psutil.Process(pid) for name, pid in pids.items()}

    def cpu_seconds(self) -> dict[str, float]:
        """What every part has used since its start."""
        cpu = {name: tree_cpu_seconds(process) for name, process in self._parts.items()}
        # The suite's parts are children of this process: the client is this process alone.
        cpu[CLIENT] = own_cpu_seconds(psutil.Process())
        return cpu

    def resident_mb(self) -> dict[str, float]:
        """What every part holds now. Takes this process a while of CPU: not within a run."""
        resident = {name: _tree_resident_mb(process) for name, process in self._parts.items()}
        resident[CLIENT] = psutil.Process().memory_info().rss / 1e6
        return resident


def cpu_us_per_event(
    before: Mapping[str, float], after: Mapping[str, float], events: int
) -> dict[str, float]:
    """Microseconds of CPU for one of `events`, by part, of seconds since each part's start."""
    return {name: (after[name] - before[name]) / events * 1e6 for name in after}


def own_cpu_seconds(process: psutil.Process) -> float:
    """What a process has used itself since its start."""
    times = process.cpu_times()
    return times.user + times.system


def tree_cpu_seconds(root: psutil.Process) -> float:
    """What a process and all its children, those that have ended included, have used."""
    times = root.cpu_times()
    # Children that have ended (a database session, a background save) are in the parent's books.
    total = times.user + times.system + times.children_user + times.children_system
    for child in root.children(recursive=True):
        try:
            total += own_cpu_seconds(child)
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
