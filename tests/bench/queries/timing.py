"""Answers compared, and how long they take."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import psutil

from tests.bench.figures import percentile
from tests.bench.processes import tree_cpu_seconds

Rows = Sequence[tuple[Any, ...]]
_FEWEST_RUNS = 3


class WrongAnswerError(Exception):
    """Postgres and DuckDB do not agree about the same events."""


@dataclass(frozen=True, slots=True)
class Times:
    """Of the runs of one question: milliseconds by nearest rank, the CPU of a run on average, and how many
    runs there were. CPU is comparable also while the machine has other work."""

    p50_ms: float
    p95_ms: float
    cpu_ms: float
    runs: int

    @classmethod
    def of(cls, milliseconds: Sequence[float], cpu_seconds: float) -> "Times":
        """Of runs that took `cpu_seconds` together. Raises ValueError if there is none."""
        return cls(
            percentile(milliseconds, 50),
            percentile(milliseconds, 95),
            cpu_seconds * 1_000 / len(milliseconds),
            len(milliseconds),
        )


def compare(question: str, where: str, ours: Rows, theirs: Rows) -> None:
    """Raises WrongAnswerError with the first row that differs, also if there is no row at all: then nothing
    was asked."""
    if list(ours) == list(theirs) and ours:
        return
    width = max(len(ours), len(theirs))
    for place in range(width):
        pair = ours[place : place + 1], theirs[place : place + 1]
        if pair[0] != pair[1]:
            raise WrongAnswerError(
                f"{question} ({where}), row {place + 1}: Postgres {pair[0]}, DuckDB {pair[1]}"
            )
    raise WrongAnswerError(f"{question} ({where}) has no rows on either side")


def timed(ask: Callable[[], object], runs: int, seconds: float) -> Times:
    """Asks `runs` times, or less often once that has taken `seconds`, but three times in any case. CPU is
    that of this process and its children, Postgres among them."""
    found: list[float] = []
    this = psutil.Process()
    cpu = tree_cpu_seconds(this)
    end = perf_counter() + seconds
    while len(found) < runs and (len(found) < _FEWEST_RUNS or perf_counter() < end):
        start = perf_counter()
        ask()
        found.append((perf_counter() - start) * 1_000)
    return Times.of(found, tree_cpu_seconds(this) - cpu)
