"""CPU time and resident memory of the suite's parts, each with its own child processes."""

import os
from collections.abc import Mapping
from pathlib import Path

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

    def forget_peaks(self) -> None:
        """Lets `peak_mb` begin anew."""
        for pid in (*(process.pid for process in self._parts.values()), os.getpid()):
            forget_high_water_mark(pid)

    def peak_mb(self) -> dict[str, float]:
        """The most that every part has held since `forget_peaks`; of Postgres, with its sessions, what it
        holds now. Takes this process a while of CPU: not within a run."""
        peaks = {name: _peak_mb(process) for name, process in self._parts.items()}
        peaks[CLIENT] = high_water_mark_mb(os.getpid())
        return peaks


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


def _peak_mb(root: psutil.Process) -> float:
    """The kernel's own mark. A tree has none, and has what it holds now: pages that several of its processes
    share are counted once."""
    children = root.children(recursive=True)
    if not children:
        return high_water_mark_mb(root.pid)
    total = 0
    for process in (root, *children):
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


def forget_high_water_mark(pid: int) -> None:
    """Has the kernel set a process's mark to what it holds now (proc_pid_clear_refs(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def high_water_mark_mb(pid: int) -> float:
    """The most that a process has held since `forget_high_water_mark`."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1_024 / 1e6
    raise LookupError(f"the kernel says no high water mark of process {pid}")
